"""The image that Docker or Podman makes of the Dockerfile, built and used.

Both take the same commands. What a machine needs besides, such as an index of PyTorch's builds
for the processor or an image that stands for Python's, it says in ``RELEASE_IMAGE_OPTIONS``.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from commands import ROOT, CheckFailedError, NotRunError, run
from dockerfile import page_served, stages, start_command
from server import free_port, serving

TOOLS = ("docker", "podman")
TAG = "localhost/codeface-release-check"
NOTEBOOK = "notebooks/quickstart.ipynb"
# Nothing is to be fetched when it runs: this also has the model answer.
USE = f'test "$(id -u)" != 0 && jupyter execute --output=/tmp/answered.ipynb {NOTEBOOK}'


def build_image(scratch: Path) -> str:
    """Build the image, answer in it without a network, and start its server; return its size.

    Parameters
    ----------
    scratch
        A new folder, for the server's log.

    Raises
    ------
    CheckFailedError
        If it cannot be built, or does not do what it is for.
    NotRunError
        If nothing here builds images, or the one to begin with cannot be had.
    """
    tool = _tool()
    options = shlex.split(os.environ.get("RELEASE_IMAGE_OPTIONS", ""))
    text = (ROOT / "Dockerfile").read_text("utf-8")
    if not any("PYTHON_IMAGE=" in option for option in options):
        _pull(tool, stages(text)[0][0].text.partition("=")[2])
    _do(tool, "build", *options, "--tag", TAG, str(ROOT))
    try:
        _do(tool, "run", "--rm", "--network", "none", TAG, "sh", "-ec", USE)
        scratch.mkdir()
        served = _serve(tool, text, scratch=scratch)
        size = int(_do(tool, "image", "inspect", "--format", "{{.Size}}", TAG))
    finally:
        _do(tool, "image", "rm", "--force", TAG)
    return f"{size / 1e9:.1f} GB by {Path(tool[0]).name}; it answers without a network, {served}"


def _tool() -> list[str]:
    """Return the command of a program that builds images and can be asked here."""
    given = shlex.split(os.environ.get("RELEASE_IMAGE_TOOL", ""))
    candidates = [given] if given else [[tool] for tool in TOOLS if shutil.which(tool)]
    for tool in candidates:
        try:
            _do(tool, "info")
        except CheckFailedError as error:
            print(f"  {error}", flush=True)
        else:
            return tool
    raise NotRunError(f"none of {', '.join(TOOLS)} is here and answers.")


def _pull(tool: Sequence[str], image: str) -> None:
    try:
        _do(tool, "pull", f"docker.io/library/{image}")
    except CheckFailedError as error:
        raise NotRunError(f"{image} cannot be had: {str(error).splitlines()[-1]}") from error


def _serve(tool: Sequence[str], text: str, *, scratch: Path) -> str:
    command, port = json.loads(stages(text)[-1][-1].text), free_port()
    started = start_command(command, port=port)
    container = [*tool, "run", "--rm", "--network", "host", TAG, *started]
    with serving(container, port=port, env=dict(os.environ), cwd=scratch) as url:
        return f"serves {page_served(url, command)}"


def _do(tool: Sequence[str], *arguments: str) -> str:
    print(f"  {Path(tool[0]).name} {' '.join(arguments[:1])} …", flush=True)
    return run([*tool, *arguments], env=dict(os.environ))
