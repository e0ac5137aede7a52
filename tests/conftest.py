"""What every test needs: settings of its own, and no wall-clock limits on properties."""

import os

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
