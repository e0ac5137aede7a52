"""``%codeface_models`` in a real kernel: names, what is told, and removing with a question."""

import pytest

NAME = "qwen2.5-coder-0.5b"


@pytest.fixture
def models(notebook, tmp_path):
    """A notebook whose cache folder and aliases are the test's own."""
    done = notebook.run(
        "from codeface_jupyter.magics.models import ModelMagics\n"
        "from codeface_jupyter.config.aliases import Aliases\n"
        "from pathlib import Path\n"
        "_ip = get_ipython()\n"
        "_config = next(c for c in _ip.configurables if isinstance(c, ModelMagics))"
        ".extension.config\n"
        f"_config.set(cache_dir={str(tmp_path / 'cache')!r})\n"
        f"_config.aliases = Aliases(Path({str(tmp_path / 'aliases.json')!r}))\n"
        "import os; os.environ['HF_HUB_OFFLINE'] = '1'"
    )
    assert done.reply["status"] == "ok"
    return notebook


@pytest.fixture
def gguf(tmp_path):
    file = tmp_path / "cache" / "gguf" / f"{NAME}.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(3_000))
    return file


def markdown(run):
    return "\n".join(bundle["text/markdown"] for bundle in run.bundles)


def test_an_alias_works_wherever_a_model_is_named(models):
    assert (
        "small stands for smollm2-135m."
        in models.run("%codeface_models alias small smollm2-135m").text
    )
    assert "smollm2-135m answers from now on" in models.run("%codeface_models use small").text
    models.run("%config CodeFace.model = 'qwen'")
    models.run("%config CodeFace.model = 'small'")
    assert models.value("_config.settings.model") == "smollm2-135m"
    text = markdown(models.run("%codeface_models info small"))
    assert "SmolLM2" in text
    assert "memory in bfloat16" in text
    assert "small = smollm2" in markdown(models.run("%codeface_models"))
    told = models.run("%codeface_models dealias small").text
    assert told == "small no longer stands for smollm2-135m.\n"
    assert models.run("%codeface_models dealias small").reply["ename"] == "ConfigError"


def test_an_alias_may_not_hide_a_catalog_name(models):
    run = models.run("%codeface_models alias qwen owner/name")
    assert run.reply["ename"] == "ConfigError"


def test_the_list_says_why_a_model_does_not_fit(models):
    models.run(
        "from codeface_jupyter.models import listing\n"
        "_free, listing.available_memory = listing.available_memory, lambda _: 4 * 10**9"
    )
    text = markdown(models.run("%codeface_models list"))
    models.run("listing.available_memory = _free")
    assert "68.6 GB (-64.6 GB)" in text


def test_without_an_argument_only_what_is_here_or_recommended_is_listed(models):
    short, whole = (markdown(models.run(f"%codeface_models {verb}")) for verb in ("", "list"))
    assert " more: " in short
    assert " more: " not in whole
    assert "qwen2.5-coder-1.5b" in short
    assert "gpt-neo" in whole
    assert "gpt-neo" not in short


def test_removing_asks_first(models, gguf):
    models.run("import builtins; _input = builtins.input")
    run = models.run(f"builtins.input = lambda prompt: 'n'\n%codeface_models remove {NAME}")
    assert "Nothing was removed." in run.text
    assert gguf.exists()
    run = models.run(f"builtins.input = lambda prompt: 'y'\n%codeface_models remove {NAME}")
    models.run("builtins.input = _input")
    assert "Removed." in run.text
    assert "3 kB" in run.text
    assert not gguf.exists()


def test_with_nobody_to_ask_nothing_is_removed(models, gguf):
    run = models.run(f"%codeface_models remove {NAME}")
    assert run.reply["ename"] == "UsageError"
    assert "--yes" in "".join(run.reply["traceback"]) + run.text
    assert gguf.exists()
    assert "Removed." in models.run(f"%codeface_models remove {NAME} --yes").text
    assert not gguf.exists()


@pytest.mark.parametrize("line", ["frobnicate", "use", "alias one", "list --yes", "use a --yes"])
def test_wrong_words_are_told_the_right_ones(models, line):
    run = models.run(f"%codeface_models {line}")
    assert run.reply["ename"] == "UsageError"
    assert "alias NAME MODEL" in run.reply["evalue"]


def test_a_name_that_the_catalog_lacks_is_told_what_resembles_it(models):
    told = models.run("%codeface_models use qwen2.5-coder-0.6b").text
    assert "The catalog has no such model. Did you mean" in told
    assert "qwen2.5-coder-0.5b" in told
    for name in ("qwen2.5-coder-1.5b", "Qwen/Qwen2.5-Coder-0.6B"):
        assert "It is fetched" in models.run(f"%codeface_models use {name}").text
    models.run("%codeface_models use auto")


def test_a_servers_model_is_taken_by_any_name(models):
    models.run("%codeface_config engine=openai base_url=http://127.0.0.1:9/v1")
    for name in ("qwen2.5-coder:7b", "coder", "qwen2.5-coder-0.6b", "Qwen/Qwen2.5-Coder-0.6B"):
        told = models.run(f"%codeface_models use {name}").text
        assert told == f"{name} answers from now on.\n"
        assert models.value("_config.settings.model") == name
    told = models.run("%codeface_models use auto").text
    assert told.startswith("The openai engine chooses no model")
    models.run("%codeface_config engine=auto base_url=")


@pytest.mark.parametrize("flag", ["--allow-pickle", "--trust-remote-code"])
def test_what_is_dangerous_is_told_in_the_call_that_allows_it(models, flag):
    run = models.run(f"%codeface {flag} -e scripted say hello")
    assert run.reply["status"] == "ok"
    assert f"Warning: {flag}" in run.text
    assert "Warning" not in models.run("%codeface -e scripted say hello").text


def test_what_fails_before_it_begins_is_not_said_to_be_stopped(notebook):
    notebook.run("%config CodeFace.auto_pull = False\n%config CodeFace.engine = 'auto'")
    run = notebook.run("%codeface -m no/such-model plot it", cell_id="a")
    notebook.run("%config CodeFace.auto_pull = True")

    assert run.reply["ename"] == "ModelNotFetchedError"
    assert "Stopped" not in str(run.bundles)
