"""A real kernel, driven as a notebook's front end drives it."""

import json
import time

import pytest
from jupyter_client.manager import start_new_kernel

TIMEOUT_S = 30


class Run:
    """What one executed cell sent back."""

    def __init__(self):
        self.messages = []
        self.reply = None

    def of_type(self, *types):
        return [m["content"] for m in self.messages if m["msg_type"] in types]

    @property
    def text(self):
        return "".join(content["text"] for content in self.of_type("stream"))

    @property
    def bundles(self):
        contents = self.of_type("display_data", "update_display_data", "execute_result")
        return [content["data"] for content in contents]


class Notebook:
    """Runs cells in one kernel; ``cell_id`` makes it look like JupyterLab."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(startup_timeout=60)

    def run(self, code, *, cell_id=None, allow_stdin=False, while_running=lambda run: None):
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": allow_stdin}
        metadata = {"cellId": cell_id} if cell_id else {}
        request = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(request)
        run, msg_id = Run(), request["header"]["msg_id"]
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            run.messages.append(message)
            if message["content"].get("execution_state") == "idle":
                run.reply = self._reply(msg_id)
                return run
            while_running(run)
        raise AssertionError("the cell did not end")

    def _reply(self, msg_id):
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT_S)
            if reply["parent_header"]["msg_id"] == msg_id:
                return reply["content"]

    def value(self, expression):
        return json.loads(self.run(f"import json; print(json.dumps({expression}))").text)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel():
    notebook = Notebook()
    yield notebook
    notebook.close()


@pytest.fixture
def notebook(kernel):
    kernel.run("%reset -f")
    assert kernel.run("%load_ext codeface_jupyter").reply["status"] == "ok"
    yield kernel
    assert kernel.run("%unload_ext codeface_jupyter").reply["status"] == "ok"


@pytest.fixture
def scripted(notebook):
    """Return the notebook with an engine that answers from a script."""
    notebook.run("%config CodeFace.engine = 'scripted'")
    yield notebook
    notebook.run("%config CodeFace.engine = 'auto'")
