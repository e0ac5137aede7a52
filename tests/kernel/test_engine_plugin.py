"""An engine of another package in a notebook: nothing in this one knows of it."""

import re


def test_an_installed_engine_is_chosen_answers_and_shows_its_option(kernel, engine_package):
    kernel.run(f"import sys; sys.path.insert(0, {str(engine_package)!r})")
    assert kernel.run("%load_ext codeface_jupyter").reply["status"] == "ok"
    answered = kernel.run("%%codeface --cells none\nis anybody there?")
    assert answered.reply["status"] == "ok"
    assert kernel.value("_codeface.text.strip()") == "Hello is anybody there?"

    changed = kernel.run("%codeface_config echo.greeting=Dear")
    engines, options, settings = (bundle["text/plain"] for bundle in changed.bundles)
    assert re.search(r"echo +yes +echoes come back at once", engines)
    assert re.search(r"scripted +yes +.*used only if the settings name it", engines)
    assert "the engine is echo: echoes come back at once" in settings
    assert re.search(r"echo\.greeting +Dear +%config +What an answer begins with", options)

    # Its names alone are among those that %config offers.
    kernel.run("%config CodeFace.greeting = 'Good'")
    assert "Good" in kernel.run("%config CodeFace.greeting").bundles[-1]["text/plain"]
    kernel.run("%%codeface --cells none\nmorning")
    assert kernel.value("_codeface.text.strip()") == "Good morning"
