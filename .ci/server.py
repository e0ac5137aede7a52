"""A Jupyter server that a check starts, and the page that it serves."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from commands import CheckFailedError

START_S = 120
STOP_S = 20
NAME = "codeface-jupyter"
CONFIG = re.compile(
    r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', re.S
)


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(
    command: Sequence[str],
    *,
    port: int,
    env: Mapping[str, str],
    cwd: Path,
    user: int | None = None,
) -> Iterator[str]:
    """Run a server, and give its address once it answers on ``/api``.

    Raises
    ------
    CheckFailedError
        If it ends, or does not answer within two minutes.
    """
    log = cwd / "server.log"
    with (
        log.open("w") as said,
        subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdout=said,
            stderr=subprocess.STDOUT,
            user=user,
            group=user,
            extra_groups=None if user is None else (),
        ) as process,
    ):
        try:
            yield _when_it_answers(f"http://127.0.0.1:{port}", process=process, log=log)
        finally:
            _stop(process)


def _when_it_answers(url: str, *, process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            version = json.loads(fetch(f"{url}/api"))["version"]
        except OSError:
            time.sleep(0.5)
        else:
            print(f"  jupyter_server {version} answers", flush=True)
            return url
    raise CheckFailedError(f"The server does not answer.\n{log.read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Twice within five seconds needs no confirmation.
    for _ in range(2):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def fetch(url: str) -> str:
    """Return what an address of the server gives."""
    # Not over a proxy: it is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return str(response.read().decode("utf-8"))


def check_page(url: str) -> str:
    """Load what a page of JupyterLab or Notebook loads of the extension; return its entry's name.

    Raises
    ------
    CheckFailedError
        If the page does not name the extension, or its files are not served.
    """
    config = CONFIG.search(fetch(url))
    if config is None:
        raise CheckFailedError(f"{url} has no configuration of a page.")
    data = json.loads(config[1])
    known = {one["name"]: one for one in data["federated_extensions"]}
    if NAME not in known:
        raise CheckFailedError(f"{url} loads {sorted(known)}, and not {NAME}.")
    host = url.partition("//")[2].partition("/")[0]
    files = f"http://{host}{data['fullLabextensionsUrl']}/{NAME}"
    entry = str(known[NAME]["load"])
    try:
        code = fetch(f"{files}/{entry}")
        fetch(f"{files}/package.json")
    except OSError as error:
        raise CheckFailedError(f"{files}/{entry}: {error}") from error
    if NAME not in code:
        raise CheckFailedError(f"{files}/{entry} is not the extension's.")
    return entry
