"""Environments that uv fills: it is quick, and can take the lowest versions that are allowed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from commands import BARE_PATH, Environment, NotRunError, run

PIP_SETTING = re.compile(r"^(?:global|site|user|install|:env:)\.([\w-]+)='(.*)'$", re.M)
UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


class Uv:
    """What runs uv on an environment.

    Parameters
    ----------
    environment
        The environment, which is made.
    python
        The Python that it is made of.

    Raises
    ------
    NotRunError
        If uv is not here.
    """

    def __init__(self, environment: Environment, *, python: str) -> None:
        self._tool = _found()
        self._python = str(environment.python)
        self._variables = {**os.environ, **_pip_settings()}
        environment.folder.mkdir()
        self._run("venv", "--python", python, str(environment.folder / "venv"))

    def __call__(self, *command: str) -> str:
        """Run two words of uv's and their arguments on the environment; return what it says."""
        first, second, *arguments = command
        return self._run(first, second, "--python", self._python, *arguments)

    def _run(self, *arguments: str) -> str:
        return run([self._tool, *arguments, "--quiet"], env=self._variables)


def _found() -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', BARE_PATH)}"
    found = shutil.which("uv", path=path)
    if found is None:
        raise NotRunError("uv is not here: `pip install --group release` brings it.")
    return found


def _pip_settings() -> dict[str, str]:
    """Return, for uv, where pip is told to find packages."""
    listed = run([sys.executable, "-m", "pip", "config", "list"], env=dict(os.environ))
    found = dict(PIP_SETTING.findall(listed))
    return {name: found[key] for key, name in UV_SETTINGS.items() if key in found}
