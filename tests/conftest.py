"""What every test needs: settings of its own, and no wall-clock limits on properties."""

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

# Time limits on single examples measure the machine, not the code.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(items):
    """Put the browser's tests last: Playwright leaves an event loop running in this thread."""
    items.sort(key=lambda item: "browser" in item.path.parts)


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
