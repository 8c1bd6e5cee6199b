"""Process trees: start one, read its CPU time and memory, end it.

Linux only. CPU time comes from each process's CPU clock (nanoseconds, ended threads included), not from
`/proc/PID/stat`, whose unit of 10 ms is a tenth of what a short run costs.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

STOP_GRACE_S = 5.0
"""Between SIGTERM and SIGKILL. Long enough for a tidy exit, short enough for a bench."""


class Memory(NamedTuple):
    """Bytes held by a process tree. `kind`: "PSS" where the kernel tells it, otherwise "RSS"."""

    rss: int
    held: int
    kind: str


class Process:
    """A child with its own process group, whose output goes to a log file."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Raises `OSError` if the program can't be started."""
        self.log = log
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                list(args),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def running(self) -> bool:
        """Whether the root of the tree is alive."""
        return self._popen.poll() is None

    def last_words(self) -> str:
        """The last line it logged that says anything, for a one-line reason."""
        lines = self.log.read_text(errors="replace").splitlines()
        return next((line.strip()[:160] for line in reversed(lines) if line.strip()), "no output")

    def wait(self, longest_s: float) -> int | None:
        """The exit code of the root, None if it does not end in that time."""
        try:
            return self._popen.wait(longest_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the whole group: politely, then not. Safe to call twice."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(STOP_GRACE_S)
        # The root may be gone and its children not.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


def tree(root: int) -> list[int]:
    """`root` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            # The command name, in parentheses, may itself hold blanks and parentheses: proc_pid_stat(5).
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_ns(root: int) -> int:
    """User and system time of the tree so far, in nanoseconds."""
    total = 0
    for pid in tree(root):
        with suppress(OSError):
            # The kernel's clock id of another process's CPU time, as clock_getcpuclockid(3) makes it.
            total += time.clock_gettime_ns((~pid << 3) | 2)
    return total


def memory(root: int) -> Memory:
    """Memory of the tree now. PSS counts a page shared by several processes once in all."""
    rss = pss = 0
    kind = "PSS"
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
            rss += kib["Rss"] * 1024
            pss += kib["Pss"] * 1024
        except OSError:
            kind = "RSS"
            with suppress(OSError):
                resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
                rss += int(resident) * os.sysconf("SC_PAGE_SIZE")
    return Memory(rss, pss if kind == "PSS" else rss, kind)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
