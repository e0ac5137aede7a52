"""A copy of the kernel ends, whatever is run in it, in time and without a trace."""

import contextlib
import ctypes
import importlib
import itertools
import json
import mmap
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from codeface_jupyter.trials import copy as copies
from codeface_jupyter.trials import forking, hanging, private_folder
from codeface_jupyter.trials.copy import Limits, run_in_copy
from codeface_jupyter.trials.copy_support import copy_support, hanging_reason
from codeface_jupyter.trials.guard import support, system_calls
from codeface_jupyter.trials.guard.audit import RefusedOnCopyError
from codeface_jupyter.trials.guard.landlock import landlock_version
from codeface_jupyter.trials.guard.seccomp import can_filter
from codeface_jupyter.trials.guard.support import GuardSupport, guard_support
from codeface_jupyter.trials.private_folder import FolderWatch

pytestmark = pytest.mark.skipif(
    not (landlock_version() and can_filter()), reason="needs Landlock and seccomp filters"
)

LIBC = ctypes.CDLL(None)
PATIENT = Limits(seconds=60)
SHORT = Limits(seconds=0.5, memory_bytes=200 << 20)
# From the time limit to the end, on a busy machine.
GRACE_S = 20
SOAK_TRIES = int(os.environ.get("SOAK_TRIES", "100"))
WARM_UP_TRIES = 50
MOST_BYTES_A_TRY = 1_000
MOST_OBJECTS_A_TRY = 0.2


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """Fail if a copy leaves a process, a descriptor, a thread or a folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = traces(tmp_path)
    yield
    children, descriptors, threads, files = traces(tmp_path)
    assert (children, descriptors, files) == (before[0], before[1], before[3])
    # A thread of an earlier test may end meanwhile.
    assert threads <= before[2]


def traces(folder):
    return (
        psutil.Process().children(),
        sorted(os.listdir("/proc/self/fd")),  # noqa: PTH208 - names only
        threading.active_count(),
        list(folder.iterdir()),
    )


def test_this_machine_has_the_strong_guard():
    assert guard_support().level == "strong", guard_support()


def test_a_warning_that_was_told_once_is_not_told_again():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        filters = list(warnings.filters)
        for _ in range(2):
            warnings.warn("old", FutureWarning, stacklevel=1)
            assert run_in_copy(lambda _: {}, limits=PATIENT).end == "done"
        assert warnings.filters == filters
    assert len(told) == 1


def test_plain_data_comes_back_and_the_notebook_stays_as_it_is():
    rows = [1, 2]

    def work(files):
        rows.append(3)
        (files.folder / "inner").mkdir()
        (files.folder / "inner" / "own.txt").write_text("own")
        return {"rows": rows, "own": (files.folder / "inner" / "own.txt").read_text()}

    report = run_in_copy(work, limits=PATIENT)
    assert report.end == "done"
    assert report.data == {"rows": [1, 2, 3], "own": "own"}
    assert report.why == ""
    assert 0 < report.fork_seconds <= report.seconds
    assert rows == [1, 2]


PEAK = """
from codeface_jupyter.trials.copy import Limits, run_in_copy
work = lambda files: {"size": len(bytearray(100 << 20))}
print(run_in_copy(work, limits=Limits(seconds=60)).peak_memory_bytes)
"""


def test_memory_it_took_is_told():
    # A process that has freed as much before uses that again and takes no more.
    assert 90 << 20 < int(in_new_process(PEAK)) < 200 << 20


def in_new_process(code, *options, **arguments):
    """Return what Python prints that runs ``code`` with ``arguments`` as variables."""
    names = "".join(f"{name} = {value!r}\n" for name, value in arguments.items())
    done = subprocess.run(
        [sys.executable, *options, "-c", names + code],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_it_would_have_done_is_told_in_words_in_order_and_once(tmp_path):
    def work(files):
        told = []
        for path in ("sales.csv", "prices.csv", "sales.csv"):
            with pytest.raises(RefusedOnCopyError) as raised:
                (tmp_path / path).open("w")
            told.append(str(raised.value))
        return {"told": told}

    report = run_in_copy(work, limits=PATIENT)
    sales, prices = (f"would write {tmp_path / name}" for name in ("sales.csv", "prices.csv"))
    assert report.refusals == (sales, prices)
    assert report.data == {"told": [sales, prices, sales]}


def test_refusals_are_told_of_a_copy_that_died():
    def work(files):
        with pytest.raises(PermissionError):
            Path("sales.csv").touch()
        os.abort()

    report = run_in_copy(work, limits=PATIENT)
    assert report.end == "died"
    assert report.refusals == ("would write sales.csv",)
    assert report.why == "It was ended by a signal (SIGABRT)."


def test_files_can_be_read_and_what_is_written_to_nowhere_is_nobodys(tmp_path):
    (tmp_path / "in.txt").write_text("in")

    def work(files):
        Path(os.devnull).write_text("x")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a").write_text("b")
        return {
            "read": (tmp_path / "in.txt").read_text(),
            "listed": sorted(path.name for path in tmp_path.glob("*.txt")),
            "root": "etc" in [entry.name for entry in os.scandir("/")],
        }

    report = run_in_copy(work, limits=PATIENT)
    assert report.data == {"read": "in", "listed": ["in.txt"], "root": True}
    (tmp_path / "in.txt").unlink()


def test_a_cancelled_copy_ends_at_once():
    begin = time.monotonic()
    calls = itertools.count()
    report = run_in_copy(
        lambda files: time.sleep(1000), limits=PATIENT, cancelled=lambda: next(calls) > 1
    )
    assert report.end == "cancelled"
    assert report.data is None
    assert time.monotonic() - begin < GRACE_S


def test_an_interrupt_of_the_thread_that_waits_leaves_nothing():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_copy(lambda files: time.sleep(1000), limits=PATIENT, cancelled=interrupt)


def run_and_stay(work):
    """Run in a copy; a child that comes back ends where it would run the notebook's own code."""
    parent = os.getpid()
    try:
        return run_in_copy(work, limits=PATIENT)
    finally:
        if os.getpid() != parent:
            os.kill(parent, signal.SIGUSR2)
            os._exit(0)


@pytest.fixture
def came_back():
    """Return the signals of children that have come back."""
    heard = []
    old = signal.signal(signal.SIGUSR2, lambda *_: heard.append(1))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield heard
    signal.signal(signal.SIGUSR2, old)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def fork_and(monkeypatch, *, in_child=lambda: None, in_parent=lambda: None):
    def fork(real=os.fork):
        pid = real()
        (in_parent if pid else in_child)()
        return pid

    monkeypatch.setattr(os, "fork", fork)


def interrupt_me():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_child_that_is_interrupted_before_it_is_guarded_does_not_come_back(
    monkeypatch, came_back
):
    """Jupyter interrupts a kernel's whole group, to which the child belongs at first."""
    fork_and(monkeypatch, in_child=interrupt_me)
    report = run_and_stay(lambda files: {"x": 1})
    assert not came_back
    assert report.data == {"x": 1}


def test_a_child_in_which_the_fork_raises_does_not_come_back(monkeypatch, came_back):
    fork_and(monkeypatch, in_child=lambda: 1 / 0)
    report = run_and_stay(lambda files: {"x": 1})
    assert not came_back
    assert (report.end, report.why) == ("died", "It ended its process (exit code 1).")


def test_an_interrupt_amid_the_fork_leaves_no_child(monkeypatch, came_back):
    fork_and(monkeypatch, in_parent=interrupt_me)
    with pytest.raises(KeyboardInterrupt):
        run_and_stay(lambda files: time.sleep(1000))
    assert not came_back


def test_an_interrupt_that_another_thread_hears_amid_the_fork_leaves_no_child(
    monkeypatch, came_back
):
    """It is raised in the main thread all the same, before that knows of the child."""
    is_over = threading.Event()
    other = threading.Thread(target=is_over.wait)
    other.start()
    fork_and(monkeypatch, in_parent=lambda: (interrupt_me(), time.sleep(0.1)))
    with pytest.raises(KeyboardInterrupt):
        run_and_stay(lambda files: time.sleep(1000))
    is_over.set()
    other.join()
    assert not came_back


def test_signals_are_heard_after_a_fork_that_failed(monkeypatch, came_back):
    def fork():
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(os, "fork", fork)
    report = run_and_stay(lambda files: {})
    assert report.why == "The kernel could not be copied: [Errno 11] no more processes."


def test_the_child_hears_signals_again():
    report = run_in_copy(
        lambda files: {"mask": len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))}, limits=PATIENT
    )
    assert report.data == {"mask": 0}


def test_threads_wait_for_each_other_in_a_copy():
    def work(files):
        ready = threading.Condition()
        seen = []

        def wait(number):
            with ready:
                seen.append(number)
                ready.notify_all()
                ready.wait_for(lambda: len(seen) == 8)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(wait, range(8)))
        squares = np.ones((300, 300)) @ np.ones((300, 300))
        thread = ctypes.c_ulong()
        LIBC.pthread_create(ctypes.byref(thread), None, LIBC.abs, None)
        joined = LIBC.pthread_join(thread, None)
        return {"seen": len(seen), "square": squares[0, 0], "joined": joined}

    report = run_in_copy(work, limits=PATIENT)
    assert report.data == {"seen": 8, "square": 300.0, "joined": 0}, report


def test_somebody_else_waits_for_all_children(monkeypatch):
    """As ``os.wait`` in a thread of the user's does."""

    def wait_first(pid, options, *, real=os.wait4):
        real(pid, options)
        return real(pid, options)

    monkeypatch.setattr(os, "wait4", wait_first)
    report = run_in_copy(lambda files: {"x": 1}, limits=PATIENT)
    assert (report.end, report.data, report.peak_memory_bytes) == ("done", {"x": 1}, None)


def test_a_fork_among_threads_warns_nobody():
    release = threading.Event()
    other = threading.Thread(target=release.wait)
    other.start()
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_in_copy(lambda files: {}, limits=PATIENT)
    release.set()
    other.join()
    assert not caught
    assert warnings.filters == filters


def test_a_lock_that_another_thread_has_ends_with_the_time():
    lock = threading.Lock()
    with lock:
        report = run_in_copy(lambda files: {"has": lock.acquire()}, limits=SHORT)
    assert (report.end, report.why) == ("timed out", "It had not ended after 0.5 s.")


def forever(files):
    while True:
        pass


def stop(files):
    os.kill(os.getpid(), signal.SIGSTOP)


def ignore_all_signals(files):
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(1000)


def hold_the_interpreter(files):
    ctypes.PyDLL(None).sleep(1000)


def search_in_c(files):
    import re

    re.match(r"(a+)+$", "a" * 64 + "b")


def catch_everything(files):
    while True:
        try:
            time.sleep(1000)
        except BaseException:  # noqa: BLE001 - that is the test
            continue


@pytest.mark.parametrize(
    "work",
    [
        forever,
        stop,
        ignore_all_signals,
        hold_the_interpreter,
        search_in_c,
        catch_everything,
        lambda files: time.sleep(1000),
        lambda files: threading.Event().wait(),
        lambda files: os.read(os.pipe()[0], 1),
    ],
)
def test_what_does_not_end_is_ended(work):
    begin = time.monotonic()
    report = run_in_copy(work, limits=SHORT)
    assert report.end == "timed out"
    assert report.data is None
    assert time.monotonic() - begin < GRACE_S


def call_as_a_32_bit_program(files):
    """Make a system call by the numbers of another architecture, or what is none at all."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=7)
    # mov eax, 20; int 0x80; ret
    page.write(bytes.fromhex("b814000000cd80c3"))
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ctypes.CFUNCTYPE(ctypes.c_int)(address)()


def close_everything(files):
    os.closerange(0, 100)
    return {"x": 1}


def overflow_the_stack(files):
    nested = None
    for _ in range(1_000_000):
        nested = [nested]
    sys.setrecursionlimit(10**9)
    repr(nested)


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (lambda files: os._exit(0), "It ended its process (exit code 0)."),
        (lambda files: os._exit(3), "It ended its process (exit code 3)."),
        (lambda files: sys.exit(3), "It failed: 3."),
        (lambda files: LIBC.exit(4), "It ended its process (exit code 4)."),
        (lambda files: os.abort(), "It was ended by a signal (SIGABRT)."),
        (call_as_a_32_bit_program, "It was ended by a signal (SIG"),
        (lambda files: ctypes.string_at(0), "It was ended by a signal (SIGSEGV)."),
        (lambda files: signal.raise_signal(signal.SIGTERM), "It was ended by a signal (SIGTERM)."),
        (lambda files: 1 / 0, "It failed: division by zero."),
        (lambda files: {"x": object()}, "It failed: Object of type object is not JSON"),
        (lambda files: [1], "The copy was ended: its report could not be read."),
        (close_everything, "It ended its process (exit code"),
        # Later versions of Python notice that themselves.
        (overflow_the_stack, "It "),
        (lambda files: threading.Thread(target=forever, args=(files,)).start(), "The copy was"),
    ],
)
def test_what_ends_otherwise_is_said(work, why):
    report = run_in_copy(work, limits=PATIENT)
    assert report.end == "died"
    assert report.data is None
    assert report.why.startswith(why)


def reporting():
    """Return the descriptor on which a copy reports, as code that means to can find it."""
    return max(fd for fd in range(3, 100) if is_pipe(fd))


def is_pipe(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")  # noqa: PTH115
    except OSError:
        return False


def says(content):
    return lambda files: os.write(reporting(), content) and time.sleep(1000)


def flood(files):
    for _ in range(10**6):
        os.write(reporting(), struct.pack(">I", 1 << 30) + bytes(60_000))


IN_UTF_16 = '{"data": {}}'.encode("utf-16-le")


def tell_often(files):
    message = json.dumps({"refusal": "x"}).encode()
    while True:
        os.write(reporting(), (struct.pack(">I", len(message)) + message) * 1_000)


def starts_with(size):
    message = f'{{"started": {size}}}'.encode()
    return says(struct.pack(">I", len(message)) + message)


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (flood, "its report was too long"),
        (lambda files: {"x": "y" * (5 << 20)}, "its report was too long"),
        (says(struct.pack(">I", 4) + b"{..}"), "its report could not be read"),
        (starts_with(f"-{'9' * 4300}"), "its report could not be read"),
        (starts_with(1000), "its report could not be read"),
        (says(struct.pack(">I", 1) + b"7"), "its report could not be read"),
        (says(struct.pack(">I", 50_000) + b"[" * 50_000), "its report could not be read"),
        (says(struct.pack(">I", 9) + b'{"a": 12}'), "its report could not be read"),
        (says(struct.pack(">I", 12) + b'{"data":"x"}'), "its report could not be read"),
        (says(struct.pack(">I", 5_000) + b"1" * 5_000), "its report could not be read"),
        (says(struct.pack(">I", 14) + b'"\xed\xa0\xbd"'.rjust(14)), "its report could not be read"),
        (says(struct.pack(">I", 24) + IN_UTF_16), "its report could not be read"),
        (lambda files: {"data": [[] for _ in range(200_000)]}, "its report had too many parts"),
        (tell_often, "its report had too many parts"),
    ],
)
def test_reports_are_not_believed(work, why):
    report = run_in_copy(work, limits=PATIENT)
    assert (report.end, report.why) == ("died", f"The copy was ended: {why}.")
    assert report.data is None


def test_text_that_cannot_be_encoded_comes_back_as_text_that_can():
    report = run_in_copy(lambda files: {"a": "\ud83d", "b": "\ud83d\ude00"}, limits=PATIENT)
    assert report.data == {"a": "\ufffd", "b": "😀"}


def test_long_printed_texts_come_back_whatever_signs_they_have():
    text = "[{," * 20_000
    assert run_in_copy(lambda files: {"text": text}, limits=PATIENT).data == {"text": text}


def take_memory(files):
    taken = [bytearray(10 << 20) for _ in range(1_000)]
    return {"taken": len(taken)}


def take_shared_memory(files):
    taken = [mmap.mmap(-1, 10 << 20) for _ in range(1_000)]
    return {"taken": len(taken)}


@pytest.mark.parametrize("work", [take_memory, lambda files: {"n": len(bytearray(10**13))}])
def test_memory_ends(work):
    report = run_in_copy(work, limits=Limits(seconds=60, memory_bytes=200 << 20))
    assert (report.end, report.data) == ("out of memory", None)
    assert report.why == "It took more memory than a copy may."


def test_shared_memory_ends():
    report = run_in_copy(take_shared_memory, limits=Limits(seconds=60, memory_bytes=200 << 20))
    assert (report.end, report.data) == ("died", None)


def start_threads(files):
    threading.stack_size(64 << 10)
    while True:
        threading.Thread(target=time.sleep, args=(1000,)).start()


def test_threads_end():
    report = run_in_copy(start_threads, limits=Limits(seconds=120, memory_bytes=1 << 30))
    assert report.end == "died"
    assert report.why.startswith("It was ended: it started more than")


def write_many_files(files):
    for number in itertools.count():
        (files.folder / str(number)).touch()


def write_large_files(files):
    for number in range(100):
        (files.folder / str(number)).write_bytes(bytes(60 << 20))


def keep_what_is_deleted(files):
    kept = []
    for _ in range(100):
        kept.append((files.folder / "a").open("wb"))
        kept[-1].write(bytes(60 << 20))
        (files.folder / "a").unlink()


def write_beyond_the_longest_path(files):
    os.chdir(files.folder)
    for _ in range(20):
        LIBC.mkdir(b"d" * 250, 0o700)
        os.chdir("d" * 250)
    for number in range(100):
        Path(str(number)).write_bytes(bytes(60 << 20))
        time.sleep(0.05)


@pytest.mark.parametrize(
    "work", [write_many_files, write_large_files, write_beyond_the_longest_path]
)
def test_its_folder_has_an_end(work):
    report = run_in_copy(work, limits=PATIENT)
    assert (report.end, report.why) == ("died", "It was ended: it wrote more than a copy may.")


def test_what_is_deleted_and_kept_open_has_an_end():
    report = run_in_copy(keep_what_is_deleted, limits=PATIENT)
    assert (report.end, report.why) == ("died", "It was ended: the disk is filling up.")


def test_what_others_write_ends_a_copy_only_if_it_stays(tmp_path, monkeypatch):
    free = iter([10, 2, 10, 2, 2])
    monkeypatch.setattr(private_folder, "_free_bytes", lambda _: next(free) << 30)
    watch = FolderWatch(tmp_path)
    assert [watch.is_disk_filling() for _ in range(4)] == [False, False, False, True]
    assert not watch.is_overfull()


def test_folders_within_folders_are_watched_at_any_depth():
    """Python 3.11 walks no deeper than it calls functions."""

    def work(files):
        os.chdir(files.folder)
        for _ in range(980):
            LIBC.mkdir(b"d", 0o700)
            os.chdir("d")
        time.sleep(0.3)
        return {"x": 1}

    assert run_in_copy(work, limits=PATIENT).data == {"x": 1}


def test_a_copy_that_cannot_be_watched_ends(monkeypatch):
    def fail(folder):
        raise RuntimeError("no idea")

    monkeypatch.setattr(FolderWatch, "is_overfull", fail)
    report = run_in_copy(lambda files: time.sleep(1000), limits=PATIENT)
    assert (report.end, report.why) == ("died", "It could not be watched: no idea.")


@pytest.mark.parametrize("mode", [0, 1])
def test_space_is_reserved_as_if_it_were_written(mode):
    """Mode 1 keeps the file's size, to which the limit applies."""

    def work(files):
        libc = ctypes.CDLL(None, use_errno=True)
        fd = os.open(files.folder / "a", os.O_RDWR | os.O_CREAT)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sizes = (ctypes.c_long(size << 20) for size in (1, 70))
        done = [libc.fallocate(fd, mode, ctypes.c_long(0), size) == 0 for size in sizes]
        return {"done": done, "blocks": os.fstat(fd).st_blocks * 512 >> 20}

    report = run_in_copy(work, limits=PATIENT)
    assert report.data == {"done": [mode == 0, False], "blocks": 1 - mode}


def test_a_file_has_a_largest_size():
    def work(files):
        with pytest.raises(OSError, match="too large"):
            (files.folder / "a").write_bytes(bytes(70 << 20))
        return {"x": 1}

    assert run_in_copy(work, limits=PATIENT).end == "done"


def test_folders_that_nobody_may_enter_and_that_are_too_deep_are_removed():
    def work(files):
        os.umask(0o777)
        os.mkdir(files.folder / "closed")  # noqa: PTH102
        os.umask(0)
        os.chdir(files.folder)
        for _ in range(900):
            LIBC.mkdir(b"deeper-and-deeper", 0o700)
            os.chdir("deeper-and-deeper")
        Path("own").write_text("own")
        return {"x": 1}

    assert run_in_copy(work, limits=PATIENT).end == "done"


def test_no_core_is_dumped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    run_in_copy(lambda files: os.abort(), limits=PATIENT)
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_guard_that_cannot_be_entered_runs_nothing(monkeypatch, tmp_path):
    def refuse(confinement, tell):
        raise OSError(1, "not here")

    monkeypatch.setattr(copies, "enter_guard", refuse)
    report = run_in_copy(lambda files: (tmp_path / "ran").touch(), limits=PATIENT)
    assert report.end == "refused to start"
    assert report.why == "The copy could not be guarded: [Errno 1] not here."
    assert not (tmp_path / "ran").exists()


def test_a_system_without_fork_refuses(monkeypatch):
    none = GuardSupport(level="none", why="This system cannot copy a running process.")
    monkeypatch.setattr(copies, "guard_support", lambda: none)
    report = run_in_copy(lambda files: {})
    assert (report.end, report.why) == ("refused to start", none.why)


def test_the_weak_guard_still_says_what_is_refused(monkeypatch, tmp_path):
    weak = GuardSupport(level="weak", why="No Landlock.")
    monkeypatch.setattr(copies, "guard_support", lambda: weak)

    def work(files):
        for call in ((tmp_path / "a").touch, lambda: os.system("ls"), os.fork):
            with pytest.raises(RefusedOnCopyError):
                call()
        return {"x": 1}

    assert run_in_copy(work, limits=PATIENT).data == {"x": 1}
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("level", "tries", "is_possible"),
    [
        ("strong", "auto", True),
        ("strong", "on", True),
        ("strong", "off", False),
        ("weak", "auto", False),
        ("weak", "on", True),
        ("none", "on", False),
    ],
)
def test_tries_are_made_only_where_the_guard_is_what_the_setting_asks(
    monkeypatch, level, tries, is_possible
):
    monkeypatch.setattr(
        "codeface_jupyter.trials.copy_support.guard_support",
        lambda: GuardSupport(level=level, why="Because."),
    )
    found = copy_support(tries=tries)
    assert found.is_possible is is_possible
    assert found.why == ("Tries are turned off." if tries == "off" else "Because.")


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("landlock_version", "Landlock"),
        ("can_filter", "seccomp"),
    ],
)
def test_an_old_kernel_has_the_weak_guard_and_says_why(monkeypatch, missing, why):
    monkeypatch.setattr(support, missing, lambda: 0)
    found = support.guard_support.__wrapped__()
    assert found.level == "weak"
    assert why in found.why


@pytest.mark.parametrize("means", ["restrict_files", "restrict_calls"])
def test_a_guard_that_does_not_hold_is_found_out(monkeypatch, means):
    monkeypatch.setattr(support, means, lambda **_: None)
    found = support.guard_support.__wrapped__()
    assert found.level == "weak"
    assert "did not hold" in found.why


WAITING = """
import threading, time

def collect():
    threading.Event().wait()

def compute():
    while True:
        pass

def sleep_and_call(function):
    function()
"""


@pytest.fixture
def library(monkeypatch, tmp_path_factory):
    """Return a library as if it were installed, of which no copy has hung yet."""
    folder = tmp_path_factory.mktemp("python") / "site-packages"
    (folder / "waits_for_threads").mkdir(parents=True)
    (folder / "waits_for_threads" / "__init__.py").write_text(WAITING)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(hanging, "_HUNG", set())
    monkeypatch.setattr(hanging, "_SUSPECTED", set())
    yield importlib.import_module("waits_for_threads")
    del sys.modules["waits_for_threads"]


def test_a_library_that_hung_is_not_tried_again(library):
    """Two copies have to say so: one may lie."""
    assert copy_support(tries="auto").is_possible
    report = run_in_copy(lambda files: library.collect(), limits=SHORT)
    assert (report.end, report.why) == ("timed out", "It had not ended after 0.5 s.")
    assert copy_support(tries="auto").is_possible
    report = run_in_copy(lambda files: library.collect(), limits=SHORT)
    assert report.end == "timed out"
    assert report.why == (
        "waits_for_threads does not answer in a copy of the kernel; with it, nothing more is tried."
    )
    found = copy_support(tries="auto")
    assert not found.is_possible
    assert found.why == "waits_for_threads would not answer in a copy of the kernel."


def test_a_copy_that_cannot_be_ended_is_left_to_end_and_no_other_is_made(tmp_path, monkeypatch):
    """As one that waits for a server of files which does not answer."""
    go_on = tmp_path / "go on"
    monkeypatch.setattr(forking, "END_S", 0.1)
    monkeypatch.setattr(forking.Child, "send_signal", lambda *_: None)

    def work(files):
        while not go_on.exists():
            time.sleep(0.01)
        return {}

    begin = time.monotonic()
    report = run_in_copy(work, limits=SHORT)
    assert (report.end, report.why) == ("timed out", "It had not ended after 0.5 s.")
    assert time.monotonic() - begin < GRACE_S
    assert len(list(tmp_path.iterdir())) == 1
    why = "A copy of the kernel cannot be ended: what it reads from does not answer."
    assert copy_support(tries="auto").why == hanging_reason(tries="auto") == why
    go_on.touch()
    deadline = time.monotonic() + GRACE_S
    while not copy_support(tries="auto").is_possible or list(tmp_path.iterdir()) != [go_on]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    go_on.unlink()


def test_one_code_alone_cannot_turn_tries_off(library):
    for _ in range(2):
        run_in_copy(lambda files: library.collect(), limits=SHORT, code="collect()")
        assert copy_support(tries="auto").is_possible
    report = run_in_copy(lambda files: library.collect(), limits=SHORT, code="collect(1)")
    assert "nothing more is tried" in report.why


def run_code_that_waits():
    exec(compile("threading.Event().wait()", "<tried code>", "exec"), globals())


def show_an_object_that_waits():
    exec(compile("threading.Event().wait()", "ipykernel_1/2.py", "exec"), globals())


def refused_and_waiting(library):
    with pytest.raises(OSError, match="connect"):
        socket.create_connection(("127.0.0.1", 9))
    library.collect()


@pytest.mark.parametrize(
    "work",
    [
        # Busy, the code's own, the notebook's own, and waiting for what is refused.
        lambda library: library.compute(),
        lambda library: time.sleep(1000),
        lambda library: library.sleep_and_call(run_code_that_waits),
        lambda library: library.sleep_and_call(show_an_object_that_waits),
        refused_and_waiting,
    ],
)
def test_a_library_that_is_not_to_blame_is_tried_again(library, work):
    for _ in range(2):
        report = run_in_copy(lambda files: work(library), limits=SHORT)
        assert (report.end, report.why) == ("timed out", "It had not ended after 0.5 s.")
        assert copy_support(tries="auto").is_possible


def test_what_code_writes_of_where_it_is_does_not_count(library):
    lie = b'  File "/x/site-packages/waits_for_threads/__init__.py", line 1 in f\n'

    def work(files):
        for fd in range(3, 100):
            with contextlib.suppress(OSError):
                if str(files.folder) in os.readlink(f"/proc/self/fd/{fd}"):  # noqa: PTH115
                    os.pwrite(fd, lie, 0)
                    os.lseek(fd, 10 * len(lie), os.SEEK_SET)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        time.sleep(1000)

    for _ in range(2):
        report = run_in_copy(work, limits=SHORT)
        assert report.why == "It had not ended after 0.5 s."
    assert copy_support(tries="auto").is_possible


def test_libraries_that_cannot_be_forked_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", object())
    found = copy_support(tries="auto")
    assert not found.is_possible
    assert found.why == "jax would not answer in a copy of the kernel."


@pytest.mark.parametrize(("threads", "is_possible"), [((), True), (("polars-0",), False)])
def test_polars_is_not_tried_with_once_its_threads_exist(
    monkeypatch, tmp_path_factory, threads, is_possible
):
    tasks = tmp_path_factory.mktemp("task")
    for name in ("python", "polars-ooc-clea", *threads):
        (tasks / name).mkdir()
        (tasks / name / "comm").write_text(f"{name}\n")
    monkeypatch.setitem(sys.modules, "polars", object())
    monkeypatch.setattr(hanging, "TASKS", tasks)
    assert copy_support(tries="auto").is_possible is is_possible


def test_nothing_is_tried_while_a_gpu_is_in_use(monkeypatch):
    torch = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: True))
    monkeypatch.setitem(sys.modules, "torch", torch)
    found = copy_support(tries="on")
    assert found.why == "torch uses a GPU, which a copy of the kernel cannot share."


def test_memory_that_cannot_be_made_private_is_named_and_nothing_is_tried():
    with tempfile.TemporaryFile() as file:
        file.truncate(300 << 20)
        shared = mmap.mmap(file.fileno(), 300 << 20)
    # Python keeps the file open for the map, so that it can still be mapped again.
    assert copy_support(tries="on").is_possible
    anonymous = mmap.mmap(-1, 300 << 20)
    found = copy_support(tries="on")
    report = run_in_copy(lambda files: {}, limits=PATIENT)
    anonymous.close()
    shared.close()
    assert not found.is_possible
    assert found.why == (
        "The notebook shares memory that a copy could change: shared memory (315 MB)."
    )
    assert report.end == "refused to start"


@pytest.mark.parametrize("name", ["a\u2028b", "a\u0085b", "a\x1cb", "a\nb", "a b", "caf\udce9"])
def test_files_of_any_name_may_be_mapped(name, tmp_path_factory):
    path = tmp_path_factory.mktemp("mapped") / name
    path.write_bytes(bytes(mmap.PAGESIZE))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        assert copy_support(tries="on").is_possible
        report = run_in_copy(lambda files: mapped.write(b"mine") and {"x": 1}, limits=PATIENT)
        assert report.data == {"x": 1}
        assert mapped[:4] == bytes(4)


TRIES = """
import gc, json, tracemalloc
import psutil
from codeface_jupyter.trials.copy import Limits, run_in_copy

def try_often(times):
    for _ in range(times):
        report = run_in_copy(lambda files: {"x": 1}, limits=Limits(seconds=60))
        assert report.data == {"x": 1}, report
    gc.collect()
    open_things = (process.num_fds(), process.num_threads(), len(process.children()))
    python_bytes, _ = tracemalloc.get_traced_memory()
    return open_things, (process.memory_info().rss, python_bytes, len(gc.get_objects()))

process = psutil.Process()
# Counting the objects takes memory as well, the first time.
try_often(1)
before, after = try_often(warm_up), try_often(times)
print(json.dumps([before, after]))
"""


@pytest.mark.timeout(900)
def test_many_tries_leave_nothing():
    """A hundred; ``make soak`` sets a thousand.

    In so few, a leak may fit into what the process has free. So Python's objects, and its memory to
    the byte, are counted beside it. In processes of their own: one that has run much else gives
    back and takes memory as it likes, and so does counting to the byte.
    """
    resident_bytes, _, objects = what_tries_leave()
    assert resident_bytes < 1 << 20
    _, python_bytes, _ = what_tries_leave("-X", "tracemalloc")
    assert python_bytes < MOST_BYTES_A_TRY * SOAK_TRIES
    assert objects < MOST_OBJECTS_A_TRY * SOAK_TRIES


def what_tries_leave(*options):
    """Return by how much resident bytes, Python's bytes and its objects have grown."""
    printed = in_new_process(TRIES, *options, warm_up=WARM_UP_TRIES, times=SOAK_TRIES)
    (open_before, before), (open_after, after) = json.loads(printed)
    assert open_after == open_before
    return [b - a for a, b in zip(before, after, strict=True)]


OTHER_SYSTEM = """
import os, sys
import asyncio, getpass, psutil
import codeface_jupyter.models.memory
sys.platform = "win32"
for name in ("fcntl", "resource"):
    sys.modules[name] = None
for name in ("fork", "uname", "O_PATH", "wait4", "pidfd_open", "register_at_fork", "getuid"):
    delattr(os, name)
from codeface_jupyter.trials.copy import run_in_copy
from codeface_jupyter.trials.copy_support import copy_support, hanging_reason
import codeface_jupyter.trials.run_code
print(copy_support(tries="on").why, run_in_copy(lambda files: {}).why, sep="\\n")
"""


def test_windows_says_that_it_cannot():
    said = in_new_process(OTHER_SYSTEM).splitlines()
    assert said == ["This system cannot copy a running process."] * 2


HEADERS = {
    0: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    1: Path("/usr/include/asm-generic/unistd.h"),
}
DEFINED = re.compile(r"^#define __NR(?:3264)?_(\w+)\s+(\d+|__NR\w+)", re.MULTILINE)


@pytest.mark.parametrize("column", HEADERS)
def test_numbers_of_system_calls_are_the_kernels(column, monkeypatch):
    if not HEADERS[column].exists():
        pytest.skip("needs the kernel's headers")
    defined = dict(DEFINED.findall(HEADERS[column].read_text()))
    # `__NR_mmap` is another name of `__NR3264_mmap` there.
    numbers = {name: int(number) for name, number in defined.items() if number.isdecimal()}
    monkeypatch.setattr(system_calls, "_COLUMN", column)
    groups = [value for name, value in vars(system_calls).items() if GROUP.fullmatch(name)]
    listed = system_calls._numbers(*groups)
    assert len(listed) > 100
    known = {name: number for name, number in listed.items() if name in numbers}
    assert len(known) > 100
    assert known == {name: numbers[name] for name in known}


GROUP = re.compile("_(FILES|FOLDERS|WAITING|MEMORY|THREADS|SIGNALS_AND_TIME|FACTS|OTHERS)")
