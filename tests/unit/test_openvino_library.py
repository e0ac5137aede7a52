"""OpenVINO is imported without its telemetry, which would tell Google Analytics of each import."""

import importlib
import importlib.util
import os
import subprocess
import sys
from types import ModuleType

import pytest

from codeface_jupyter.models.openvino_library import TELEMETRY, import_openvino

IMPORT = """
import sys
from codeface_jupyter.models.openvino_library import import_openvino
openvino = import_openvino()
import openvino_genai
print(*openvino.Core().available_devices, "openvino_telemetry" in sys.modules)
"""
# Stands in for OpenVINO: tells what it found.
FAKE = """
try:
    import openvino_telemetry as found
except ImportError:
    found = None
"""
# In CI services OpenVINO sends nothing anyway.
CI_VARIABLES = {"CI", "TF_BUILD", "JENKINS_URL"}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A package that is called openvino, and one that is called as its telemetry is."""
    (tmp_path / "openvino.py").write_text(FAKE)
    (tmp_path / f"{TELEMETRY}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] in {"openvino", TELEMETRY}]:
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    for name in ("openvino", TELEMETRY):
        sys.modules.pop(name, None)


@pytest.mark.skipif(
    importlib.util.find_spec("openvino_genai") is None,
    reason="the extra [openvino] is not installed",
)
def test_it_sends_nothing_and_leaves_nothing_in_the_home_folder(tmp_path):
    kept = {name: value for name, value in os.environ.items() if name not in CI_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        env={**kept, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    *devices, has_telemetry = done.stdout.split()
    assert "CPU" in devices
    assert has_telemetry == "False"
    # It would keep the number of this installation there.
    assert list(tmp_path.iterdir()) == []


def test_the_users_own_code_can_import_the_telemetry_afterwards(fake):
    assert import_openvino().found is None
    assert importlib.import_module(TELEMETRY).__file__ == str(fake / f"{TELEMETRY}.py")


def test_a_telemetry_that_the_users_code_has_imported_stays_what_it_was(fake, monkeypatch):
    theirs = ModuleType(TELEMETRY)
    monkeypatch.setitem(sys.modules, TELEMETRY, theirs)
    assert import_openvino().found is None
    assert sys.modules[TELEMETRY] is theirs


def test_a_telemetry_that_somebody_has_ruled_out_stays_ruled_out(fake, monkeypatch):
    monkeypatch.setitem(sys.modules, TELEMETRY, None)
    assert import_openvino().found is None
    assert sys.modules[TELEMETRY] is None


def test_an_openvino_that_the_users_code_has_imported_stays_what_it_was(fake):
    theirs = importlib.import_module("openvino")
    assert theirs.found is not None
    assert import_openvino() is theirs


def test_one_that_cannot_be_imported_leaves_nothing_hidden(fake):
    (fake / "openvino.py").write_text("raise OSError('a library is missing')")
    with pytest.raises(OSError, match="a library is missing"):
        import_openvino()
    assert TELEMETRY not in sys.modules
