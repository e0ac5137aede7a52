"""Code in a copy of the kernel tries to do harm, by the obvious way and by devious ones.

Each attempt runs in a copy; afterwards nothing may have changed on disk, on the network or in this
process, and no process may be left. What can safely be shown to do harm without the guard is shown
so, in an unguarded fork and a world of its own: an attempt that could do nothing proves nothing.
"""

import contextlib
import ctypes
import dataclasses
import errno
import importlib.util
import json
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import pickle
import resource
import select
import shelve
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.trials.copy import Limits, run_in_copy
from codeface_jupyter.trials.guard import landlock, threads
from codeface_jupyter.trials.guard.landlock import landlock_version
from codeface_jupyter.trials.guard.seccomp import can_filter

pytestmark = [
    pytest.mark.skipif(
        not (landlock_version() and can_filter()), reason="needs Landlock and seccomp filters"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

# A busy machine may need long for what takes milliseconds.
PATIENT = Limits(seconds=60)
LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
# On x86-64 and on aarch64.
NUMBERS = {
    "mknodat": (259, 33),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "execveat": (322, 281),
    "openat2": (437, 437),
    "rt_sigqueueinfo": (129, 138),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "clone": (56, 220),
    "futex": (202, 98),
    "mbind": (237, 235),
    "clone3": (435, 435),
    "seccomp": (317, 277),
    "open_tree": (428, 428),
    "fchmodat2": (452, 452),
    "memory_is_not_a_call": (9999, 9999),
}
ATTEMPTS = []


@dataclasses.dataclass(frozen=True)
class Attempt:
    function: object
    # Whether it must be told that it may not; else only nothing may come of it.
    is_refused: bool
    # Whether it changes something where there is no guard.
    does_harm: bool


def attempt(*, is_refused=True, does_harm=False):
    def register(function):
        ATTEMPTS.append(
            pytest.param(Attempt(function, is_refused, does_harm), id=function.__name__)
        )
        return function

    return register


def c(name, *arguments):
    """Call a function of C's library; an error is raised."""
    result = getattr(LIBC, name)(*map(as_c, arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def kernel(name, *arguments):
    """Make a system call past C's library and Python."""
    number = NUMBERS[name][0 if X86 else 1]
    LIBC.syscall.restype = ctypes.c_long
    result = LIBC.syscall(ctypes.c_long(number), *map(as_c, arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def as_c(value):
    if isinstance(value, int):
        return ctypes.c_long(value)
    return os.fsencode(value) if isinstance(value, str | os.PathLike) else value


class World:
    """What there is to harm: files, open files, sockets, memory, this process."""

    def __init__(self, folder):
        self.folder = folder
        self.parent = os.getpid()
        # What an attempt makes where there is no guard, and would outlive this process.
        self.new_memory = Path("/dev/shm") / f"codeface-{self.parent}-new"
        self.received = []
        self.variables = {"sales": [1, 2, 3]}
        self.closing = []
        self.make_files()
        self.open_files()
        self.open_sockets()
        self.share_memory()

    def make_files(self):
        self.file = self.folder / "sales.csv"
        self.file.write_text("month,sales\n1,10\n2,20\n")
        (self.folder / "empty").mkdir()
        (self.folder / "cache").mkdir()
        (self.folder / "json.py").write_text(
            f"open({str(self.folder / 'shadowed')!r}, 'w').close()\n"
        )
        self.mapped = self.folder / "mapped.bin"
        self.mapped.write_bytes(bytes(2 * mmap.PAGESIZE))
        self.database = self.folder / "data.sqlite"
        connection = sqlite3.connect(self.database)
        connection.execute("CREATE TABLE sales (n INTEGER)")
        connection.execute("INSERT INTO sales VALUES (1)")
        connection.commit()
        connection.close()

    def open_files(self):
        self.handle = (self.folder / "open.txt").open("w+")
        self.handle.write("written\n")
        self.handle.flush()
        # What is in the buffer is this process's to write.
        self.handle.write("buffered")
        self.reading = self.file.open("rb", buffering=0)
        self.connection = sqlite3.connect(self.database)
        self.connection.execute("INSERT INTO sales VALUES (2)")
        self.closing += [self.reading, self.connection]

    def open_sockets(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        address = self.listener.getsockname()
        self.client = socket.create_connection(address)
        self.server = self.listener.accept()[0]
        self.waiting = socket.create_connection(address)
        self.lonely = socket.create_server(("127.0.0.1", 0))
        self.port = self.lonely.getsockname()[1]
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 0))
        self.local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.local.bind(str(self.folder / "local.sock"))
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.abstract.bind(f"\0codeface-{os.getpid()}-{id(self)}")
        self.abstract.listen()
        self.epoll = select.epoll()
        self.epoll.register(self.datagrams.fileno(), select.EPOLLIN)
        sockets = [self.listener, self.lonely, self.client, self.server, self.waiting]
        sockets.append(self.datagrams)
        for each in (*sockets, self.local, self.abstract):
            each.setblocking(False)
        self.closing += [*sockets, self.local, self.abstract, self.epoll]

    def share_memory(self):
        self.array = np.memmap(self.mapped, mode="r+", dtype=np.uint8)
        self.shared = multiprocessing.shared_memory.SharedMemory(create=True, size=64)
        self.anonymous = mmap.mmap(-1, 64)
        with tempfile.TemporaryFile() as file:
            file.write(bytes(64))
            file.flush()
            self.deleted = mmap.mmap(file.fileno(), 64)
        with self.mapped.open("r+b") as file:
            self.read_only = mmap.mmap(file.fileno(), 64, prot=mmap.PROT_READ)
        self.semaphore = multiprocessing.get_context("fork").Semaphore(1)
        self.closing += [self.anonymous, self.deleted]

    def signalled(self, number, _frame):
        self.received.append(number)

    def close(self):
        self.shared.close()
        self.shared.unlink()
        self.array = None
        for each in self.closing:
            each.close()
        # Its buffer is written now, into the folder of this test.
        self.handle.close()
        self.new_memory.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            c("shmctl", c("shmget", self.parent, 0, 0), 0, 0)

    def state(self):
        """Return all that must stay as it is."""
        return {
            "files": dict(self._files()),
            "shared": sorted(Path("/dev/shm").iterdir()),
            "system V": [Path(f"/proc/sysvipc/{kind}").read_text() for kind in ("shm", "sem")],
            "mounts": Path("/proc/self/mounts").read_text(),
            "memory": self._memory(),
            "sockets": self._sockets(),
            "open files": [os.lseek(self.handle.fileno(), 0, 1), self.reading.tell()],
            "process": self._process(),
            "children": Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text(),
        }

    def _files(self):
        for path in (self.folder, *sorted(self.folder.rglob("*"))):
            info = path.lstat()
            facts = (info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, info.st_nlink)
            content = path.read_bytes() if path.is_file() else b""
            yield str(path), (*facts, content, os.listxattr(path, follow_symlinks=False))

    def _memory(self):
        maps = (self.array, self.shared.buf, self.anonymous, self.deleted, self.read_only)
        return (
            [bytes(each[:64]) for each in maps],
            self.semaphore.get_value(),
            str(self.variables),
        )

    def _sockets(self):
        """What has come on each, which is left there."""
        return [
            received(each) for each in (self.client, self.server, self.datagrams, self.local)
        ] + [
            bool(select.select([each], [], [], 0)[0])
            for each in (self.listener, self.lonely, self.abstract)
        ]

    def _process(self):
        limits = [resource.getrlimit(number) for number in range(resource.RLIMIT_NOFILE + 1)]
        umask = os.umask(0)
        os.umask(umask)
        return (
            self.received,
            limits,
            umask,
            Path.cwd(),
            dict(os.environ),
            os.getpriority(os.PRIO_PROCESS, 0),
            os.sched_getaffinity(0),
            os.getpgrp(),
            os.getsid(0),
            socket.gethostname(),
            Path("/proc/self/oom_score_adj").read_text(),
            signal.getsignal(signal.SIGINT),
        )


def received(sock):
    try:
        return sock.recv(100, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


HEARD = (signal.SIGUSR1, signal.SIGIO, signal.SIGURG, signal.SIGCONT, signal.SIGWINCH)


@pytest.fixture
def make_world(tmp_path, monkeypatch):
    worlds = []

    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        worlds.append(World(folder))
        return worlds[-1]

    old = {number: signal.getsignal(number) for number in HEARD}
    yield make
    for number, handler in old.items():
        signal.signal(number, handler)
    monkeypatch.chdir("/")
    for world in worlds:
        world.close()


# Files, by Python's own ways.


@attempt(does_harm=True)
def open_to_write(world, own):
    world.file.open("w").close()


@attempt(does_harm=True)
def open_to_append(world, own):
    with world.file.open("a") as file:
        file.write("3,30\n")


@attempt(does_harm=True)
def open_a_new_file(world, own):
    Path("new.txt").write_text("here")


@attempt(does_harm=True)
def open_relative_to_a_folder(world, own):
    folder = os.open(world.folder, os.O_RDONLY)
    os.open("new.txt", os.O_WRONLY | os.O_CREAT, dir_fd=folder)


@attempt(does_harm=True)
def write_beside_the_own_folder(world, own):
    (own / ".." / Path(os.path.relpath(world.folder, own.parent)) / "new.txt").write_text("x")


@attempt(does_harm=True)
def to_csv(world, own):
    pd.DataFrame({"a": [1]}).to_csv("out.csv")


@attempt(does_harm=True)
def save_an_array(world, own):
    np.save("out.npy", np.zeros(3))


@attempt(does_harm=True)
def map_a_new_file(world, own):
    np.memmap("out.bin", mode="w+", shape=(10,))


@attempt(does_harm=True)
def pickle_a_value(world, own):
    with Path("out.pkl").open("wb") as file:
        pickle.dump(1, file)


@attempt(does_harm=True)
def shelve_a_value(world, own):
    try:
        with shelve.open("shelf") as shelf:
            shelf["a"] = 1
    except Exception as error:
        # Each of its databases has an error class of its own.
        raise PermissionError(str(error)) from error


@attempt(does_harm=True)
def zip_a_file(world, own):
    with zipfile.ZipFile("out.zip", "w") as archive:
        archive.writestr("a", "b")


@attempt(does_harm=True)
def copy_a_file(world, own):
    shutil.copyfile(world.file, "copy.csv")


@attempt(does_harm=True)
def move_a_file_in(world, own):
    shutil.move(world.file, own / "mine.csv")


@attempt(does_harm=True)
def delete_a_tree(world, own):
    shutil.rmtree(world.folder / "cache")


@attempt(does_harm=True)
def a_temporary_file_elsewhere(world, own):
    tempfile.mkstemp(dir=world.folder)


@attempt(does_harm=True)
def commit_to_a_database(world, own):
    connection = sqlite3.connect(world.database, timeout=0.1)
    world.connection.close()
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("INSERT INTO sales VALUES (3)")
    connection.commit()


@attempt(does_harm=True)
def commit_what_the_notebook_has_not(world, own):
    world.connection.commit()


@attempt(does_harm=True)
def a_new_database(world, own):
    connection = sqlite3.connect("new.sqlite")
    connection.execute("CREATE TABLE a (b)")


if importlib.util.find_spec("pyarrow"):
    import pyarrow as pa
    import pyarrow.parquet

    @attempt(does_harm=True)
    def write_parquet_in_c(world, own):
        pa.parquet.write_table(pa.table({"a": [1]}), "out.parquet")


@attempt(does_harm=True)
def change_the_times(world, own):
    os.utime(world.file, (1, 1))


# Files, past Python and its audit hook.


@attempt(does_harm=True)
def c_open_to_write(world, own):
    c("open", world.file, os.O_WRONLY | os.O_TRUNC)


@attempt(does_harm=True)
def c_open_to_read_and_truncate(world, own):
    c("open", world.file, os.O_RDONLY | os.O_TRUNC)


@attempt(does_harm=True)
def c_open_for_neither_and_truncate(world, own):
    c("open", world.file, 3 | os.O_TRUNC)


@attempt(does_harm=True)
def c_openat_for_neither_and_truncate(world, own):
    c("openat", -100, world.file, 3 | os.O_TRUNC)


@attempt(does_harm=True)
def c_openat2(world, own):
    how = struct.pack("=QQQ", os.O_WRONLY | os.O_TRUNC, 0, 0)
    kernel("openat2", -100, world.file, how, len(how))


@attempt(does_harm=True)
def c_creat(world, own):
    c("creat", world.folder / "new.txt", 0o600)


@attempt(does_harm=True)
def c_fopen(world, own):
    LIBC.fopen.restype = ctypes.c_void_p
    if not LIBC.fopen(os.fsencode(world.file), b"w"):
        raise OSError(ctypes.get_errno(), "fopen")


@attempt(does_harm=True)
def c_truncate(world, own):
    c("truncate", world.file, 0)


@attempt(does_harm=True)
def c_unlink(world, own):
    c("unlink", world.file)


@attempt(does_harm=True)
def c_rename(world, own):
    c("rename", world.file, world.folder / "other.csv")


@attempt(does_harm=True)
def c_rename_into_the_own_folder(world, own):
    c("rename", world.file, own / "mine.csv")


@attempt(does_harm=True)
def c_rename_over_a_file(world, own):
    mine = own / "mine.csv"
    c("creat", mine, 0o600)
    c("rename", mine, world.file)


@attempt(does_harm=True)
def c_mkdir(world, own):
    c("mkdir", world.folder / "new", 0o700)


@attempt(does_harm=True)
def c_rmdir(world, own):
    c("rmdir", world.folder / "empty")


@attempt(does_harm=True)
def c_symlink(world, own):
    c("symlink", "/etc", world.folder / "link")


@attempt()
def c_symlink_in_the_own_folder(world, own):
    c("symlink", world.folder, own / "link")


@attempt(does_harm=True)
def c_link_into_the_own_folder_and_write(world, own):
    c("link", world.file, own / "mine.csv")
    c("open", own / "mine.csv", os.O_WRONLY | os.O_TRUNC)


@attempt(does_harm=True)
def c_mkfifo(world, own):
    c("mkfifo", world.folder / "fifo", 0o600)


@attempt()
def c_mknod_of_a_disk(world, own):
    kernel("mknodat", -100, own / "disk", 0o60600, os.makedev(254, 0))


@attempt(does_harm=True)
def c_chmod(world, own):
    c("chmod", world.file, 0o777)


@attempt(does_harm=True)
def c_fchmod(world, own):
    c("fchmod", os.open(world.file, os.O_RDONLY), 0o777)


@attempt()
def c_fchmodat2(world, own):
    kernel("fchmodat2", -100, world.file, 0o777, 0)


@attempt()
def c_chown(world, own):
    c("chown", world.file, 1234, 1234)


@attempt(does_harm=True)
def c_utimensat(world, own):
    c("utimensat", -100, world.file, struct.pack("=4q", 1, 0, 1, 0), 0)


@attempt()
def c_setxattr(world, own):
    c("setxattr", world.file, b"user.note", b"x", 1, 0)


@attempt()
def c_flags_of_a_file(world, own):
    fd = os.open(world.file, os.O_RDONLY)
    c("ioctl", fd, 0x40086602, struct.pack("=L", 0x20))


@attempt()
def c_handle_of_a_file(world, own):
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    c("name_to_handle_at", -100, world.file, handle, ctypes.byref(ctypes.c_int()), 0)
    c("open_by_handle_at", os.open("/", os.O_RDONLY), handle, os.O_WRONLY | os.O_TRUNC)


@attempt()
def c_mount(world, own):
    c("mount", b"none", world.folder / "empty", b"tmpfs", 0, None)


@attempt()
def c_open_tree(world, own):
    kernel("open_tree", -100, world.folder, 1)


@attempt()
def c_chroot(world, own):
    c("chroot", own)


@attempt()
def c_new_namespaces(world, own):
    c("unshare", 0x10000000 | 0x00020000)


@attempt()
def c_io_uring(world, own):
    kernel("io_uring_setup", 4, ctypes.create_string_buffer(120))


@attempt(does_harm=True)
def c_shared_memory(world, own):
    c("shm_open", f"/{world.new_memory.name}".encode(), os.O_CREAT | os.O_RDWR, 0o600)


@attempt(does_harm=True)
def c_system_v_memory(world, own):
    c("shmget", world.parent, 4096, 0o1600)


@attempt()
def c_message_queue(world, own):
    NUMBERS["mq_open"] = (240, 180)
    kernel("mq_open", f"codeface-{world.parent}", os.O_CREAT | os.O_RDWR, 0o600, None)


@attempt()
def the_kernel_s_own_files(world, own):
    c("open", "/proc/sys/kernel/hostname", os.O_WRONLY)


@attempt()
def a_terminal(world, own):
    c("open", "/dev/ptmx", os.O_RDONLY)


@attempt()
def a_device_to_read(world, own):
    c("open", "/dev/tty", os.O_RDONLY)


# Files that the notebook has open.


@attempt(does_harm=True)
def write_to_an_open_file(world, own):
    os.write(world.handle.fileno(), b"mine")


@attempt(does_harm=True)
def flush_the_buffer_of_an_open_file(world, own):
    world.handle.flush()


@attempt(does_harm=True)
def cut_an_open_file(world, own):
    c("ftruncate", world.handle.fileno(), 0)


@attempt(is_refused=False)
def c_write_to_every_descriptor(world, own):
    for fd in range(3, 200):
        LIBC.write(fd, b"mine", 4)


@attempt(does_harm=True)
def move_the_place_in_an_open_file(world, own):
    os.lseek(world.reading.fileno(), 5, os.SEEK_SET)


@attempt(does_harm=True)
def read_from_an_open_file(world, own):
    os.read(world.reading.fileno(), 5)


@attempt(does_harm=True)
def open_a_descriptor_by_its_name(world, own):
    os.truncate(f"/proc/self/fd/{world.handle.fileno()}", 0)


@attempt()
def open_a_descriptor_of_the_parent(world, own):
    c("open", f"/proc/{world.parent}/fd/{world.handle.fileno()}", os.O_WRONLY)


@attempt()
def fetch_a_descriptor_of_the_parent(world, own):
    pidfd = kernel("pidfd_open", world.parent, 0)
    kernel("pidfd_getfd", pidfd, world.handle.fileno(), 0)


@attempt(does_harm=True)
def send_a_file_into_an_open_one(world, own):
    os.sendfile(world.handle.fileno(), os.open(world.file, os.O_RDONLY), 0, 5)


# Memory that the notebook shares.


@attempt(is_refused=False, does_harm=True)
def change_a_mapped_file(world, own):
    world.array[:] = 7
    world.array.flush()


@attempt(is_refused=False, does_harm=True)
def change_shared_memory(world, own):
    world.shared.buf[0] = 7


@attempt(is_refused=False, does_harm=True)
def change_anonymous_shared_memory(world, own):
    world.anonymous[0] = 7


@attempt(is_refused=False, does_harm=True)
def change_the_map_of_a_deleted_file(world, own):
    world.deleted[0] = 7


@attempt(is_refused=False, does_harm=True)
def make_a_read_only_map_writable(world, own):
    address = np.frombuffer(world.read_only, dtype=np.uint8).ctypes.data
    c("mprotect", ctypes.c_void_p(address), mmap.PAGESIZE, 3)
    ctypes.memset(address, 7, 10)


@attempt(is_refused=False, does_harm=True)
def take_a_lock_of_all_processes(world, own):
    world.semaphore.acquire(block=False)


def map_to_read(world):
    """Map the notebook's shared memory as anybody may, and return its address and another's."""
    with (Path("/dev/shm") / world.shared.name).open("rb") as file:
        LIBC.mmap.restype = ctypes.c_void_p
        shared = LIBC.mmap(None, mmap.PAGESIZE, 1, 1, file.fileno(), ctypes.c_long(0))
    own = LIBC.mmap(None, mmap.PAGESIZE, 3, 0x22, -1, ctypes.c_long(0))
    return ctypes.c_void_p(shared), ctypes.c_void_p(own)


@attempt()
def move_threads_that_wait(world, own):
    shared, mine = map_to_read(world)
    kernel("futex", shared, 3, 0, 1000, mine, 0)


@attempt()
def move_threads_that_wait_if_a_value_is_there(world, own):
    shared, mine = map_to_read(world)
    kernel("futex", shared, 4, 0, 1000, mine, 0)


@attempt()
def wake_threads_and_write(world, own):
    shared, mine = map_to_read(world)
    kernel("futex", shared, 5, 0, 1000, mine, 0)


@attempt()
def lend_the_parent_a_priority(world, own):
    _, mine = map_to_read(world)
    kernel("futex", mine, 6, 0, 0, 0, 0)


@attempt()
def move_shared_memory_to_another_place(world, own):
    shared, _ = map_to_read(world)
    kernel("mbind", shared, mmap.PAGESIZE, 0, 0, 0, 0)


@attempt(does_harm=True)
def attach_shared_memory_by_name(world, own):
    path = Path("/dev/shm") / world.shared.name
    with path.open("r+b") as file:
        mmap.mmap(file.fileno(), 64)[0] = 7


@attempt()
def write_memory_of_the_parent(world, own):
    c("open", f"/proc/{world.parent}/mem", os.O_RDWR)


@attempt()
def read_memory_of_the_parent(world, own):
    c("open", f"/proc/{world.parent}/mem", os.O_RDONLY)


@attempt()
def c_write_memory_of_the_parent(world, own):
    text = ctypes.create_string_buffer(8)
    vector = struct.pack("@PN", ctypes.addressof(text), 8)
    c("process_vm_writev", world.parent, vector, 1, vector, 1, 0)


@attempt()
def c_trace_the_parent(world, own):
    c("ptrace", 0x4206, world.parent, 0, 0)


@attempt(is_refused=False)
def change_a_variable(world, own):
    world.variables["sales"].append(4)
    del world.variables["sales"]
    os.environ["CODEFACE_TRIED"] = "1"
    os.chdir("/")
    os.umask(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


# The network.


@attempt(does_harm=True)
def connect(world, own):
    socket.create_connection(("127.0.0.1", world.port))


@attempt()
def fetch_a_page(world, own):
    urllib.request.urlopen(f"http://127.0.0.1:{world.port}/", timeout=1)


@attempt()
def c_socket(world, own):
    c("socket", socket.AF_INET, socket.SOCK_STREAM, 0)


@attempt()
def c_raw_socket(world, own):
    c("socket", socket.AF_PACKET, socket.SOCK_RAW, 0)


@attempt()
def c_netlink(world, own):
    c("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0)


@attempt()
def listen(world, own):
    socket.create_server(("127.0.0.1", 0))


@attempt(does_harm=True)
def send_over_an_open_connection(world, own):
    world.client.send(b"mine")


@attempt(does_harm=True)
def c_send_over_an_open_connection(world, own):
    c("send", world.client.fileno(), b"mine", 4, 0)


@attempt()
def send_a_datagram_from_an_open_socket(world, own):
    world.local.sendto(b"mine", str(world.folder / "local.sock"))


@attempt(does_harm=True)
def send_a_datagram_from_a_pair(world, own):
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"mine", str(world.folder / "local.sock"))


@attempt()
def send_elsewhere_from_a_pair(world, own):
    one, _ = socket.socketpair()
    path = struct.pack("@H108s", socket.AF_UNIX, os.fsencode(world.folder / "local.sock"))
    c("sendto", one.fileno(), b"mine", 4, 0, path, len(path))


@attempt()
def send_a_message_from_a_pair(world, own):
    one, _ = socket.socketpair()
    one.sendmsg([b"mine"])


@attempt(does_harm=True)
def connect_to_an_abstract_socket(world, own):
    one = socket.socket(socket.AF_UNIX)
    one.connect(world.abstract.getsockname())


@attempt(does_harm=True)
def take_a_connection_from_the_listener(world, own):
    world.listener.accept()


@attempt()
def close_a_connection_for_both(world, own):
    world.client.shutdown(socket.SHUT_RDWR)


@attempt()
def take_a_socket_out_of_the_event_loop(world, own):
    world.epoll.unregister(world.datagrams.fileno())


@attempt()
def look_up_a_name(world, own):
    socket.getaddrinfo("localhost", 80)


@attempt()
def look_up_a_name_by_its_number(world, own):
    socket.gethostbyaddr("127.0.0.1")


# Programs and processes.


@attempt(does_harm=True)
def run_a_program(world, own):
    subprocess.run(["touch", "ran"], check=True)


@attempt(does_harm=True)
def run_a_shell(world, own):
    os.system("touch ran")


@attempt()
def open_a_pipe_to_a_program(world, own):
    os.popen("touch ran").read()


@attempt()
def become_a_program(world, own):
    os.execv("/bin/touch", ["touch", "ran"])


@attempt()
def c_become_a_program(world, own):
    c("execl", b"/bin/touch", b"touch", b"ran", None)


@attempt(is_refused=False, does_harm=True)
def c_run_a_shell(world, own):
    c("system", b"touch ran")


@attempt()
def c_spawn(world, own):
    arguments = (ctypes.c_char_p * 3)(b"touch", b"ran", None)
    pid = ctypes.c_int()
    number = LIBC.posix_spawn(ctypes.byref(pid), b"/bin/touch", None, None, arguments, None)
    if number:
        raise OSError(number, os.strerror(number))


@attempt()
def c_run_what_is_in_memory(world, own):
    fd = kernel("memfd_create", b"program", 0)
    kernel("execveat", fd, b"", None, None, 0x1000)


@attempt()
def fork(world, own):
    if os.fork() == 0:
        os._exit(0)


@attempt()
def c_fork(world, own):
    if c("fork") == 0:
        os._exit(0)


@attempt()
def c_clone(world, own):
    if kernel("clone", signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)


@attempt()
def c_clone3(world, own):
    if kernel("clone3", struct.pack("=11Q", *[0] * 4, signal.SIGCHLD, *[0] * 6), 88) == 0:
        os._exit(0)


@attempt()
def a_process_of_multiprocessing(world, own):
    multiprocessing.get_context("fork").Process(target=print).start()


@attempt()
def a_pool_of_processes(world, own):
    multiprocessing.get_context("spawn").Pool(1)


# Other processes, this one's parent first.


@attempt()
def signal_the_parent(world, own):
    os.kill(world.parent, signal.SIGUSR1)


@attempt()
def c_signal_the_parent(world, own):
    c("kill", world.parent, signal.SIGUSR1)


@attempt()
def c_signal_a_group(world, own):
    c("kill", 0, signal.SIGURG)


@attempt()
def c_signal_everybody(world, own):
    c("kill", -1, 0)


@attempt()
def c_signal_a_thread_of_the_parent(world, own):
    kernel("tkill", world.parent, signal.SIGUSR1)


@attempt()
def c_signal_a_thread_of_the_parent_by_group(world, own):
    kernel("tgkill", world.parent, world.parent, signal.SIGUSR1)


@attempt()
def c_queue_a_signal(world, own):
    information = struct.pack("=3i116x", signal.SIGUSR1, 0, -1)
    kernel("rt_sigqueueinfo", world.parent, signal.SIGUSR1, information)


@attempt()
def c_signal_by_pidfd(world, own):
    fd = kernel("pidfd_open", world.parent, 0)
    kernel("pidfd_send_signal", fd, signal.SIGUSR1, None, 0)


@attempt()
def c_signal_by_a_pipe_s_owner(world, own):
    reading, writing = os.pipe()
    c("fcntl", reading, 8, world.parent)
    c("fcntl", reading, 4, 0o20000)
    os.write(writing, b"x")


@attempt()
def c_signal_by_a_socket_s_owner(world, own):
    one, other = socket.socketpair()
    c("ioctl", one.fileno(), 0x8901, struct.pack("=i", world.parent))
    c("ioctl", one.fileno(), 0x5452, struct.pack("=i", 1))
    other.send(b"x")


@attempt()
def slow_the_parent_down(world, own):
    os.setpriority(os.PRIO_PROCESS, world.parent, 19)


@attempt()
def bind_the_parent_to_a_processor(world, own):
    os.sched_setaffinity(world.parent, {0})


@attempt()
def limit_the_parent(world, own):
    resource.prlimit(world.parent, resource.RLIMIT_CORE, (0, 0))


@attempt()
def c_limit_the_parent(world, own):
    kernel("prlimit64", world.parent, resource.RLIMIT_CORE, struct.pack("=QQ", 0, 0), None)


@attempt()
def let_the_parent_go_first(world, own):
    c("open", f"/proc/{world.parent}/oom_score_adj", os.O_WRONLY)


# What would undo the guard, and the machine.


@attempt()
def raise_a_limit(world, own):
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))


@attempt()
def c_raise_a_limit(world, own):
    kernel("prlimit64", 0, resource.RLIMIT_FSIZE, struct.pack("=QQ", 2**40, 2**40), None)


@attempt()
def be_traceable_again(world, own):
    c("prctl", 4, 1, 0, 0, 0)


@attempt()
def outlive_the_parent(world, own):
    c("prctl", 1, 0, 0, 0, 0)


@attempt()
def leave_the_session(world, own):
    c("setsid")


@attempt()
def another_filter(world, own):
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))
    kernel("seccomp", 1, 0, struct.pack("@HP", 1, ctypes.addressof(code)))


@attempt()
def another_user(world, own):
    c("setuid", 1234)


@attempt()
def rename_the_machine(world, own):
    c("sethostname", b"mine", 4)


@attempt()
def set_the_clock(world, own):
    c("clock_settime", 0, struct.pack("=qq", 1, 0))


@attempt()
def change_a_keyring(world, own):
    kernel("keyctl", 1, ctypes.c_char_p(b"mine"))


@attempt()
def load_a_program_into_the_kernel(world, own):
    kernel("bpf", 5, ctypes.create_string_buffer(128), 128)


@attempt()
def watch_the_machine(world, own):
    kernel("perf_event_open", ctypes.create_string_buffer(128), 0, -1, -1, 0)


@attempt()
def handle_page_faults(world, own):
    kernel("userfaultfd", 0)


@attempt()
def a_call_that_is_not_one(world, own):
    kernel("memory_is_not_a_call")


@attempt(is_refused=False)
def import_what_the_user_could_shadow(world, own):
    sys.path.insert(0, str(world.folder))
    sys.modules.pop("json")
    import json  # noqa: F401 - runs `json.py` of the folder


@attempt(is_refused=False)
def finalizers_and_exit_handlers(world, own):
    import atexit

    class Late:
        def __del__(self):
            c("creat", world.folder / "late", 0o600)

    atexit.register(c, "creat", world.folder / "at-exit", 0o600)
    globals()["late"] = Late()


@attempt(is_refused=False)
def threads_that_outlive(world, own):
    def later():
        time.sleep(0.2)
        c("creat", world.folder / "late", 0o600)

    threading.Thread(target=later).start()


@attempt(is_refused=False)
def without_the_hook(world, own):
    # Python's own list of hooks is out of reach, so the words are taken from it.
    from codeface_jupyter.trials.guard import audit

    audit.RefusedOnCopyError.__init__ = lambda self, refusal: None
    audit.PLAIN_JUDGES.clear()
    for each in (lambda: world.file.open("w"), lambda: os.system("touch ran"), os.fork):
        try:
            each()
        except OSError:
            continue
        raise AssertionError("it was done")


@pytest.mark.parametrize("each", ATTEMPTS)
def test_harm_is_kept_off(each, make_world):
    world = make_world("guarded")
    listen_for_signals(world)
    before = world.state()
    report = run_in_copy(lambda files: told(each.function, world, files.folder), limits=PATIENT)
    assert world.state() == before
    assert report.end in ("done", "died"), report
    if each.is_refused:
        assert report.end == "done", report
        assert report.data["refused"], report.data


SINCE_THE_FIRST = (
    open_to_write,
    c_open_to_read_and_truncate,
    c_open_for_neither_and_truncate,
    c_openat_for_neither_and_truncate,
    c_openat2,
    c_truncate,
    c_rename_into_the_own_folder,
    c_rename_over_a_file,
    c_link_into_the_own_folder_and_write,
    c_unlink,
    c_socket,
    c_signal_the_parent,
    connect_to_an_abstract_socket,
)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("function", SINCE_THE_FIRST)
def test_kernels_with_an_older_landlock_keep_harm_off(version, function, make_world, monkeypatch):
    """Ubuntu 22.04 has the first version, Debian 12 the second."""
    monkeypatch.setattr(landlock, "landlock_version", lambda: version)
    world = make_world("older")
    listen_for_signals(world)
    before = world.state()
    report = run_in_copy(lambda files: told(function, world, files.folder), limits=PATIENT)
    assert world.state() == before
    assert report.data["refused"], report


@pytest.mark.parametrize("each", [each for each in ATTEMPTS if each.values[0].does_harm])
def test_without_the_guard_it_is_harm(each, make_world, tmp_path):
    world, own = make_world("unguarded"), tmp_path / "own"
    own.mkdir()
    before = world.state()
    pid = os.fork()
    if pid == 0:
        try:
            each.function(world, own)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert world.state() != before


BESIDE = """
import ctypes, os, sys, threading, time
from codeface_jupyter.trials.copy import Limits, run_in_copy
from codeface_jupyter.trials.copy_support import copy_support, hanging_reason
from codeface_jupyter.trials.guard.support import guard_support

libc, harmed = ctypes.CDLL(None), sys.argv[1]

def run_on():
    while True:
        time.sleep(0.01)

def start_thread():
    threading.Thread(target=run_on, daemon=True).start()

class Harm(BaseException):
    # Made in the thread in which it is raised.
    def __init__(self, *_):
        libc.creat(harmed.encode(), 0o600)

def work(files):
    for thread in sys._current_frames():
        if thread != threading.get_ident():
            raise_in(ctypes.c_ulong(thread), ctypes.py_object(Harm))
    for _ in range(30):
        time.sleep(0.1)
        if os.path.exists(harmed):
            break
    return {}

raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
BEGIN
report = run_in_copy(work, limits=Limits(seconds=60))
told = (report.end, report.why, copy_support(tries="on").why, hanging_reason(tries="auto"))
print(*told, guard_support().level, sep="\\n")
sys.stdout.flush()
os._exit(0)
"""
HOOK = "os.register_at_fork(after_in_child=start_thread)"
# As a debugger does.
OTHER_FORK = """
def fork(real=os.fork):
    pid = real()
    if pid == 0:
        start_thread()
    return pid

os.fork = fork
"""
GUARDED = "assert guard_support().level == 'strong'"
DEBUGGER = "import debugpy; debugpy.listen(('127.0.0.1', 0))"
SOMETHING = "Something starts threads in every copy of the kernel, and no guard holds those."
DEBUGGED = "A debugger is attached, which starts threads in a copy of the kernel."


@pytest.mark.parametrize(
    ("begin", "why"),
    [
        pytest.param(f"{GUARDED}\n{HOOK}", SOMETHING, id="hook"),
        pytest.param(HOOK, SOMETHING, id="hook-before-the-guard-was-tried"),
        pytest.param(f"{GUARDED}\n{OTHER_FORK}", SOMETHING, id="another-fork"),
        pytest.param(
            f"{GUARDED}\n{DEBUGGER}",
            DEBUGGED,
            id="debugger",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("debugpy") is None, reason="needs debugpy"
            ),
        ),
    ],
)
def test_nothing_runs_beside_threads_that_a_fork_starts(begin, why, tmp_path):
    """The guard holds one thread: code could have another do what it may not."""
    done = subprocess.run(
        [sys.executable, "-c", BESIDE.replace("BEGIN", begin), tmp_path / "harmed"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert not (tmp_path / "harmed").exists()
    end, why_not, *reasons, level = done.stdout.splitlines()
    assert end == "refused to start", done
    assert why_not == "The copy could not be guarded: other threads have started in it."
    # It is not tried at every answer anew.
    assert reasons == [why, why]
    assert level == ("strong" if GUARDED in begin else "weak")


def test_a_guard_that_cannot_count_threads_is_not_entered(monkeypatch):
    monkeypatch.setattr(threads, "TASKS", Path("/nowhere"))
    # What it remembers is not true of this process.
    monkeypatch.setattr(threads, "_FOUND", threading.Event())
    report = run_in_copy(lambda files: {"x": 1}, limits=PATIENT)
    assert (report.end, report.data) == ("refused to start", None)
    assert report.why == "The copy could not be guarded: its threads are not listed."


def test_code_cannot_say_that_it_was_not_guarded(monkeypatch):
    monkeypatch.setattr(threads, "_FOUND", threading.Event())
    lie = json.dumps({"refused": "No.", "has_other_threads": True}).encode()

    def work(files):
        for fd in range(3, 100):
            LIBC.write(fd, struct.pack(">I", len(lie)) + lie, 4 + len(lie))

    report = run_in_copy(work, limits=PATIENT)
    assert report.end == "died", report
    assert not threads.were_other_threads()


def listen_for_signals(world):
    for number in HEARD:
        signal.signal(number, world.signalled)


def told(function, world, folder):
    try:
        function(world, folder)
    except (OSError, MemoryError) as error:
        number = error.errno if isinstance(error, OSError) else None
        is_refusal = number in (
            errno.EPERM,
            errno.EACCES,
            errno.ENOSYS,
            errno.EBADF,
            errno.ENOTSOCK,
        )
        return {"refused": is_refusal or isinstance(error, PermissionError), "how": repr(error)}
    except sqlite3.OperationalError as error:
        return {"refused": True, "how": repr(error)}
    return {"refused": False, "how": "it was done"}
