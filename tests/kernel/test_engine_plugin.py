"""An engine of another package in a notebook: nothing in this one knows of it."""

import re

import pytest


@pytest.fixture
def package(kernel, engine_package):
    """Return the folder of a package with an engine; the kernel forgets it after the test."""
    yield str(engine_package)
    kernel.run(
        "%unload_ext codeface_jupyter\n"
        "get_ipython().config.CodeFace.clear()\n"
        f"sys.path = [folder for folder in sys.path if folder != {str(engine_package)!r}]\n"
        "del sys.modules['codeface_echo']"
    )


def test_an_installed_engine_is_chosen_answers_and_shows_its_option(kernel, package):
    kernel.run(f"import sys; sys.path.insert(0, {package!r})")
    assert kernel.run("%load_ext codeface_jupyter").reply["status"] == "ok"
    answered = kernel.run("%%codeface --cells none\nis anybody there?")
    assert answered.reply["status"] == "ok"
    assert kernel.value("_codeface.text.strip()") == "Hello is anybody there?"

    changed = kernel.run("%codeface_config echo.greeting=Dear")
    assert changed.text == "echo.greeting = Dear (this session)\n"
    shown = kernel.run("%codeface_config")
    engines, _, options, settings = (bundle["text/plain"] for bundle in shown.bundles)
    assert re.search(r"echo +yes +echoes come back at once", engines)
    assert re.search(r"scripted +yes +.*used only if the settings name it", engines)
    assert "the engine is echo: echoes come back at once" in settings
    assert re.search(r"echo\.greeting +Dear +%config +What an answer begins with", options)

    # Its names alone are among those that %config offers.
    kernel.run("%config CodeFace.greeting = 'Good'")
    assert "Good" in kernel.run("%config CodeFace.greeting").bundles[-1]["text/plain"]
    kernel.run("%%codeface --cells none\nmorning")
    assert kernel.value("_codeface.text.strip()") == "Good morning"


def test_an_engine_comes_with_the_next_load_and_its_going_harms_nothing(kernel, package):
    kernel.run("%load_ext codeface_jupyter")
    assert "CodeFace.greeting" not in kernel.run("%config CodeFace").text
    kernel.run(f"import sys; sys.path.insert(0, {package!r})")
    kernel.run("%unload_ext codeface_jupyter")
    kernel.run("%load_ext codeface_jupyter")
    assert "CodeFace.greeting" in kernel.run("%config CodeFace").text
    assert kernel.run("%config CodeFace.greeting = 'Good'").reply["status"] == "ok"
    assert "Good" in kernel.run("%config CodeFace.greeting").bundles[-1]["text/plain"]

    kernel.run(f"sys.path.remove({package!r})")
    assert kernel.run("%config CodeFace.temperature = 0.5").reply["status"] == "ok"
    assert "0.5" in kernel.run("%config CodeFace.temperature").bundles[-1]["text/plain"]
    assert kernel.run("%codeface_config seed=3").reply["status"] == "ok"
    refused = kernel.run("%config CodeFace.greeting = 'Dear'")
    assert "No installed engine has the option 'greeting'" in refused.text
