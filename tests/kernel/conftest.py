"""A real kernel, driven as a notebook's front end drives it."""

import json
import queue
import time
import uuid

import pytest
from jupyter_client.manager import start_new_kernel

# ipykernel waits up to 10 s each for stdout and stderr to be flushed before a cell counts as done.
TIMEOUT_S = 60


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
        return self.request(content, metadata=metadata, while_running=while_running)

    def request(self, content, *, metadata=None, while_running=lambda run: None):
        """Send an `execute_request` as it is, and return what came back."""
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


class Page:
    """A notebook's page on a kernel: runs cells with ids, has one comm, and keeps what it sees.

    ``run`` fails with the cell; `Notebook.run` tells what became of it.
    """

    def __init__(self, notebook):
        self.notebook = notebook
        self.client = notebook.client
        self.seen = []
        self.read = 0
        self.comm_id = uuid.uuid4().hex
        self.subshell_id = None

    def another(self):
        """Return a second page on the same kernel."""
        return Page(self.notebook)

    def run(self, code, *, cell_id=None):
        """Run a cell to its end and return what it printed."""
        return self.finish(self.start(code, cell_id=cell_id))

    def start(self, code, *, cell_id=None):
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        metadata = {} if cell_id is None else {"cellId": cell_id}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def finish(self, request):
        begin = len(self.seen)
        self.wait(lambda m: self.is_status(m, "idle") and m["parent_header"]["msg_id"] == request)
        mine = [m for m in self.seen[begin:] if m["parent_header"].get("msg_id") == request]
        errors = [m["content"]["evalue"] for m in mine if m["msg_type"] == "error"]
        assert not errors
        return "".join(m["content"]["text"] for m in mine if m["msg_type"] == "stream").strip()

    def wait(self, condition):
        """Return the next message on IOPub that fulfils ``condition``."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            except queue.Empty:
                break
            self.seen.append(message)
            if condition(message):
                return message
        raise AssertionError(f"not seen among {[m['msg_type'] for m in self.seen]}")

    def open_comm(self, *, on_subshell):
        self.subshell_id = None
        if on_subshell:
            request = self.client.session.msg("create_subshell_request", {})
            self.client.control_channel.send(request)
            reply = self.client.get_control_msg(timeout=TIMEOUT_S)
            self.subshell_id = reply["content"]["subshell_id"]
        opening = self._send("comm_open", {"version": 2, "type": "open"})
        self._wait_for_subshell(opening)
        return self

    def _wait_for_subshell(self, request):
        """Wait for a message to be handled: a subshell does so in its own time."""
        if self.subshell_id is not None:
            self.wait(
                lambda m: self.is_status(m, "idle") and m["parent_header"]["msg_id"] == request
            )

    def send(self, **data):
        return self._send("comm_msg", {"version": 2, **data})

    def notify(self, method, **payload):
        return self.send(type="notification", method=method, payload=payload)

    def request(self, method, request_id="r", **payload):
        return self.send(type="request", request_id=request_id, method=method, payload=payload)

    def click(self, comm_id):
        """Click the button of a widget."""
        self._send("comm_msg", {"method": "custom", "content": {"event": "click"}}, comm_id=comm_id)

    def close_comm(self):
        return self._send("comm_close", {})

    def _send(self, msg_type, data, *, comm_id=None):
        comm_id = comm_id or self.comm_id
        content = {"comm_id": comm_id, "target_name": "codeface.notebook", "data": data}
        message = self.client.session.msg(msg_type, content)
        message["header"]["subshell_id"] = self.subshell_id
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def received(self, kind):
        """Return the kernel's next message of a type, or of a method, in the order of coming."""

        def is_of_kind(m):
            data = m["content"].get("data", {})
            return m["msg_type"] == "comm_msg" and kind in (data.get("type"), data.get("method"))

        unread = range(self.read, len(self.seen))
        found = next((n for n in unread if is_of_kind(self.seen[n])), None)
        if found is None:
            self.wait(is_of_kind)
            found = len(self.seen) - 1
        self.read = found + 1
        return self.seen[found]["content"]["data"]

    @staticmethod
    def is_status(message, state):
        return message["msg_type"] == "status" and message["content"]["execution_state"] == state

    def push(self, cells, *, asking, **run):
        self._wait_for_subshell(
            self.notify("cells", path="a.ipynb", asking=asking, cells=cells, **run)
        )


@pytest.fixture(scope="module")
def kernel():
    notebook = Notebook()
    yield notebook
    notebook.close()


@pytest.fixture
def own_kernel():
    """Return a notebook on a kernel that no other test uses, which may be killed."""
    notebook = Notebook()
    yield notebook
    notebook.close()


@pytest.fixture
def kernel_page(kernel):
    """Return a page on the kernel; nothing of it is open yet."""
    return Page(kernel)


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
