"""Real servers on loopback, in a folder of their own and gone after the test."""

import contextlib
import shutil
import socket
import socketserver
import subprocess
import threading

import pytest

START_TIMEOUT_S = 10
NO_REDIS = "redis-server is not installed (Debian: apt-get install redis-server; `make test` does)"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer:
    """A redis-server that can be stopped and started again on the same port."""

    def __init__(self, folder, *options):
        self.port = _free_port()
        self.socket_path = folder / "redis.sock"
        self._command = [
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(folder), "--save", "", "--appendonly", "no"),
            *("--unixsocket", str(self.socket_path), *options),
        ]
        self._process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        output = []
        for line in self._process.stdout:
            output.append(line)
            if "Ready to accept connections" in line or "unix socket" in line:
                return self
        raise AssertionError(f"redis-server did not start:\n{''.join(output)}")

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=START_TIMEOUT_S)
            self._process = None


@pytest.fixture
def free_port():
    return _free_port()


@pytest.fixture
def start_redis(tmp_path):
    """Return a function that starts a redis-server with the options given."""
    if shutil.which("redis-server") is None:
        pytest.skip(NO_REDIS)
    servers = []

    def start(*options):
        folder = tmp_path / f"redis{len(servers)}"
        folder.mkdir()
        servers.append(RedisServer(folder, *options).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class _SameReply(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while self.request.recv(65_536):
                self.request.sendall(self.server.reply)


@pytest.fixture
def tcp_server():
    """Return a function that makes a server which sends ``reply`` to all it is sent, or nothing."""
    with contextlib.ExitStack() as stack:

        def start(reply=b""):
            server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _SameReply)
            server.daemon_threads = True
            server.reply = reply
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return server.server_address[1]

        yield start
