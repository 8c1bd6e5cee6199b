"""The processes of a soak, and what happens to them meanwhile: reloads, and an upstream that dies."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from bench import procs
from bench.client import BenchError
from bench.soak.config import MOCKS, config, toml

READY_S = 20.0
STOP_S = 15.0
RELOAD_S = 20.0
"""Between two reloads; shorter in short runs."""


class World:
    """The gateway and its simulated providers. Everything has ended after `close`."""

    def __init__(self, home: Path) -> None:
        """Starts all of it. Raises `BenchError` if something does not come up."""
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        for old in home.glob("*.log"):
            old.unlink()
        self.port = procs.free_port()
        self.mock_ports = {name: procs.free_port() for name in MOCKS}
        self.reloads = self.kills = 0
        self._mocks: dict[str, procs.Process] = {}
        self._file = home / "sluiceway.toml"
        try:
            for name in MOCKS:
                self._start_mock(name)
            for name, port in self.mock_ports.items():
                _await_up(self._mocks[name], port)
            self._write(changed=False)
            self.gateway = self._start("gateway", "serve", "--config", str(self._file))
            _await_up(self.gateway, self.port)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End everything."""
        for process in (*self._mocks.values(), *([self.gateway] if hasattr(self, "gateway") else [])):
            process.stop()

    def reload(self, *, changed: bool) -> None:
        """Put another configuration into the file and say so, as an operator's script would."""
        self._write(changed=changed)
        os.kill(self.gateway.pid, signal.SIGHUP)
        self.reloads += 1

    def kill_flaky(self) -> None:
        """End it as the kernel would: without a word."""
        os.killpg(self._mocks["flaky"].pid, signal.SIGKILL)
        self._mocks["flaky"].stop()
        self.kills += 1

    def revive_flaky(self) -> None:
        """On the same port."""
        self._start_mock("flaky")

    def drain(self) -> int | None:
        """SIGTERM; the exit code, None if it did not end in time."""
        os.kill(self.gateway.pid, signal.SIGTERM)
        return self.gateway.wait(STOP_S)

    def complaints(self) -> list[str]:
        """Lines of the gateway's log that tell of a defect."""
        text = (self.home / "gateway.log").read_text(errors="replace")
        signs = (
            "Traceback",
            '"level": "error"',
            '"level": "critical"',
            "never retrieved",
            "Exception ignored",
        )
        return [line[:2000] for line in text.splitlines() if any(sign in line for sign in signs)]

    def _write(self, *, changed: bool) -> None:
        new = self._file.with_suffix(".new")
        new.write_bytes(toml(config(self.port, self.mock_ports, changed=changed)))
        new.replace(self._file)

    def _start_mock(self, name: str) -> None:
        port = str(self.mock_ports[name])
        self._mocks[name] = self._start(f"mock-{name}", "mock", "--port", port)

    def _start(self, name: str, *arguments: str) -> procs.Process:
        command = [sys.executable, "-m", "sluiceway", *arguments]
        return procs.Process(command, log=self.home / f"{name}.log", cwd=self.home)


async def unrest(world: World, rng: random.Random, until: float, run_s: float) -> None:
    """Reload now and then, kill an upstream now and then, until that time of the monotonic clock; then all is as it
    was in the beginning."""
    every_s = min(RELOAD_S, run_s / 4)
    changed = False
    while (now := time.monotonic()) + every_s < until:
        await asyncio.sleep(every_s * rng.uniform(0.4, 0.6))
        changed = not changed
        world.reload(changed=changed)
        await asyncio.sleep(every_s - (time.monotonic() - now) - min(2.0, every_s / 4))
        await asyncio.to_thread(world.kill_flaky)
        await asyncio.sleep(min(2.0, every_s / 4))
        world.revive_flaky()
    if changed:
        world.reload(changed=False)


def _await_up(process: procs.Process, port: int) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if not process.running:
            raise BenchError(f"doesn't start: {process.last_words()}")
        if _answers(port):
            return
        time.sleep(0.05)
    raise BenchError(f"not up within {READY_S:.0f} s: {process.last_words()}")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz", headers={"connection": "close"})
        return connection.getresponse().status == 200
    return False
