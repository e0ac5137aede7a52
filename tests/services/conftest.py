"""Real servers on loopback, in a folder of their own and gone after the test."""

import shutil
import socket
import subprocess
import threading

import pytest

START_TIMEOUT_S = 10
NO_REDIS = "redis-server is not installed (Debian: apt-get install redis-server; `make test` does)"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer:
    """A redis-server that can be stopped and started again on the same port."""

    def __init__(self, folder, *options):
        self.port = free_port()
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


@pytest.fixture
def tcp_server():
    """Return a function that makes a server which sends ``reply`` to all it is sent, or nothing."""
    listeners, threads, connections = [], [], []

    def serve(listener, reply):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=answer, args=(connection, reply)))
            threads[-1].start()

    def answer(connection, reply):
        try:
            while connection.recv(65_536):
                if reply:
                    connection.sendall(reply)
        except OSError:
            return

    def start(reply=b""):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, reply)))
        threads[-1].start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for connection in connections:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    for thread in threads:
        thread.join(START_TIMEOUT_S)
    for connection in connections:
        connection.close()
