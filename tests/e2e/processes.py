"""The `sluiceway` command as a process that stays, for tests that send it signals."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# A wide terminal: what is tested is the text, not where lines break.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))},
    "COLUMNS": "200",
    "NO_COLOR": "1",
}


class Process:
    """A command that stays. `line` is the first that it printed, `port` the one in it."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.process = process
        self._printed = b""
        self._errors = errors
        self.line = self.read_line().decode()
        found = re.search(r"http://[^ ]*?:(\d+)", self.line)
        assert found, self.line
        self.port = int(found[1])

    def read_line(self, timeout_s: float = 40.0) -> bytes:
        """The next line of stdout."""
        assert self.process.stdout is not None
        while b"\n" not in self._printed:
            ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
            assert ready, (self._printed, "no line came", self.errors())
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, (self._printed, "stdout was closed", self.errors())
            self._printed += data
        line, self._printed = self._printed.split(b"\n", 1)
        return line + b"\n"

    def errors(self) -> str:
        """Stderr so far."""
        return self._errors.read_text()

    def stop(self) -> tuple[int, str, str]:
        """SIGTERM; the exit code, what was left of stdout, and stderr."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=40)
        return self.process.returncode, (self._printed + out).decode(), self.errors()


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Process]:
    """Run it in that folder, which also takes its stderr, while the body runs."""
    errors = folder / "stderr.txt"
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "sluiceway", *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=ENVIRONMENT,
            cwd=folder,
        ) as process,
    ):
        try:
            yield Process(process, errors)
        finally:
            process.kill()


def write_config(folder: Path, base_url: str, server: str = "", more: str = "") -> Path:
    """`sluiceway.toml` with one upstream. `server`: lines of its `[server]`; `more`: what follows the upstream."""
    file = folder / "sluiceway.toml"
    other = folder / "sluiceway.toml.new"
    other.write_text(
        f'[server]\nport = 0\n{server}\n[[upstreams]]\nname = "mock"\nbase_url = "{base_url}"\n{more}'
    )
    other.replace(file)  # never half a file for whoever watches
    return file
