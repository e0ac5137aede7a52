"""Files, folders and names that are not what they should be, in a notebook: one line each."""

import json
import sys

import pytest

from codeface_jupyter.models.storage import ModelStorage

SCRIPTED = "-e scripted -m scripted"
NAME = "qwen2.5-coder-0.5b"
LONG = "x" * 5_000
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}


@pytest.fixture
def offline(notebook, tmp_path):
    """Return the notebook with a cache folder of the test's own, and no network."""
    notebook.run(
        "import os; os.environ |= {'HF_HUB_OFFLINE': '1', 'PIP_NO_INDEX': '1'}\n"
        "_magics = next(each for each in get_ipython().configurables if hasattr(each, 'extension'))"
    )
    done = notebook.run(f"_magics.extension.config.set(cache_dir={str(tmp_path / 'cache')!r})")
    assert done.reply["status"] == "ok"
    return notebook


def told(run):
    """Return what the one line of a cell that failed says."""
    (error,) = run.of_type("error")
    assert len(error["traceback"]) <= 2, error["traceback"]
    return error["evalue"]


@pytest.mark.parametrize(
    "line",
    [
        f"%%codeface {SCRIPTED} --files {LONG}\nread it",
        f"%%codeface {SCRIPTED} --files ~no-such-user-here/x\nread it",
        f"%%codeface {SCRIPTED} --template {LONG}\nask it",
        f"%codeface_models pull {LONG}",
        f"%codeface_models info owner/{LONG}",
        "%codeface_models remove ~no-such-user-here/x --yes",
        f"%codeface -e openvino -m {LONG} hello",
    ],
    ids=["files", "files of nobody", "template", "pull", "info", "remove", "model"],
)
def test_a_name_that_no_file_can_have(offline, line):
    assert told(offline.run(line))


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
@pytest.mark.parametrize("line", ["%codeface_models pull qwen", "%codeface -m qwen hello"])
def test_a_lock_that_is_a_link(offline, tmp_path, line):
    storage = ModelStorage(tmp_path / "cache", NAME)
    lock = storage.cache_dir / "locks" / f"{storage.name}.lock"
    lock.parent.mkdir(parents=True)
    lock.symlink_to(tmp_path / "nowhere")
    assert f"{lock} cannot be written" in told(offline.run(line))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("place", ["cache", "locks"])
def test_a_cache_folder_that_is_a_file(offline, tmp_path, place):
    if place == "cache":
        (tmp_path / "cache").touch()
    else:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "locks").touch()
    assert "not a folder" in told(offline.run("%codeface_models pull qwen"))
    assert offline.run(f"%codeface {SCRIPTED} hello").reply["status"] == "ok"


@pytest.mark.parametrize("engine", ["auto", "openvino", "transformers"])
@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CONFIG, "pickled weights"),
        (CONFIG | {"model_type": []}, "wrong type"),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=["hostile pickle", "wrong type", "nested without end"],
)
def test_a_model_s_folder_that_holds_rubbish(offline, tmp_path, engine, config, said):
    written = tmp_path / "written"
    (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_text(f"cbuiltins\nopen\n(V{written}\nVw\ntR.")
    assert said in told(offline.run(f"%codeface -e {engine} -m {tmp_path} hello"))
    assert not written.exists()


def test_a_request_log_that_cannot_be_written(offline, tmp_path):
    offline.run(f"%config CodeFace.request_log = {str(tmp_path)!r}")
    run = offline.run(f"%codeface {SCRIPTED} hello")
    assert run.reply["status"] == "ok"
    assert run.text.count("is switched off") == 1
    offline.run("%config CodeFace.request_log = None")
