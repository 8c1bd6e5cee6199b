"""The promise: a database that goes and comes back, and a process that is killed, lose no more than is stated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from databases import PostgresServer, closed_port, running_postgres
from store_samples import record, records, settings, wait_until

from sluiceway.config.kinds import Secret
from sluiceway.store import opening
from sluiceway.store import writer as writer_module
from sluiceway.store.opening import Store
from sluiceway.store.queries import Queries, RecordFilter
from sluiceway.store.usage import usage
from sluiceway.store.writer import Writer

# A process that writes one record after the other, and says each number once the writer has it.
WRITING = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from store_samples import record, settings
from sluiceway.config.kinds import Secret
from sluiceway.store.opening import Store
from sluiceway.store.writer import Writer

name, url, folder, count, flush_s = sys.argv[2:]
given = settings(Path(folder), url=Secret(url), flush_s=float(flush_s))
store = Store(given.url)
writer = Writer(store, given)
for number in range(int(count)):
    writer(record(request_id=f"{name}-{number}", started=time.time()))
    print(time.monotonic(), flush=True)
    time.sleep(0.0005)
if not writer.close(20):
    raise SystemExit("not in time")
store.close()
"""


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """For tests that kill it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LAST_RETRY_S", 0.5)


@contextmanager
def writing(url: str, folder: Path) -> Iterator[tuple[Writer, Store]]:
    given = settings(folder, url=Secret(url))
    store = Store(given.url)
    writer = Writer(store, given)
    yield writer, store
    writer.close(20)
    store.close()


def process(name: str, url: str, folder: Path, count: int, flush_s: float) -> subprocess.Popen[str]:
    arguments = [str(Path(__file__).parent), name, url, str(folder), str(count), str(flush_s)]
    return subprocess.Popen([sys.executable, "-c", WRITING, *arguments], stdout=subprocess.PIPE, text=True)


def test_postgresql_killed_and_started_again_under_load_loses_and_doubles_nothing(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    sent: list[str] = []
    enough = threading.Event()

    def load(writer: Writer) -> None:
        while not enough.is_set():
            for one in records(20):
                sent.append(one.request_id)
                writer(one)
            time.sleep(0.005)

    with writing(own_postgres.url, tmp_path) as (writer, store):
        loading = threading.Thread(target=load, args=(writer,))
        loading.start()
        try:
            for _ in range(2):
                before = writer.counts.written
                wait_until(lambda before=before: writer.counts.written > before + 300)  # type: ignore[misc]
                own_postgres.kill()
                spilled = writer.counts.spilled
                wait_until(lambda spilled=spilled: writer.counts.spilled > spilled + 50)  # type: ignore[misc]
                own_postgres.start()
        finally:
            enough.set()
            loading.join()
        wait_until(lambda: writer.flush(20) and writer.counts.spill_bytes == 0)
        counts = writer.counts
        assert (counts.dropped, counts.refused, counts.broken, counts.waiting) == (0, 0, 0, 0)
        found = [one.request_id for one in Queries(store).iter_records(RecordFilter())]
        assert sorted(found) == sorted(sent)
        assert usage(store)[0].requests == len(sent)


def test_postgresql_that_hangs_is_taken_for_away(
    own_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "ANSWER_S", 1.5)
    monkeypatch.setattr(opening, "CONNECT_S", 2)
    with writing(own_postgres.url, tmp_path) as (writer, store):
        writer(record())
        assert writer.flush(20)
        own_postgres.freeze()
        try:
            for one in records(10):
                writer(one)
            wait_until(lambda: writer.counts.spilled == 10)
        finally:
            own_postgres.thaw()
        wait_until(lambda: writer.counts.written == 11)
        assert Queries(store).kept().records == 11


def test_a_writer_starts_without_its_database_and_finds_it_later(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    own_postgres.kill()
    with writing(own_postgres.url, tmp_path) as (writer, store):
        for one in records(10):
            writer(one)
        wait_until(lambda: writer.counts.spilled == 10)
        assert "refused" in str(writer.counts.failing)
        own_postgres.start()
        wait_until(lambda: writer.counts.written == 10)
        assert Queries(store).kept().records == 10


def test_a_database_that_never_comes_is_no_trouble_for_whoever_stops(tmp_path: Path) -> None:
    with writing(f"postgresql://u:secret@127.0.0.1:{closed_port()}/db", tmp_path) as (writer, _store):
        for one in records(10):
            writer(one)
        assert writer.close(20)
        assert (writer.counts.spilled, writer.counts.dropped) == (10, 0)
        assert "secret" not in str(writer.counts.failing)


def test_several_processes_write_one_sqlite_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    started = [process(f"p{number}", url, tmp_path, 400, 0.02) for number in range(3)]
    for one in started:
        one.communicate(timeout=50)
    assert [one.returncode for one in started] == [0, 0, 0]
    with closing(Store(url)) as store:
        assert Queries(store).kept().records == 1200
        assert usage(store)[0].requests == 1200
    assert not (tmp_path / "spill").exists() or not list((tmp_path / "spill").iterdir())


@pytest.mark.parametrize("away", [False, True])
def test_a_process_that_is_killed_loses_no_more_than_the_last_interval(tmp_path: Path, *, away: bool) -> None:
    """Whether its records go to the database or, while that is away, to files."""
    flush_s, margin_s = 0.3, 2.0  # the margin: this machine has more to do
    url = f"sqlite:///{tmp_path / 'records.db'}"
    to = f"postgresql://u:p@127.0.0.1:{closed_port()}/db" if away else url
    running = process("p", to, tmp_path, 1_000_000, flush_s)
    assert running.stdout is not None
    said = [float(running.stdout.readline())]
    while len(said) < 200 or said[-1] < said[199] + flush_s + margin_s + 0.1:
        said.append(float(running.stdout.readline()))
    os.kill(running.pid, signal.SIGKILL)
    said += [float(line) for line in running.stdout.read().splitlines()[:-1]]
    running.wait()
    running.stdout.close()
    safe = sum(moment < said[-1] - flush_s - margin_s for moment in said)
    assert safe > 100
    with writing(url, tmp_path) as (writer, store):  # what is in files gets there now
        assert writer.flush(20)
        wait_until(lambda: writer.counts.spill_bytes == 0)
        found = {one.request_id for one in Queries(store).iter_records(RecordFilter())}
        assert {f"p-{number}" for number in range(safe)} <= found
        assert usage(store)[0].requests == len(found)
