"""The extension in the oldest and the newest JupyterLab and Notebook, served and loaded."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from commands import CheckFailedError, Environment
from server import check_page, free_port, serving
from uv_environment import Uv

OLDEST = ("jupyterlab==4.2.*", "notebook==7.2.*")
NEWEST = ("jupyterlab", "notebook")
SERVER = ("-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--IdentityProvider.token=")
VERSIONS = """
from importlib.metadata import version
print(*(f'{name} {version(name)}' for name in ('jupyterlab', 'notebook')), sep=', ')
"""


def check_release(folder: Path, wheel: Path, releases: tuple[str, ...]) -> str:
    """Install releases of JupyterLab and Notebook and the wheel alone; have them serve it.

    The wheel's own requirements are left out: what the pages load needs none of them.

    Raises
    ------
    CheckFailedError
        If the extension is not listed as enabled, or what a page loads of it is not served.
    """
    environment = Environment(folder)
    uv = Uv(environment, python=sys.executable)
    uv("pip", "install", *releases, "ipykernel")
    uv("pip", "install", "--no-deps", str(wheel))
    listed = environment.run("-m", "jupyter", "labextension", "list")
    if not re.search(r"codeface-jupyter v\S+.*enabled.*OK", listed):
        raise CheckFailedError(listed)
    return check_served(environment)


def check_served(environment: Environment) -> str:
    """Start the server; load JupyterLab's page, Notebook's, and what they load of the extension."""
    port = free_port()
    command = [str(environment.python), *SERVER, f"--port={port}", "--allow-root"]
    with serving(command, port=port, env=environment.variables, cwd=environment.folder) as url:
        entries = {check_page(f"{url}/{page}") for page in ("lab", "tree")}
    return f"{environment.run('-c', VERSIONS)}: both pages load {', '.join(entries)}"
