"""The supervisor: who is started, with what, and when it gives up. Workers are stood in for by small programs."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sluiceway import workers as workers_module
from sluiceway.config.load import settings_from
from sluiceway.config.server_settings import ServerSettings
from sluiceway.config.settings import Settings
from sluiceway.config.source import Loaded
from sluiceway.orders import Reload, SetDrained, encode
from sluiceway.reload import Result
from sluiceway.workers import Supervisor

# Says that it is ready, and then dies of what its last argument says, or waits for the supervisor to stop it.
WORKER = f"""#!{sys.executable}
import os, signal, socket, sys, time
sys.path.insert(0, {str(Path(workers_module.__file__).parents[1])!r})
from sluiceway.orders import Ready, encode
control = socket.socket(fileno=int(sys.argv[3]))
here = {{here!r}}
with open(here + "/lives", "a") as lives:
    lives.write("x")
control.sendall(encode(Ready()))
{{then}}
"""

UNTIL_STOPPED = "while b'Stop' not in control.recv(65536): pass"


class Stand:
    """A folder with a program that stands in for the worker."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.program = folder / "worker"
        monkeypatch.setattr(sys, "executable", str(self.program))
        monkeypatch.setattr(workers_module, "BACKOFF_S", 0.05)

    def does(self, then: str) -> None:
        self.program.write_text(WORKER.format(here=str(self.folder), then=then))
        self.program.chmod(0o755)

    @property
    def lives(self) -> int:
        """How many workers began."""
        file = self.folder / "lives"
        return len(file.read_text()) if file.exists() else 0


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    return Stand(tmp_path, monkeypatch)


def listeners(count: int) -> list[socket.socket]:
    return [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]


async def nothing_to_read(reason: str) -> Result:
    raise AssertionError(reason)


async def until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


def test_all_are_up_before_it_is_announced_and_stop_ends_them(stand: Stand) -> None:
    stand.does(UNTIL_STOPPED)
    announced: list[int] = []

    async def main() -> None:
        supervisor = Supervisor(listeners(3), Loaded(Settings()), Path("shared"))
        running = asyncio.create_task(supervisor.run(lambda: announced.append(stand.lives), nothing_to_read))
        await until(lambda: announced)
        supervisor.stop()
        assert await running == 0

    asyncio.run(main())
    assert announced == [3]


def test_a_worker_that_dies_is_started_again_and_logged(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    stand.does("time.sleep(0.2)\nos.kill(os.getpid(), 9)")

    async def main() -> None:
        supervisor = Supervisor(listeners(1), Loaded(Settings()), Path("shared"))
        running = asyncio.create_task(supervisor.run(lambda: None, nothing_to_read))
        await until(lambda: stand.lives >= 3)
        supervisor.stop()
        assert await running == 0

    asyncio.run(main())
    died = [line for line in caplog.records if "died" in line.message]
    assert died[0].__dict__["how"].startswith("signal 9")
    assert [line.__dict__["in_s"] for line in died[:2]] == [0.0, 0.05]


def test_a_worker_that_never_starts_ends_it_all(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    stand.program.write_text("#!/bin/sh\nexit 3\n")
    stand.program.chmod(0o755)

    async def main() -> None:
        supervisor = Supervisor(listeners(2), Loaded(Settings()), Path("shared"))
        assert await supervisor.run(lambda: pytest.fail("announced"), nothing_to_read) == 1

    asyncio.run(main())
    line = next(line for line in caplog.records if "could not start" in line.message)
    assert line.__dict__["how"] == "exit code 3"


def test_a_configuration_is_handed_to_all_and_to_a_successor(stand: Stand) -> None:
    """Each stand-in notes what it is told, as far as it can read it: a model's name."""
    stand.does(
        "seen = b''\n"
        "while b'Stop' not in seen:\n"
        "    seen += control.recv(65536)\n"
        "    if b'second' in seen or b'first' in seen:\n"
        "        open(here + '/saw-' + str(os.getpid()), 'wb').write(seen[-5000:])\n"
    )
    first, second = (
        Loaded(Settings(server=ServerSettings(cors_origins=(f"https://{name}",))))
        for name in ("first", "second")
    )

    def saw(word: bytes) -> int:
        return sum(word in file.read_bytes() for file in stand.folder.glob("saw-*"))

    async def main() -> None:
        supervisor = Supervisor(listeners(2), first, Path("shared"))
        running = asyncio.create_task(supervisor.run(lambda: None, nothing_to_read))
        await until(lambda: saw(b"first") == 2)
        supervisor.apply(second)
        await until(lambda: saw(b"second") == 2)
        supervisor.stop()
        assert await running == 0

    asyncio.run(main())


@pytest.mark.parametrize(("limit", "lines"), [(0, 0), (10, 1)])
def test_that_limits_are_divided_is_said_once_and_only_where_there_are_some(
    stand: Stand, caplog: pytest.LogCaptureFixture, limit: int, lines: int
) -> None:
    stand.does(UNTIL_STOPPED)
    loaded = Loaded(Settings(server=ServerSettings(max_in_flight=limit)))

    async def main() -> None:
        supervisor = Supervisor(listeners(1), loaded, Path("shared"))
        running = asyncio.create_task(supervisor.run(supervisor.stop, nothing_to_read))
        supervisor.apply(loaded)
        assert await running == 0

    with caplog.at_level(logging.INFO, "sluiceway"):
        asyncio.run(main())
    assert len([line for line in caplog.records if "part of every limit" in line.message]) == lines


def test_limits_that_a_reload_brings_are_told_too(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    stand.does(UNTIL_STOPPED)

    async def main() -> None:
        supervisor = Supervisor(listeners(1), Loaded(Settings()), Path("shared"))
        running = asyncio.create_task(supervisor.run(supervisor.stop, nothing_to_read))
        supervisor.apply(Loaded(Settings(server=ServerSettings(max_in_flight=5))))
        assert await running == 0

    asyncio.run(main())
    assert "part of every limit" in caplog.text


# ── what workers ask for ────────────────────────────────────────────────────────────────────────────

# Asks for something, if it is the first to live, once all `workers` do; writes down all that it is told, and obeys
# if `obeys` says so.
ASKING = """
from sluiceway.orders import Obeyed
asks, obeys = {asks!r}, {obeys!r}
try:
    open(here + "/first", "x")
except FileExistsError:
    asks = b""
while len(open(here + "/lives").read()) < {workers}:
    time.sleep(0.01)
time.sleep(0.3)  # until the supervisor has heard of all of them
control.sendall(asks)
seen = b""
while b"Stop" not in seen:
    seen = control.recv(65536)
    with open(here + "/told-" + sys.argv[3] + "-" + str(os.getpid()), "ab") as told:
        told.write(seen)
    if obeys:
        for _ in range(seen.count(b"Drain\\xa9upstreams") + seen.count(b"Apply")):
            control.sendall(encode(Obeyed()))
    if b"Answer" in seen and b"dying" in asks:
        os.kill(os.getpid(), 9)
"""


def told(stand: Stand, word: bytes) -> int:
    """How many of them were told something with this word in it."""
    return sum(word in file.read_bytes() for file in stand.folder.glob("told-*"))


@pytest.mark.parametrize("obeys", [True, False])
def test_a_drained_upstream_is_told_to_all_and_the_answer_waits_for_them_but_not_for_ever(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, obeys: bool
) -> None:
    monkeypatch.setattr(workers_module, "OBEY_S", 30.0 if obeys else 0.5)
    stand.does(ASKING.format(asks=encode(SetDrained(7, "mock", True)), obeys=obeys, workers=3))

    async def main() -> None:
        supervisor = Supervisor(listeners(3), Loaded(Settings()), Path("shared"))
        running = asyncio.create_task(supervisor.run(lambda: None, nothing_to_read))
        await until(lambda: told(stand, b"Answer"))
        assert told(stand, b"\xa9upstreams\x91\xa4mock") == 3, "one that was told nothing would not know"
        assert told(stand, b"Answer") == 1, "only who asked is answered"
        supervisor.stop()
        assert await running == 0

    asyncio.run(main())


def test_a_successor_knows_which_upstreams_are_drained_and_how_the_last_reload_went(stand: Stand) -> None:
    stand.does(ASKING.format(asks=encode(SetDrained(7, "dying", True)), obeys=True, workers=1))

    async def main() -> None:
        settings = settings_from({"upstreams": [{"name": "dying", "base_url": "http://h/v1"}]}, {})
        supervisor = Supervisor(listeners(1), Loaded(settings), Path("shared"))
        running = asyncio.create_task(supervisor.run(lambda: None, nothing_to_read))
        supervisor.reloaded(Result(1.0, "for a reason", ok=True), (Path("else.toml"),))
        await until(lambda: stand.lives == 2)
        await until(lambda: told(stand, b"\xa7drained\x91\xa5dying") == 1)
        assert told(stand, b"for a reason") == 2
        assert told(stand, b"else.toml") == 2
        supervisor.apply(Loaded(Settings()))  # where there is no such upstream any more
        supervisor.apply(Loaded(settings))
        await until(lambda: told(stand, b"Apply") == 1)
        assert supervisor.drained == ()
        supervisor.stop()
        assert await running == 0

    asyncio.run(main())


def test_a_reload_is_answered_when_all_have_obeyed(stand: Stand) -> None:
    stand.does(ASKING.format(asks=encode(Reload(7, "dear supervisor")), obeys=True, workers=2))
    reasons: list[str] = []

    async def main() -> None:
        supervisor = Supervisor(listeners(2), Loaded(Settings()), Path("shared"))

        async def reload(reason: str) -> Result:
            reasons.append(reason)
            supervisor.apply(Loaded(Settings()))
            return Result(1.0, "this one", ok=True)

        running = asyncio.create_task(supervisor.run(lambda: None, reload))
        await until(lambda: told(stand, b"Answer"))
        assert told(stand, b"Apply") == 2
        assert told(stand, b"this one") == 1
        supervisor.stop()
        assert await running == 0

    asyncio.run(main())
    assert reasons == ["dear supervisor"]
