"""What is refused, in words: an audit hook sees it first and says what it would have done.

Where the operating system refuses too, the hook only gives the better message; where it cannot,
this hook is all there is, and code that means to gets past it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codeface_jupyter.shorten import in_one_line

__all__ = ["RefusedOnCopyError", "refuse_in_words"]

Judge = Callable[..., str | None]

MAX_REFUSALS = 50
MAX_CHARS = 200
MAX_NAME_CHARS = 100
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What libraries keep for themselves is refused, but no news of what the code would do.
BOOKKEEPING = frozenset({".cache", ".matplotlib", "Caches", "__pycache__"})
CONFIGURATION = ".config"
# With these libraries look for fonts and for other libraries.
LOOKING = frozenset({"fc-list", "ldconfig"})
NETWORK_FAMILIES = (2, 10, 30)


class RefusedOnCopyError(PermissionError):
    """Tried code would have done what a copy of the kernel may not do."""

    def __init__(self, refusal: str) -> None:
        super().__init__(refusal)
        # What libraries ask a PermissionError for; without a text of its own it is not shown.
        self.errno = errno.EPERM


class _Hook:
    """Judges each event, tells what is refused, and raises.

    Parameters
    ----------
    folder
        Beneath which files may be written.
    tell
        Called with each refusal once.
    """

    def __init__(self, folder: str, tell: Callable[[str], None]) -> None:
        self._folder = os.path.realpath(folder)
        self._tell = tell
        self._told: set[str] = set()
        self._judges = self._make_judges()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        judge = self._judges.get(event)
        if judge is None:
            return
        refusal = judge(*arguments)
        if refusal is not None:
            refusal = in_one_line(refusal, max_chars=MAX_CHARS)
            if not _is_bookkeeping(event, arguments):
                self._tell_once(refusal)
            raise RefusedOnCopyError(refusal)

    def _tell_once(self, refusal: str) -> None:
        if refusal in self._told or len(self._told) >= MAX_REFUSALS:
            return
        self._told.add(refusal)
        self._tell(refusal)

    def _make_judges(self) -> Mapping[str, Judge]:
        return {
            "open": self._open,
            "os.mkdir": lambda path, _mode, fd=-1: self._make("create the folder", path, fd),
            "os.remove": lambda path, fd=-1: self._change("delete", path, fd),
            "os.rmdir": lambda path, fd=-1: self._change("delete the folder", path, fd),
            "shutil.rmtree": lambda path, *_: self._change("delete the folder", path),
            "os.rename": self._rename,
            "os.link": lambda _source, target, *_: self._make("create", target),
            "os.symlink": lambda _source, target, *_: self._make("create", target),
            "os.truncate": lambda path, _length: self._change("cut", path),
            "os.chmod": lambda path, *_: self._change("change the permissions of", path),
            "os.chown": lambda path, *_: self._change("change the owner of", path),
            "os.utime": lambda path, *_: self._change("change the times of", path),
            "os.setxattr": lambda path, *_: self._change("change attributes of", path),
            "os.removexattr": lambda path, *_: self._change("change attributes of", path),
            "os.chflags": lambda path, *_: self._change("change flags of", path),
            **PLAIN_JUDGES,
        }

    def _open(self, path: object, mode: object, flags: object) -> str | None:
        writes = isinstance(flags, int) and flags & WRITES
        if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
            return self._make("write", path)
        return None

    def _rename(self, source: object, target: object, *fds: int) -> str | None:
        allowed = self._is_own(source, *fds[:1]) and self._is_own(target, *fds[1:])
        return None if allowed else f"would rename {_name(source)} to {_name(target)}"

    def _make(self, what: str, path: object, fd: int = -1) -> str | None:
        if self._is_own(path, fd) or (what.endswith("folder") and _is_there(path)):
            return None
        return f"would {what} {_name(path)}"

    def _change(self, what: str, path: object, fd: int = -1) -> str | None:
        # What is not there is not changed; the system says so in its own words.
        if self._is_own(path, fd) or (fd < 0 and not _is_there(path)):
            return None
        return f"would {what} {_name(path)}"

    def _is_own(self, path: object, fd: int = -1) -> bool:
        """Whether a file is the copy's own to write; one that is open was judged before."""
        if isinstance(path, int):
            return True
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        name = os.path.join(_folder_of(fd), os.fsdecode(path))  # noqa: PTH118 - bytes, too
        # Of a link it is the folder it is in that counts, where it is deleted.
        real = os.path.realpath(name)
        return real == os.devnull or real.startswith(self._folder + os.sep)


def refuse_in_words(*, folder: str, tell: Callable[[str], None]) -> None:
    """Raise `RefusedOnCopyError` in this process where code would do what a copy may not.

    Parameters
    ----------
    folder
        Beneath which files may be written.
    tell
        Called with each refusal, such as "would write sales.csv", once and at most fifty times.
    """
    sys.addaudithook(_Hook(folder, tell))


def _name(path: object) -> str:
    if isinstance(path, str | bytes | os.PathLike):
        return in_one_line(os.fsdecode(path), max_chars=MAX_NAME_CHARS)
    return "a file"


def _is_there(path: object) -> bool:
    return not isinstance(path, str | bytes | os.PathLike) or os.path.lexists(path)


def _folder_of(fd: int) -> str:
    if fd < 0:
        return ""
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        # Where that is not told, it is as if it were anywhere.
        return os.sep


def _is_bookkeeping(event: str, arguments: tuple[Any, ...]) -> bool:
    first = arguments[0] if arguments else None
    if not isinstance(first, str | bytes | os.PathLike):
        return False
    path = Path(os.fsdecode(first))
    if event in STARTS:
        return path.name in LOOKING
    is_configuration = event == "os.mkdir" and path.parent.name == CONFIGURATION
    return is_configuration or not BOOKKEEPING.isdisjoint(path.parts[:-1])


# Events whose first argument is a program.
STARTS = frozenset({"os.exec", "os.posix_spawn", "subprocess.Popen"})


def _program(command: object, arguments: object = None, *_: object) -> str:
    if isinstance(arguments, list | tuple) and arguments:
        command = " ".join(_word(argument) for argument in arguments)
    return f"would start a program: {_word(command)}"


def _word(value: object) -> str:
    if isinstance(value, str | bytes | os.PathLike):
        return in_one_line(os.fsdecode(value), max_chars=MAX_NAME_CHARS)
    if isinstance(value, list | tuple):
        return " ".join(map(_word, value))
    return type(value).__name__


def _place(address: object) -> str:
    """Return ``host:port`` of an address as sockets take it, or the path of a local one."""
    if isinstance(address, tuple) and len(address) > 1:
        return f"{_word(address[0])}:{address[1]}"
    return _word(address)


def _connect(_socket: object, address: object = None, *_: object) -> str:
    return f"would connect to {_place(address)}"


def _look_up(host: object, port: object = None, *_: object) -> str:
    if host is None:
        return "would look up its own address"
    if port is None or port == 0:
        return f"would look up {_word(host)}"
    return f"would connect to {_word(host)}:{port if isinstance(port, int) else _word(port)}"


def _new_socket(_socket: object, family: object, *_: object) -> str | None:
    return "would open a network connection" if family in NETWORK_FAMILIES else None


def _send_signal(pid: object, *_: object) -> str | None:
    return None if pid == os.getpid() else "would send a signal to another process"


def _set_limit(*_: object) -> str:
    return "would change the limits of a process"


# Of events whose refusal depends on no folder.
PLAIN_JUDGES: Mapping[str, Judge] = {
    "builtins.input": lambda *_: "would ask you for input",
    "http.client.connect": lambda _self, host, port: f"would connect to {_word(host)}:{port}",
    "os.exec": _program,
    "os.fork": lambda *_: "would start a process",
    "os.forkpty": lambda *_: "would start a process",
    "os.kill": _send_signal,
    "os.killpg": lambda *_: "would send a signal to other processes",
    "os.posix_spawn": _program,
    "os.spawn": lambda _mode, path, arguments, *_: _program(path, arguments),
    "os.startfile": _program,
    "os.system": _program,
    "pty.spawn": _program,
    "resource.prlimit": _set_limit,
    "resource.setrlimit": _set_limit,
    "socket.__new__": _new_socket,
    "socket.bind": lambda _socket, address: f"would listen on {_place(address)}",
    "socket.connect": _connect,
    "socket.getaddrinfo": _look_up,
    "socket.gethostbyaddr": _look_up,
    "socket.gethostbyname": _look_up,
    "socket.getnameinfo": lambda address: f"would look up {_place(address)}",
    "socket.sendto": _connect,
    "socket.sethostname": lambda name: f"would rename this machine to {_word(name)}",
    "subprocess.Popen": _program,
    "syslog.openlog": lambda *_: "would write to the system's log",
    "syslog.syslog": lambda *_: "would write to the system's log",
    "urllib.Request": lambda url, *_: f"would fetch {_word(url)}",
    "webbrowser.open": lambda url: f"would open {_word(url)} in a browser",
}
