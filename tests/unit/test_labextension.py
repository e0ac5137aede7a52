"""What ships with the package for JupyterLab."""

import json
import re
from pathlib import Path

import pytest

from codeface_jupyter import __version__

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "labextension"
BUNDLE = ROOT / "codeface_jupyter" / "labextension"


def read_json(file):
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_labextension_has_the_version_of_the_package():
    assert read_json(SOURCE / "package.json")["version"] == __version__
    assert read_json(SOURCE / "package-lock.json")["version"] == __version__


def test_the_lock_file_names_no_host():
    assert not re.findall(r"https?://", (SOURCE / "package-lock.json").read_text(encoding="utf-8"))


def test_every_command_of_the_settings_exists():
    modules = (SOURCE / "src" / name for name in ("commands.ts", "ghostTextCommands.ts"))
    commands = {
        command
        for module in modules
        for command in re.findall(r"'(codeface:[\w-]+)'", module.read_text("utf-8"))
    }
    schema = read_json(SOURCE / "schema" / "plugin.json")
    used = [entry["command"] for entry in schema["jupyter.lab.shortcuts"]]
    used += [entry["command"] for entry in schema["jupyter.lab.menus"]["context"]]
    used += [entry["command"] for entry in schema["jupyter.lab.toolbars"]["Cell"]]
    (menu,) = schema["jupyter.lab.menus"]["main"]
    used += [entry["command"] for entry in menu["items"] if entry.get("type") != "separator"]

    assert set(used) <= commands
    # A command may have its keys in several places, and no two share any.
    shortcuts = {(s["command"], tuple(s["keys"])) for s in schema["jupyter.lab.shortcuts"]}
    assert len({keys for _, keys in shortcuts}) == len(shortcuts)


@pytest.mark.skipif(not BUNDLE.is_dir(), reason="the labextension is not built (make dev)")
def test_the_bundle_has_the_version_of_the_package():
    assert read_json(BUNDLE / "package.json")["version"] == __version__
