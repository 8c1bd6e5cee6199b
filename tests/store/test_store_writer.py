"""The writer: what the loop gives it is written by a thread, or spilled, or counted, and the loop never waits."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from store_samples import DAY_S, NOON, captured, record, records, settings, wait_until

from sluiceway.config.kinds import Secret
from sluiceway.config.observe_settings import CaptureSettings
from sluiceway.store import writer as writer_module
from sluiceway.store.inserting import Inserter
from sluiceway.store.migrations import upgrade
from sluiceway.store.opening import Store
from sluiceway.store.queries import Queries, RecordFilter
from sluiceway.store.usage import usage
from sluiceway.store.writer import Writer

KEEP_BODIES = CaptureSettings(keep_days=0.0)
Start = Callable[..., Writer]


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[Start]:
    """Start a writer on a database that is still empty; the options are settings."""
    opened: list[tuple[Writer, Store]] = []

    def begin(**options: Any) -> Writer:
        given = settings(tmp_path, **{"url": Secret(url), **options})
        store = Store(given.url)
        opened.append((Writer(store, given, KEEP_BODIES), store))
        return opened[-1][0]

    yield begin
    for writer, store in opened:
        writer.close(10)
        store.close()


def kept(url: str) -> int:
    with closing(Store(url)) as store:
        return Queries(store).kept().records


def break_tables(url: str) -> None:
    with closing(Store(url)) as store, store.writing() as connection:
        connection.execute(text("ALTER TABLE records RENAME TO elsewhere"))


def mend_tables(url: str) -> None:
    with closing(Store(url)) as store, store.writing() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO records"))


def test_records_and_bodies_are_in_the_database_soon(start: Start, url: str) -> None:
    writer = start()
    some = records(700)
    for one in some:
        writer(one)
    writer.capture(captured(some[0]))
    wait_until(lambda: writer.counts.written == 700 and writer.counts.captured == 1)
    with closing(Store(url)) as store:
        assert {one.request_id for one in Queries(store).iter_records(RecordFilter())} == {
            one.request_id for one in some
        }
        assert Queries(store).capture(some[0].request_id) == captured(some[0])
        assert usage(store)[0].requests == 700
    assert (writer.counts.waiting, writer.counts.dropped, writer.counts.failing) == (0, 0, None)


def test_a_flush_does_not_wait_for_the_interval(start: Start, url: str) -> None:
    writer = start(flush_s=60.0)
    assert writer.flush(20)  # the first round is over
    for one in records(3):
        writer(one)
    assert kept(url) == 0
    assert writer.flush(20)
    assert kept(url) == 3


def test_many_that_wait_are_written_before_the_interval_is_over(start: Start, url: str) -> None:
    writer = start(flush_s=60.0, max_waiting=100)
    assert writer.flush(20)
    for one in records(90):
        writer(one)
    wait_until(lambda: kept(url) > 50)


def test_close_writes_what_waits_and_takes_no_more(start: Start, url: str) -> None:
    writer = start(flush_s=60.0)
    for one in records(5):
        writer(one)
    assert writer.close(20)
    assert kept(url) == 5
    writer(record())
    writer.capture(captured(record()))
    assert writer.counts.dropped == 2


def test_more_than_may_wait_is_dropped_and_counted(
    start: Start, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    go_on = threading.Event()

    def hold(store: Store) -> None:
        held.set()
        go_on.wait(40)
        upgrade(store)

    monkeypatch.setattr(writer_module, "upgrade", hold)
    writer = start(max_waiting=10)
    assert held.wait(30)
    for one in records(25):
        writer(one)
    assert (writer.counts.waiting, writer.counts.dropped) == (10, 15)
    go_on.set()
    assert writer.flush(20)
    assert kept(url) == 10


def test_bodies_that_wait_are_bounded_by_what_they_take(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING_BYTES", 50_000)
    writer = start(flush_s=60.0)
    assert writer.flush(20)
    one = captured(record(), body=b"x" * 60_000)
    writer.capture(one)
    assert writer.counts.dropped == 1
    for _ in range(3):
        for _ in range(3):
            writer.capture(captured(record(), body=b"x" * 10_000))
        assert writer.flush(20)  # what was written makes room again
    assert (writer.counts.dropped, writer.counts.captured) == (1, 9)


# ── while the database is away ──────────────────────────────────────────────────────────────────────


def test_what_fails_goes_to_files_and_back_when_the_database_does(
    start: Start, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sluiceway.store")
    writer = start()
    writer(record())
    assert writer.flush(20)
    break_tables(url)
    for one in records(20):
        writer(one)
        writer.flush(20)
    failing = writer.counts
    assert failing.failing is not None
    assert "records" in failing.failing
    assert (failing.written, failing.spilled, failing.waiting, failing.dropped) == (1, 20, 0, 0)
    assert failing.spill_bytes == sum(path.stat().st_size for path in (tmp_path / "spill").iterdir()) > 0
    mend_tables(url)
    wait_until(lambda: writer.counts.written == 21)
    wait_until(lambda: writer.counts.spill_bytes == 0)
    assert writer.counts.failing is None
    assert kept(url) == 21
    told = [line for line in caplog.messages if "database of records" in line]
    assert len(told) == 2  # that it went, and that it came back
    with closing(Store(url)) as store:
        assert usage(store)[0].requests == 21


def test_beyond_the_limit_of_the_files_records_are_dropped_and_counted(start: Start, url: str) -> None:
    writer = start(spill_bytes=20_000)
    assert writer.flush(20)
    break_tables(url)
    for one in records(100):
        writer(one)
    assert writer.flush(20)
    counts = writer.counts
    assert counts.spill_bytes <= 20_000
    assert counts.spilled > 0
    assert counts.spilled + counts.dropped == 100
    mend_tables(url)
    wait_until(lambda: writer.counts.spill_bytes == 0)
    assert kept(url) == counts.spilled


def test_without_files_what_fails_waits_in_memory_up_to_the_limit(
    start: Start, url: str, tmp_path: Path
) -> None:
    writer = start(spill_bytes=0, max_waiting=10)
    assert writer.flush(20)
    break_tables(url)
    for one in records(8):
        writer(one)
    assert writer.flush(20)
    for one in records(8):
        writer(one)
    assert writer.flush(20)
    assert (writer.counts.waiting, writer.counts.dropped) == (10, 6)
    mend_tables(url)
    wait_until(lambda: writer.counts.written == 10)
    assert not (tmp_path / "spill").exists()
    assert kept(url) == 10


def test_files_of_an_earlier_process_are_read_at_the_start(start: Start, url: str, tmp_path: Path) -> None:
    first = start()
    assert first.flush(20)
    break_tables(url)
    for one in records(30):
        first(one)
    assert first.close(20)
    (left,) = (tmp_path / "spill").iterdir()
    with left.open("ab") as file:
        file.write(b'r{"request_id": "req_half')  # it was killed while it wrote
    mend_tables(url)
    second = start()
    wait_until(lambda: second.counts.spill_bytes == 0 and second.counts.broken == 1)
    assert (second.counts.written, kept(url)) == (30, 30)


def test_a_disk_without_room_drops_and_goes_on(
    start: Start, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spill").write_text("no folder")
    writer = start()
    assert writer.flush(20)
    break_tables(url)
    for one in records(4):
        writer(one)
    assert writer.flush(20)
    assert writer.counts.dropped == 4
    assert "records can't be put into files" in caplog.text
    (tmp_path / "spill").unlink()
    mend_tables(url)
    writer(record())
    wait_until(lambda: writer.counts.written == 1)


def test_a_row_that_is_refused_stops_nobody(start: Start, url: str) -> None:
    writer = start()
    for one in [*records(10), record(bytes_in=2**70), *records(10)]:
        writer(one)
    wait_until(lambda: writer.counts.written == 20)
    assert (writer.counts.refused, writer.counts.failing) == (1, None)


def test_a_newer_database_is_left_alone_and_records_are_kept_in_files(start: Start, url: str) -> None:
    with closing(Store(url)) as store:
        upgrade(store)
        with store.writing() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    writer = start()
    writer(record())
    assert writer.flush(20)
    assert "use a newer program" in str(writer.counts.failing)
    assert writer.counts.spilled == 1


def test_what_no_file_can_hold_either_is_dropped_and_the_thread_lives_on(
    start: Start, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = start()
    assert writer.flush(20)

    def fail(*_: object) -> int:
        raise LookupError("a defect")

    break_tables(url)
    with monkeypatch.context() as patched:
        patched.setattr("sluiceway.store.spill.Spill.append", fail)
        writer(record())
        assert writer.flush(20)
    assert writer.counts.dropped == 1
    mend_tables(url)
    writer(record())
    wait_until(lambda: kept(url) == 1)


def test_what_a_stuck_thread_holds_goes_to_a_file_at_close(
    start: Start, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, go_on = threading.Event(), threading.Event()
    write = Inserter.write

    def hang(*arguments: Any, **options: Any) -> Any:
        stuck.set()
        go_on.wait(40)
        return write(*arguments, **options)

    writer = start()
    assert writer.flush(20)
    monkeypatch.setattr(Inserter, "write", hang)
    in_hand, waiting = records(3), records(4)
    for one in in_hand:
        writer(one)
    assert stuck.wait(30)
    for one in waiting:
        writer(one)
    assert writer.close(0.05)
    assert writer.counts.spilled == 7
    go_on.set()  # and now it is written all the same
    wait_until(lambda: not writer._thread.is_alive())
    monkeypatch.undo()
    second = start()
    wait_until(lambda: second.counts.spill_bytes == 0)
    assert kept(url) == 7
    with closing(Store(url)) as store:
        assert usage(store)[0].requests == 7


def test_old_records_are_cleaned_up_at_the_start_and_then_again(url: str, tmp_path: Path) -> None:
    given = settings(tmp_path, url=Secret(url), keep_days=30.0, usage_days=0.0)
    store = Store(url)
    writer = Writer(store, given, KEEP_BODIES, clean_every_s=0.1)
    for left in (2, 4):
        for one in [*records(20, started=NOON - 3000 * DAY_S), *records(2, started=4e9)]:
            writer(one)
        assert writer.flush(20)
        assert writer.counts.written == 11 * left
        wait_until(lambda left=left: Queries(store).kept().records == left)  # type: ignore[misc]
    assert usage(store)[0].requests == 44
    assert writer.close(10)
    store.close()


def test_an_sqlite_file_that_somebody_else_locks_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluiceway.store.opening.BUSY_MS", 50)
    given = settings(tmp_path)
    store = Store(given.url)
    writer = Writer(store, given)
    assert writer.flush(20)
    with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer(record())
        assert writer.flush(20)
        assert writer.counts.failing == f"{tmp_path / 'records.db'}: database is locked"
        assert writer.counts.spilled == 1
        other.execute("COMMIT")
    wait_until(lambda: writer.counts.written == 1)
    assert writer.close(10)
    store.close()


def test_a_broken_file_is_away_and_records_are_spilled(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"this is no database" * 1000)
    given = settings(tmp_path)
    store = Store(given.url)
    writer = Writer(store, given)
    writer(record())
    assert writer.flush(20)
    assert writer.counts.failing == f"{tmp_path / 'records.db'}: file is not a database"
    assert writer.counts.spilled == 1
    assert writer.close(10)
    store.close()
