"""Real JupyterLab in a real browser: a server and a page for all tests, a notebook for each."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import nbformat
import pytest

from codeface_jupyter.config import default_cache_dir

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "codeface_jupyter" / "labextension"
IMAGES = ROOT / "docs" / "images"
AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
# Read here, before the tests' own environment is cleared of our variables.
KEEPS_SCREENSHOTS = os.environ.get("CODEFACE_SCREENSHOTS") == "1"
TIMEOUT_MS = 30_000
VIEWPORT = {"width": 1100, "height": 760}
START_TIMEOUT_S = 60
# What keeps Chromium from looking beyond this machine and from needing what a container lacks.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
]
PANEL = "window.jupyterapp.shell.currentWidget"
EXECUTE = "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)"
LIGHT = "JupyterLab Light"
# Leaves nothing in the main area but what a command opens there.
SHOW_ONLY = """async ([command, args]) => {
  const { commands, shell } = window.jupyterapp;
  const others = Array.from(shell.widgets('main'));
  await commands.execute(command, args);
  others.forEach(widget => widget.dispose());
}"""
# In one go: an answer that ends in between moves the focus, and with it the active cell.
RUN_CELL = """(panel, index) => {
  panel.content.deselectAll();
  panel.content.activeCellIndex = index;
  return window.jupyterapp.commands.execute('notebook:run-cell').then(() => null);
}"""
# What would be in the way of the next test, or taken for its own.
LEFT_OPEN = ".jp-Dialog, .jp-ModalCommandPalette:visible, .lm-Menu, .Toastify__toast"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here (apt-get install chromium)")
    return {**browser_type_launch_args, "executable_path": chromium, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": VIEWPORT}


class Tab:
    """A page that one test hands to the next, since JupyterLab takes seconds to load."""

    def __init__(self, browser, arguments):
        self._new_context = partial(browser.new_context, **arguments)
        self._context = None

    @property
    def page(self):
        if self._context is None:
            self._context = self._new_context()
            self._context.new_page()
        return self._context.pages[0]

    def close(self):
        """Have the next test begin with a page, and a browser's state, of its own."""
        if self._context is not None:
            self._context.close()
            self._context = None


@pytest.fixture(scope="session")
def tab(browser, browser_context_args):
    tab = Tab(browser, browser_context_args)
    yield tab
    tab.close()


@pytest.fixture
def page(tab, request):
    """The page of the test before, with nothing open; a new one if that did not leave it so."""
    failures = request.session.testsfailed
    yield tab.page
    is_as_before = False
    try:
        is_as_before = put_away(tab.page) and request.session.testsfailed == failures
    finally:
        if not is_as_before:
            tab.close()


@pytest.fixture
def context(page):
    yield page.context
    page.context.clear_permissions()


def put_away(page):
    """End what a test began in JupyterLab, and return whether the page can be used again."""
    if not page.evaluate("() => 'jupyterapp' in window"):
        return False
    page.keyboard.press("Escape")
    is_lab = page.evaluate("() => window.jupyterapp.name === 'JupyterLab'")
    if is_lab:
        # What a page that has just been loaded still opens would come back.
        page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        page.evaluate(SHOW_ONLY, ["launcher:create", {}])
    # Kernels would pile up.
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.evaluate(EXECUTE, ["apputils:change-theme", {"theme": LIGHT}])
    page.set_viewport_size(VIEWPORT)
    return is_lab and page.locator(LEFT_OPEN).count() == 0


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab with the labextension, and the folder that it shows."""
    assert (BUNDLE / "package.json").is_file(), (
        "The labextension is not built: cd labextension && npm ci && npm run build:prod"
    )
    with serve(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def lab_without_extension(tmp_path_factory):
    """The same, but the labextension is disabled."""
    root = tmp_path_factory.mktemp("plain-lab")
    page_config = root / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text('{"disabledExtensions": {"codeface-jupyter": true}}', encoding="utf-8")
    with serve(root) as server:
        yield server


@pytest.fixture(scope="session")
def serve_lab():
    """What runs another JupyterLab, for tests that need one of their own."""
    return serve


@contextmanager
def serve(root, **settings):
    """Run JupyterLab with everything of its own under ``root``, and settings of its plug-ins."""
    notebooks = root / "notebooks"
    notebooks.mkdir()
    extensions = root / "share" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "codeface-jupyter").symlink_to(BUNDLE)
    settings = {"apputils-extension/notification": {"fetchNews": "false"}, **settings}
    for plugin, values in settings.items():
        _write_setting(root, f"@jupyterlab/{plugin}", json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [
        *("--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={notebooks}"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CODEFACE_")},
        "HOME": str(root),
        "IPYTHONDIR": str(root / "ipython"),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_PATH": str(root / "share"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        # HOME is another, but models are not fetched twice.
        "CODEFACE_CACHE_DIR": str(default_cache_dir()),
        "CODEFACE_ENGINE": "scripted",
        "CODEFACE_MODEL": "scripted:10ms",
    }
    with (root / "lab.log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", *arguments]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _await(f"http://127.0.0.1:{port}/api", server, root / "lab.log")
        yield f"http://127.0.0.1:{port}", notebooks
    finally:
        server.terminate()
        try:
            # It ends the kernels of all tests first.
            server.wait(timeout=60)
        finally:
            server.kill()


def _write_setting(root, plugin, values):
    file = root / "config" / "lab" / "user-settings" / f"{plugin}.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(values, encoding="utf-8")


def _await(url, server, log):
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


class NotebookPage:
    """One notebook in the browser: cells by their position, outputs as locators."""

    def __init__(self, page, lab):
        self.page = page
        self.url, self.folder = lab
        self.name = None
        self.errors = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", self._keep_error)

    def _keep_error(self, error):
        self.errors.append(f"{error}\n{error.stack}")

    def close(self):
        self.page.remove_listener("pageerror", self._keep_error)

    def open(self, *cells, name="", app="lab", metadata=None, wait=True):
        """Write a notebook of ``cells`` (sources, or nbformat's cells) and show it."""
        is_first, self.name = self.name is None, name or f"{uuid.uuid4().hex[:8]}.ipynb"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        made = [nbformat.v4.new_code_cell(c) if isinstance(c, str) else c for c in cells]
        notebook = nbformat.v4.new_notebook(
            cells=made, metadata=metadata or {"kernelspec": kernel, "language_info": kernel}
        )
        nbformat.write(notebook, self.folder / self.name)
        self._path = f"lab/tree/{self.name}?reset" if app == "lab" else f"notebooks/{self.name}"
        if app == "lab" and is_first and self.page.url.startswith(f"{self.url}/lab"):
            self._open_on_page()
        else:
            self.page.goto(f"{self.url}/{self._path}")
        if wait:
            self.await_kernel()
        return self

    def _open_on_page(self):
        self.page.evaluate(SHOW_ONLY, ["docmanager:open", {"path": self.name}])
        # Commands go to it only then.
        self.until(
            f"p => p.context.path === {self.name!r}"
            " && window.jupyterapp.commands.isEnabled('notebook:run-cell')"
        )

    def load_page_again(self):
        """Leave the page, and load it with this notebook alone."""
        self.page.goto(f"{self.url}/{self._path}")

    def await_kernel(self):
        self.until("p => p.sessionContext.session.kernel.status === 'idle'")

    def until(self, condition):
        """Wait until ``condition``, a function of the current panel, holds."""
        self.page.wait_for_function(
            f"() => {{ try {{ return ({condition})({PANEL}) }} catch {{ return false }} }}"
        )

    def evaluate(self, function, *arguments):
        """Return what ``function`` of the current panel and the arguments returns."""
        return self.page.evaluate(f"args => ({function})({PANEL}, ...args)", list(arguments))

    def command(self, name, **arguments):
        return self.page.evaluate(
            "([name, args]) => { void window.jupyterapp.commands.execute(name, args) }",
            [name, arguments],
        )

    def select(self, index):
        self.evaluate("(p, i) => { p.content.deselectAll(); p.content.activeCellIndex = i }", index)

    def start(self, index):
        """Run a cell without waiting for its end."""
        self.evaluate(f"(p, i) => {{ void ({RUN_CELL})(p, i) }}", index)

    def run(self, *indices):
        """Run cells to their end, one after another."""
        for index in indices:
            # The command's promise ends with the cell.
            self.evaluate(RUN_CELL, index)

    def load(self):
        """Load the extension in the first cell, and wait until the front end knows."""
        self.run(0)
        self.page.locator(".jp-CodeFace-status").wait_for()
        return self

    @property
    def sources(self):
        return self.evaluate(
            "p => Array.from(p.content.model.cells).map(c => c.sharedModel.getSource())"
        )

    @property
    def active(self):
        return self.evaluate("p => p.content.activeCellIndex")

    def cell(self, index):
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{index}']")

    def output(self, index):
        return self.cell(index).locator(".jp-Cell-outputArea")

    def stop_button(self, index):
        return self.output(index).locator("button.jupyter-button", has_text="Stop")

    def button(self, index, label):
        # Where an answer has several blocks, the buttons' names say which is meant.
        name = re.compile(rf"^{re.escape(label)}(, code block \d+ of \d+)?$")
        return self.output(index).get_by_role("button", name=name)

    def text(self, index):
        return self.output(index).inner_text()

    def expect(self, index, words):
        """Wait until a cell's output shows ``words``, and return all of its text."""
        self.output(index).get_by_text(words).first.wait_for()
        return self.text(index)

    def use_theme(self, theme):
        """Change the page's theme, and wait until it is there."""
        self.command("apputils:change-theme", theme=theme)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")

    def violations(self, selector):
        """Return what axe finds to be wrong with an element, in words."""
        if not AXE.is_file():
            pytest.skip("axe is not here (cd labextension && npm ci)")
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.add_script_tag(path=AXE)
        found = self.page.evaluate("selector => axe.run(selector)", selector)
        return [
            f"{rule['id']}: {node['html']} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def screenshot(self, name, *, height=520):
        """Keep a picture for the documentation, when asked to."""
        if KEEPS_SCREENSHOTS:
            self.page.set_viewport_size({"width": 900, "height": height})
            self.evaluate("() => window.jupyterapp.shell.collapseLeft()")
            IMAGES.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=IMAGES / f"{name}.png")


@pytest.fixture
def notebook(page, lab):
    notebook = NotebookPage(page, lab)
    yield notebook
    notebook.close()
    assert not [error for error in notebook.errors if "codeface" in error.lower()]


@pytest.fixture
def plain_notebook(page, lab_without_extension):
    notebook = NotebookPage(page, lab_without_extension)
    yield notebook
    notebook.close()


@pytest.fixture
def setting(notebook):
    """Change our settings and load the page again; put them back at the end."""

    def change(**values):
        notebook.page.evaluate(
            "values => window.jupyterapp.serviceManager.settings.save("
            "'codeface-jupyter:plugin', JSON.stringify(values))",
            values,
        )
        notebook.load_page_again()
        notebook.await_kernel()

    yield change
    change()
