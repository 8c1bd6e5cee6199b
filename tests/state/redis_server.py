"""A real Redis for tests: on a socket in a temporary folder, keeping nothing, killed and started at will."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTS_WITHIN_S = 30.0


class RedisServer:
    """`url`: a Unix socket, or a port of the loopback interface if `tcp`; the same after every start."""

    def __init__(self, folder: Path, *, tcp: bool = False) -> None:
        program = shutil.which("redis-server")
        assert program is not None, "tests of state shared by processes need redis-server installed"
        self._program = program
        self._folder = folder
        self._socket = folder / "redis.sock"
        self._port = _free_port() if tcp else 0
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0" if tcp else f"unix://{self._socket}"

    def start(self, *options: str) -> None:
        """Start it, empty, and wait until it answers. `options`: more of its command line."""
        assert self._process is None
        own = ["--port", str(self._port), "--bind", "127.0.0.1", "--unixsocket", str(self._socket)]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, *own, "--save", "", "--appendonly", "no", *options],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "redis.log").read_text()
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)

    @property
    def running(self) -> bool:
        """Whether it was started and not killed since."""
        return self._process is not None

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it hang: connections are taken, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """Run one command; its answer as it comes, up to 1 MiB, of a kind that needs no second read."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(STARTS_WITHIN_S)
            connection.connect(str(self._socket))
            parts = [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words]
            connection.sendall(b"*%d\r\n%s" % (len(parts), b"".join(parts)))
            return connection.recv(1024 * 1024)

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def running_redis(*, tcp: bool = False) -> Iterator[RedisServer]:
    """A Redis of one's own, started."""
    with tempfile.TemporaryDirectory(prefix="sluiceway-redis-") as folder:
        server = RedisServer(Path(folder), tcp=tcp)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
