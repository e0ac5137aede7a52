"""What every test needs: settings of its own, and no wall-clock limits on properties."""

import ctypes
import os
import shutil
import signal
import sys
from pathlib import Path

import hypothesis
import pytest

# The same examples each time, so that a change fails by its own fault; the option
# `--hypothesis-profile search` looks for others. Limits on time measure the machine.
SAME_FOR_ALL = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("tests", derandomize=True, **SAME_FOR_ALL)
hypothesis.settings.register_profile("search", max_examples=2_000, **SAME_FOR_ALL)
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(items):
    """Put the browser's tests last: Playwright leaves an event loop running in this thread."""
    items.sort(key=lambda item: "browser" in item.path.parts)


class SignalStack(ctypes.Structure):
    """The stack on which a thread handles signals, Linux's ``stack_t``: begin, flags, bytes."""

    _fields_ = (("begin", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))

    @classmethod
    def of_this_thread(cls):
        """Return the one in use; nothing is known of it elsewhere than on Linux."""
        stack = cls()
        if sys.platform == "linux":
            ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
        return stack

    def put_back(self):
        """Have this thread use it again."""
        if self.begin:
            ctypes.CDLL(None).sigaltstack(ctypes.byref(self), None)


@pytest.fixture(scope="session")
def signal_stack():
    """Return the main thread's signal stack from before any model was loaded."""
    return SignalStack.of_this_thread()


@pytest.fixture(autouse=True)
def own_signal_stack(signal_stack):
    """Keep the signal stack of the main thread, where tests load models and are interrupted.

    Where the processor has AMX, each of OpenVINO's cores gives the thread that makes it another
    one, and frees it with itself: a signal that comes later would end the process. The session
    makes them in threads of its own, which are gone by then.
    """
    yield
    signal_stack.put_back()


@pytest.fixture
def interrupts():
    """Have an interrupt raise, also where a shell's background job ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch, tmp_path_factory):
    """Keep the user's own environment and config file out of the tests."""
    for variable in [name for name in os.environ if name.startswith("CODEFACE_")]:
        monkeypatch.delenv(variable)
    missing = tmp_path_factory.getbasetemp() / "no-config" / "config.toml"
    monkeypatch.setenv("CODEFACE_CONFIG", str(missing))


@pytest.fixture
def engine_package(tmp_path):
    """Return a folder for `sys.path` where the package of an engine of its own is installed."""
    folder = tmp_path / "site-packages"
    shutil.copytree(Path(__file__).parent / "data" / "engine_package", folder)
    about = folder / "codeface_echo-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: codeface-echo\nVersion: 1.0\n")
    entry_point = "[codeface_jupyter.engines]\necho = codeface_echo:plugin\n"
    (about / "entry_points.txt").write_text(entry_point)
    return folder
