"""Commands that a check runs, and fresh environments to run them in."""

from __future__ import annotations

import os
import re
import subprocess
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Where no Node can be.
BARE_PATH = os.defpath
# Of what a command that failed has said.
LINES_SHOWN = 40
CONSTRAINTS = ROOT / "constraints.txt"
# Where packages come from is the machine's affair: its own settings are handed on.
INDEX_SETTINGS = ("PIP_", "UV_", "SSL_", "HTTP_", "HTTPS_", "NO_PROXY", "REQUESTS_", "http", "no_")


class CheckFailedError(Exception):
    """Something does not hold; the text says what."""


class NotRunError(Exception):
    """Something cannot be checked on this machine; the text says why."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment away from the source tree, with a home folder of its own.

    Attributes
    ----------
    folder
        What holds both.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / "venv" / "bin" / "python"

    @property
    def variables(self) -> dict[str, str]:
        """What programs in it find in their environment."""
        home = str(self.folder)
        hidden = {"HOME": home, "IPYTHONDIR": str(self.folder / "ipython")}
        path = f"{self.python.parent}{os.pathsep}{BARE_PATH}"
        return {**index_settings(), **hidden, "PATH": path}

    def create(self) -> None:
        """Make it, with pip."""
        venv.create(self.folder / "venv", with_pip=True)

    def run(self, *arguments: str) -> str:
        """Run its Python, and return what it says."""
        return run([str(self.python), *arguments], env=self.variables, cwd=self.folder)

    def install(self, *requirements: str) -> None:
        """Install with pip, under the project's constraints."""
        pip = ("-m", "pip", "install", "--quiet", "--constraint", str(CONSTRAINTS))
        self.run(*pip, *requirements)


def index_settings() -> dict[str, str]:
    """Return the variables that say where packages come from."""
    return {name: value for name, value in os.environ.items() if name.startswith(INDEX_SETTINGS)}


def pinned(name: str) -> str:
    """Return the requirement by which the constraints pin a package."""
    found = re.search(rf"^{name}==\S+", CONSTRAINTS.read_text("utf-8"), re.M)
    if found is None:
        raise CheckFailedError(f"{CONSTRAINTS.name} does not name {name}.")
    return found[0]


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path = ROOT,
    user: int | None = None,
) -> str:
    """Run a command and return what it prints.

    Parameters
    ----------
    command
        The command and its arguments.
    env, cwd
        Its environment and its folder.
    user
        The number of the user that it runs as; None is the one who asks.

    Raises
    ------
    CheckFailedError
        If it fails.
    """
    done = subprocess.run(
        command,
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        user=user,
        group=user,
        extra_groups=None if user is None else (),
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        end = "\n".join(said.splitlines()[-LINES_SHOWN:])
        raise CheckFailedError(f"{' '.join(map(str, command))}\n{end}")
    return said
