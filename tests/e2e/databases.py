"""A real PostgreSQL for tests: in a temporary folder, on a port of its own, killed and started at will."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg

STARTS_WITHIN_S = 30.0


class PostgresServer:
    """`url`: of its database, on the loopback interface; the same after every start."""

    def __init__(self, folder: Path) -> None:
        """`folder`: empty, and reachable by the user that the server runs as."""
        self._folder = folder
        self._data = folder / "data"
        self._as_user = _as_user(folder)
        self.port = _free_port()
        self.url = f"postgresql://sluiceway:secret@127.0.0.1:{self.port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        password = folder / "password"
        password.write_text("secret\n")
        password.chmod(0o644)
        options = ("--username=sluiceway", "--auth=scram-sha-256", f"--pwfile={password}")
        made = subprocess.run(
            [
                *self._as_user,
                _program("initdb"),
                "-D",
                self._data,
                *options,
                "--no-sync",
                "--locale=C",
                "-EUTF8",
            ],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr.decode()

    def start(self) -> None:
        """Start it, with whatever it had, and wait until it answers."""
        assert self._process is None
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "16MB",
            "max_connections": 40,
            "fsync": "off",  # what it has written outlives it anyway, if not the machine
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, _program("postgres"), "-D", self._data, *arguments],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self.answers():
            assert self._process.poll() is None, (self._folder / "postgres.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether it takes connections."""
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url, connect_timeout=2).close()
            return True
        return False

    def kill(self) -> None:
        """End it and all its processes at once, in the middle of whatever they do."""
        process, self._process = self._process, None
        if process is not None:
            for pid in [*self._children(process.pid), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def freeze(self) -> None:
        """Let it hang: connections are taken by the kernel, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement; its rows, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in [self._process.pid, *self._children(self._process.pid)]:
            os.kill(pid, number)

    @staticmethod
    def _children(pid: int) -> Sequence[int]:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of one's own, started."""
    with tempfile.TemporaryDirectory(prefix="sluiceway-postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def closed_port() -> int:
    """A port on which nobody listens."""
    return _free_port()


def _program(name: str) -> str:
    """Debian keeps the server's programs out of the path, a folder for each version."""
    found = shutil.which(name) or max(
        glob.glob(f"/usr/lib/postgresql/*/bin/{name}"),
        key=lambda path: [int(number) for number in re.findall(r"\d+", path)],
        default=None,
    )
    assert found is not None, "tests of the store need PostgreSQL's server installed"
    return found


def _as_user(folder: Path) -> Sequence[str]:
    """PostgreSQL refuses to run as root: as root it runs as somebody else, to whom the folder is given."""
    if os.getuid() != 0:
        return ()
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
