"""The configuration, read again: by SIGHUP, by watching its files; valid or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.keyfile import change_keys
from sluiceway.config.source import Loaded, Source
from sluiceway.config.stored_keys import add, revoke
from sluiceway.reload import MAX_LOGGED_CHANGES, Reloader, Result

UPSTREAM = '[[upstreams]]\nname = "a"\nbase_url = "http://127.0.0.1:1/v1"\n'


class Place:
    """A folder with a configuration file in it, and what was put in force since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "sluiceway.toml"
        self.applied: list[Loaded] = []
        self.write()

    def write(self, server: str = "", more: str = "") -> None:
        self.file.write_text(f"[server]\n{server}\n{UPSTREAM}{more}")

    def replace(self, server: str) -> None:
        """As an editor does: a new file, renamed into the place of the old one."""
        other = self.folder / ".sluiceway.toml.swp"
        other.write_text(f"[server]\n{server}\n{UPSTREAM}")
        other.replace(self.file)

    @contextlib.asynccontextmanager
    async def reloading(
        self, apply: Callable[[Loaded], None] | None = None, **options: Any
    ) -> AsyncIterator[Reloader]:
        source = Source(self.file, options)
        reloader = Reloader(source, source.load(), apply or self.applied.append)
        reloader.start()
        try:
            yield reloader
        finally:
            await reloader.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def quiet(place: Place) -> Place:
    """Watches nothing, so that only SIGHUP and requests reload."""
    place.write("watch_config = false")
    return place


async def until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


async def result_after(reloader: Reloader, act: Callable[[], object]) -> Result:
    before = reloader.last_result
    act()
    await until(lambda: reloader.last_result is not before)
    assert reloader.last_result is not None
    return reloader.last_result


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


# ── reloading ───────────────────────────────────────────────────────────────────────────────────────


def test_sighup_puts_the_new_configuration_in_force_and_says_what_changed(
    quiet: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with quiet.reloading() as reloader:
            quiet.write("watch_config = false\ndrain_s = 7\nport = 1")
            result = await result_after(reloader, hang_up)
            assert (result.ok, result.reason) == (True, "SIGHUP")
            assert result.changes == ("server.port: 8787 -> 1", "server.drain_s: 30 -> 7")
            assert result.needs_restart == ("server.port",)
            assert abs(result.at - time.time()) < 60
            assert [loaded.settings.server.drain_s for loaded in quiet.applied] == [7.0]
            assert reloader.loaded is quiet.applied[0]

    with caplog.at_level(logging.INFO, "sluiceway"):
        run(main())
    (line,) = caplog.records
    assert line.message == "configuration reloaded"
    assert line.__dict__["changes"] == ["server.port: 8787 -> 1", "server.drain_s: 30 -> 7"]
    assert line.__dict__["needs_restart"] == ["server.port"]


def test_who_asks_hears_of_a_reload_that_began_afterwards(quiet: Place) -> None:
    async def main() -> None:
        reports: list[Result] = []
        source = Source(quiet.file)
        reloader = Reloader(source, source.load(), quiet.applied.append, reports.append)
        quiet.write("watch_config = false\ndrain_s = 7")
        first = asyncio.create_task(reloader.reload("first"))
        await asyncio.sleep(0)  # it reads by now
        quiet.write("watch_config = false\ndrain_s = 8")
        second, third = await asyncio.gather(reloader.reload("second"), reloader.reload("third"))
        assert quiet.applied[-1].settings.server.drain_s == 8.0
        assert second is third, "both asked before it began"
        assert (await first).reason == "first"
        assert [one.reason for one in reports] == ["first", "third"]
        assert reports[-1] is second is reloader.last_result
        await reloader.close()

    run(main())


def test_who_waits_no_longer_is_let_go(quiet: Place) -> None:
    async def main() -> None:
        async with quiet.reloading() as reloader:
            impatient = asyncio.create_task(reloader.reload("never mind"))
            await asyncio.sleep(0)
            impatient.cancel()
            assert (await reloader.reload("mine")).ok

    run(main())


def test_what_waits_for_a_restart_is_said_at_every_reload(quiet: Place) -> None:
    async def main() -> None:
        async with quiet.reloading() as reloader:
            quiet.write("watch_config = false\nport = 1")
            await result_after(reloader, hang_up)
            result = await result_after(reloader, hang_up)
            assert (result.changes, result.needs_restart) == ((), ("server.port",))
            assert len(quiet.applied) == 1

    run(main())


def test_a_file_with_mistakes_changes_nothing_and_all_of_them_are_reported(
    quiet: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with quiet.reloading() as reloader:
            before = reloader.loaded
            quiet.write("drian_s = 7", "weight = -1\n")
            result = await result_after(reloader, hang_up)
            assert not result.ok
            assert result.changes == ()
            assert len(result.problems) == 2
            assert "server.drian_s" in result.problems[0]
            assert "upstreams[0].weight" in result.problems[1]
            assert quiet.applied == []
            assert reloader.loaded is before
            quiet.write("watch_config = false\ndrain_s = 7")
            assert (await result_after(reloader, hang_up)).ok

    run(main())
    line = next(one for one in caplog.records if one.levelno == logging.ERROR)
    assert line.message == "configuration not reloaded, nothing has changed"
    assert line.__dict__["source"] == str(quiet.file)
    assert len(line.__dict__["problems"]) == 2


def test_a_file_that_was_removed_changes_nothing_and_is_reported(quiet: Place) -> None:
    async def main() -> None:
        async with quiet.reloading() as reloader:
            quiet.file.unlink()
            result = await result_after(reloader, hang_up)
            assert not result.ok
            assert "No such file" in result.problems[0]
            assert quiet.applied == []

    run(main())


def test_what_can_not_be_put_in_force_changes_nothing(quiet: Place, caplog: pytest.LogCaptureFixture) -> None:
    def apply(_loaded: Loaded) -> None:
        raise ValueError("a defect")

    async def main() -> None:
        async with quiet.reloading(apply) as reloader:
            before = reloader.loaded
            quiet.write("watch_config = false\ndrain_s = 7")
            result = await result_after(reloader, hang_up)
            assert not result.ok
            assert "a defect" in result.problems[0]
            assert reloader.loaded is before

    run(main())
    assert "could not be put in force" in caplog.text


def test_secrets_are_read_from_the_environment_again(
    quiet: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        monkeypatch.setenv("UPSTREAM_KEY", "sk-old")
        quiet.write("watch_config = false", 'api_keys = ["env:UPSTREAM_KEY"]')
        async with quiet.reloading() as reloader:
            monkeypatch.setenv("UPSTREAM_KEY", "sk-new")
            result = await result_after(reloader, hang_up)
            assert result.changes == ("upstreams.a.api_keys changed",)
            assert quiet.applied[0].settings.upstreams[0].api_keys == ("sk-new",)
        assert "sk-" not in str([line.__dict__ for line in caplog.records])

    with caplog.at_level(logging.INFO, "sluiceway"):
        run(main())


def test_options_of_the_command_line_win_at_every_reload(quiet: Place) -> None:
    async def main() -> None:
        async with quiet.reloading(port=0) as reloader:
            quiet.write("watch_config = false\nport = 99")
            result = await result_after(reloader, hang_up)
            assert (result.changes, result.needs_restart) == ((), ())

    run(main())


def test_only_one_reload_runs_at_a_time_and_a_change_meanwhile_is_not_lost(
    quiet: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()
    load = Source.load
    running = 0

    def slow_load(source: Source) -> Loaded:
        nonlocal running
        running += 1
        assert running == 1
        loaded = load(source)
        reading.set()
        assert go_on.wait(10)
        running -= 1
        return loaded

    async def main() -> None:
        async with quiet.reloading() as reloader:
            monkeypatch.setattr(Source, "load", slow_load)
            quiet.write("watch_config = false\ndrain_s = 1")
            reloader.request("first")
            await asyncio.to_thread(reading.wait, 10)
            quiet.write("watch_config = false\ndrain_s = 2")
            for reason in ("second", "third"):
                reloader.request(reason)
            go_on.set()
            await until(lambda: len(quiet.applied) == 2)
            assert [loaded.settings.server.drain_s for loaded in quiet.applied] == [1.0, 2.0]

    run(main())


def test_the_log_line_of_a_wholly_other_configuration_is_bounded(
    quiet: Place, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"k{index}" for index in range(MAX_LOGGED_CHANGES + 5)]

    def keys(limit: int) -> str:
        tables = [
            f'[[keys]]\nname = "{name}"\nsha256 = "{index:064x}"\nmax_in_flight = {limit}\n'
            for index, name in enumerate(names)
        ]
        return "".join(tables)

    async def main() -> None:
        quiet.write("watch_config = false", keys(1))
        async with quiet.reloading() as reloader:
            quiet.write("watch_config = false", keys(2))
            result = await result_after(reloader, hang_up)
            assert len(result.changes) == len(names)

    with caplog.at_level(logging.INFO, "sluiceway"):
        run(main())
    (line,) = caplog.records
    assert len(line.__dict__["changes"]) == MAX_LOGGED_CHANGES + 1
    assert line.__dict__["changes"][-1] == "and 5 more"


# ── watching ────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_is_written_or_replaced_is_read_again(place: Place) -> None:
    async def main() -> None:
        async with place.reloading() as reloader:
            await asyncio.sleep(0.1)
            result = await result_after(reloader, lambda: place.write("drain_s = 1"))
            assert result.changes == ("server.drain_s: 30 -> 1",)
            assert result.reason == "a file changed"
            result = await result_after(reloader, lambda: place.replace("drain_s = 2"))
            assert result.changes == ("server.drain_s: 1 -> 2",)

    run(main())


def test_a_change_before_the_watch_began_is_not_lost(place: Place) -> None:
    async def main() -> None:
        async with place.reloading() as reloader:
            result = await result_after(reloader, lambda: place.write("drain_s = 1"))
            assert result.changes == ("server.drain_s: 30 -> 1",)

    run(main())


def test_other_files_in_the_folder_reload_nothing(place: Place) -> None:
    async def main() -> None:
        async with place.reloading() as reloader:
            await asyncio.sleep(0.1)
            (place.folder / "sluiceway-state.json").write_text("{}")
            await asyncio.sleep(0.5)
            assert reloader.last_result is None

    run(main())


def test_a_mounted_volume_of_kubernetes_is_followed(place: Place) -> None:
    """The file is a link to `..data/sluiceway.toml`, and `..data` one to a folder that is replaced."""
    data, link = place.folder / "..data", place.file

    def publish(version: str, server: str) -> None:
        (place.folder / version).mkdir()
        (place.folder / version / "sluiceway.toml").write_text(f"[server]\n{server}\n{UPSTREAM}")
        (place.folder / "..data_tmp").symlink_to(version)
        (place.folder / "..data_tmp").replace(data)

    async def main() -> None:
        place.file.unlink()
        publish("..1", "drain_s = 1")
        link.symlink_to("..data/sluiceway.toml")
        async with place.reloading() as reloader:
            for version in (2, 3):
                await asyncio.sleep(0.1)
                act = partial(publish, f"..{version}", f"drain_s = {version}")
                result = await result_after(reloader, act)
                assert result.changes == (f"server.drain_s: {version - 1} -> {version}",)

    run(main())


def test_the_file_that_a_link_leads_to_is_watched(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def main() -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "conf.toml"
        place.file.replace(elsewhere)
        place.file.symlink_to(elsewhere)
        async with place.reloading() as reloader:
            await asyncio.sleep(0.1)
            text = f"[server]\ndrain_s = 1\n{UPSTREAM}"
            result = await result_after(reloader, lambda: elsewhere.write_text(text))
            assert result.changes == ("server.drain_s: 30 -> 1",)

    run(main())


def test_a_new_and_a_revoked_key_count_at_once(place: Place) -> None:
    keys = place.folder / "sluiceway-keys.json"

    async def main() -> None:
        async with place.reloading() as reloader:
            await asyncio.sleep(0.1)
            result = await result_after(
                reloader, lambda: change_keys(keys, lambda stored: add(stored, some_key("ann"), 1.0))
            )
            assert result.changes == ("keys: +ann", "keys: clients now need one")
            result = await result_after(
                reloader, lambda: change_keys(keys, lambda stored: revoke(stored, "ann", 2.0))
            )
            assert result.changes == ("keys: -ann",)
            stored = place.applied[-1].stored
            assert stored is not None
            assert stored[0].revoked == 2.0

    run(main())


def test_another_keys_file_is_watched_once_it_is_named(place: Place) -> None:
    other = place.folder / "more" / "keys.json"
    other.parent.mkdir()

    async def main() -> None:
        async with place.reloading() as reloader:
            await asyncio.sleep(0.1)
            await result_after(reloader, lambda: place.write('keys_file = "more/keys.json"'))
            await asyncio.sleep(0.1)
            text = json.dumps({"version": 1, "keys": []})
            result = await result_after(reloader, lambda: other.write_text(text))
            assert result.changes == ("keys: clients now need one",)

    run(main())


def test_where_nothing_can_be_watched_sighup_still_works(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_watches(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    async def main() -> None:
        monkeypatch.setattr("sluiceway.config.watch.awatch", no_watches)
        async with place.reloading() as reloader:
            await until(lambda: "can't be watched" in caplog.text)
            place.write("drain_s = 1")
            assert (await result_after(reloader, hang_up)).ok

    run(main())


def some_key(name: str) -> KeySettings:
    return KeySettings(name=name, sha256="ab" * 32)
