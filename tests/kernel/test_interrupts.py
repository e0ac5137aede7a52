"""A real kernel is interrupted: what had come is kept, and what follows does not run."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME

SCRIPTED = "-e scripted -m scripted"
LONG = f"{SCRIPTED}:10ms:x2000 -n 2000"


class Interrupter:
    """Interrupts the kernel once, when the running cell has shown something that fits."""

    def __init__(self, notebook, is_due):
        self.notebook = notebook
        self.is_due = is_due
        self.at = None

    def __call__(self, run):
        if self.at is None and self.is_due(run):
            self.at = time.monotonic()
            self.notebook.manager.interrupt_kernel()


def has_shown_some_text(run):
    return len(run.bundles) >= 5


def run_interrupted(notebook, code, *, is_due=has_shown_some_text, **options):
    return notebook.run(code, while_running=Interrupter(notebook, is_due), **options)


@pytest.mark.parametrize(
    "code",
    [
        f"%%codeface {LONG}\ntalk for a while",
        f"%codeface {LONG} talk for a while",
        f"x = 1\n%codeface_explain {LONG} x",
        f"%%time\n%codeface {LONG} talk for a while",
        f"def ask():\n    %codeface {LONG} talk\nfor _ in range(3):\n    ask()",
    ],
    ids=["cell", "line", "explain", "under %%time", "function in a loop"],
)
def test_what_had_come_is_kept_and_the_cell_ends_as_interrupted(notebook, code):
    run = run_interrupted(notebook, f"{code}\n" if code.startswith("%%codeface") else code)
    assert run.reply["ename"] == "KeyboardInterrupt"
    assert "stopped early" in next(b for b in run.bundles if RESULT_MIME in b)["text/markdown"]
    assert sum(RESULT_MIME in bundle for bundle in run.bundles) == 1
    assert notebook.value("_codeface.finish_reason") == "cancelled"
    assert 0 < notebook.value("_codeface.metrics.generated_tokens") < 2000
    after = notebook.run(f"%%codeface {SCRIPTED}\nand again")
    assert after.reply["status"] == "ok"
    assert notebook.value("_codeface.finish_reason") == "stop"


def test_queued_cells_do_not_run_after_an_interrupt(notebook):
    client = notebook.client
    notebook.run("ran = []")
    queued = []

    def queue_and_interrupt(run):
        if not queued and has_shown_some_text(run):
            queued.append(client.execute("ran.append(1)"))
            notebook.manager.interrupt_kernel()

    notebook.run(f"%%codeface {LONG}\ntalk for a while", while_running=queue_and_interrupt)
    assert notebook._reply(queued[0])["status"] == "aborted"
    # Until ipykernel takes requests again.
    while notebook.run("ran").reply["status"] == "aborted":
        pass
    assert notebook.value("ran") == []


def test_an_interrupt_while_the_widgets_are_made_leaves_nothing_going_on(notebook):
    notebook.run(
        "import signal, ipywidgets\n"
        "kept = ipywidgets.FloatProgress.__init__\n"
        "def interrupted(self, *args, **kwargs):\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    kept(self, *args, **kwargs)\n"
        "ipywidgets.FloatProgress.__init__ = interrupted"
    )
    try:
        run = notebook.run(f"%%codeface {LONG}\ntalk for a while", cell_id="cell-1")
    finally:
        notebook.run("ipywidgets.FloatProgress.__init__ = kept")
    assert run.reply["ename"] == "KeyboardInterrupt"
    opened = [m["comm_id"] for m in run.of_type("comm_open")]
    assert set(opened[1:]) <= {m["comm_id"] for m in run.of_type("comm_close")}
    began = time.monotonic()
    assert notebook.run(f"%codeface {SCRIPTED} hello").reply["status"] == "ok"
    assert time.monotonic() - began < 5


@pytest.fixture
def silent_hub():
    """Return the address of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def asking_silence(notebook, silent_hub, tmp_path):
    """Return a question whose model is to be fetched from a source that says nothing."""
    # The hub's library reads its own settings once.
    notebook.run(
        "import huggingface_hub.constants as constants\n"
        "import os\n"
        f"os.environ['HF_ENDPOINT'] = {silent_hub!r}\n"
        "os.environ.pop('HF_HUB_OFFLINE', None)\n"
        f"%config CodeFace.cache_dir = {str(tmp_path)!r}"
    )
    yield "%%codeface -e transformers -m owner/silent --cells 0\nhello"
    notebook.run("del os.environ['HF_ENDPOINT']")


def is_asking_the_hub(run):
    return any("Asking the hub" in bundle["text/plain"] for bundle in run.bundles)


def test_a_source_that_says_nothing_is_left_at_once_and_the_next_question_starts(
    notebook, asking_silence
):
    for _ in range(2):
        interrupter = Interrupter(notebook, is_asking_the_hub)
        run = notebook.run(asking_silence, while_running=interrupter)
        assert run.reply["ename"] == "KeyboardInterrupt"
        assert time.monotonic() - interrupter.at < 2
    began = time.monotonic()
    assert notebook.run(f"%codeface {SCRIPTED} hello").reply["status"] == "ok"
    assert notebook.run("%codeface_models unload").reply["status"] == "ok"
    assert notebook.run("%reload_ext codeface_jupyter").reply["status"] == "ok"
    assert time.monotonic() - began < 5


def test_a_pull_that_is_interrupted_ends_as_interrupted(notebook, asking_silence):
    run = run_interrupted(notebook, "%codeface_models pull owner/silent", is_due=is_asking_the_hub)
    assert run.reply["ename"] == "KeyboardInterrupt"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_nothing_of_ours_outlives_a_killed_kernel(own_kernel, silent_hub, tmp_path):
    index = f"{silent_hub}/simple"
    own_kernel.run(
        f"import os; os.environ.update(HF_HUB_OFFLINE='1', PIP_INDEX_URL={index!r}, "
        f"PIP_CONFIG_FILE={os.devnull!r}, CODEFACE_CACHE_DIR={str(tmp_path)!r})\n"
        "%load_ext codeface_jupyter"
    )
    pid = own_kernel.value("os.getpid()")

    def kill_once_pip_runs(_run):
        if pips_for(index):
            os.kill(pid, signal.SIGKILL)
            raise InterruptedError

    question = "%%codeface -e transformers -m qwen2.5-coder-0.5b --cells 0\nhello"
    with pytest.raises(InterruptedError):
        own_kernel.run(question, while_running=kill_once_pip_runs)
    deadline = time.monotonic() + 5
    while pips_for(index):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def pips_for(index):
    """Return the processes of pip that are to download from ``index``."""
    return [
        folder.name
        for folder in Path("/proc").glob("[0-9]*")
        if index.encode() in contents(folder / "environ")
        and b"download" in contents(folder / "cmdline")
    ]


def contents(file):
    """Return a file's contents; nothing if it is another user's, or gone."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
