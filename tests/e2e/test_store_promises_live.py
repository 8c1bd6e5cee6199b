"""Records of real processes whose database is away, hangs or is lost, or who are killed: the promise is kept."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from databases import PostgresServer, closed_port, running_postgres
from harness import RawClient, chat
from kept_records import FLUSH_S, PostgresUrl, expect, figures, kept, new_database, sqlite, store_table
from processes import Process, write_config
from served import Load, ask, command, completion, eventually, get, serving, under_load

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.store.migrations import upgrade
from sluiceway.store.opening import Store
from sluiceway.store.tables import HEAD

# On a busy machine, for what a flush itself takes, and for clients to hear of their answers.
MARGIN_S = 2.0

LOST = "sluiceway_store_lost_records_total"


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as running:
        yield running


@pytest.fixture
def postgres(server: PostgresServer) -> PostgresUrl:
    """A database of the test's own."""
    return new_database(server)


def answered_before(load: Load, moment: float) -> set[str]:
    return {request_id for request_id, at in load.answered.items() if at < moment}


def events(process: Process) -> str:
    """The log without what is said when a database is away and comes back."""
    usual = (
        "database of records can't be used",
        "database of records can be used again",
        "go into the database",
    )
    return "".join(
        line for line in process.errors().splitlines() if not any(words in line for words in usual)
    )


# ── the database is away ────────────────────────────────────────────────────────────────────────────


def test_postgresql_is_killed_and_started_again_under_load_and_clients_notice_nothing(
    mock: RunningMock, tmp_path: Path, server: PostgresServer, postgres: PostgresUrl
) -> None:
    write_config(tmp_path, mock.base_url, "", store_table(postgres))
    with serving(tmp_path) as process:
        with under_load(process.port) as load, RawClient(process.port) as client:
            client.post(chat("mock-gpt?tokens=25&tps=10"))
            _, headers = client.read_head()
            load.since(50)
            server.kill()
            load.since(50)
            eventually(lambda: figures(process, "sluiceway_store_failing") == [1.0])
            assert ask(process.port, "GET", "/api/records").status == 503
            assert get(process.port, "/readyz")["status"] == "ok"
            eventually(lambda: figures(process, "sluiceway_store_spilled_records_total")[0] >= 100)
            server.start()
            load.since(50)
            assert client.read_until(b"0\r\n\r\n").endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
        assert load.ends == {"ok": len(load.answered)}
        everything = {*load.answered, headers["x-request-id"]}
        expect(postgres, everything)
        assert figures(process, "sluiceway_store_failing") == [0.0]
        assert figures(process, "sluiceway_store_spill_bytes") == [0.0]
        assert sum(figures(process, LOST)) == 0.0
        assert events(process) == ""
        assert process.stop()[0] == 0
    assert kept(postgres) == everything


def test_a_database_that_hangs_holds_up_nobody_and_gets_nothing_twice(
    mock: RunningMock, tmp_path: Path, postgres: PostgresUrl
) -> None:
    """Neither clients, nor who asks for anything else, nor the drain; though many ask for records meanwhile."""
    write_config(tmp_path, mock.base_url, "drain_s = 0.5", store_table(postgres))
    with serving(tmp_path) as process, contextlib.ExitStack() as asking_in_vain:
        first = {completion(process.port).request_id for _ in range(5)}
        expect(postgres, first)
        with psycopg.connect(
            postgres
        ) as somebody:  # who keeps the table to himself, so that nothing is answered
            somebody.execute("LOCK TABLE records")
            for _ in range(60):
                client = asking_in_vain.enter_context(RawClient(process.port))
                client.send(b"GET /api/records HTTP/1.1\r\nhost: localhost\r\n\r\n")
            more = {completion(process.port, stream=True).request_id for _ in range(20)}
            assert ask(process.port, "GET", "/metrics").status == 200
            assert ask(process.port, "GET", "/api/keys").status == 200
            assert ask(process.port, "POST", "/api/config/reload", {}).status == 200
            time.sleep(2 * FLUSH_S)  # the writer has them in its hands, and waits
            process.process.terminate()
            assert process.process.wait(40) == 0
    with serving(tmp_path) as process:
        expect(postgres, first | more)
        assert process.stop()[0] == 0


def test_a_database_that_comes_back_empty_gets_its_tables_again(
    mock: RunningMock, tmp_path: Path, postgres: PostgresUrl
) -> None:
    """As a container without a volume does: what comes from then on is kept, and nothing piles up in files."""
    write_config(tmp_path, mock.base_url, "", store_table(postgres))
    with serving(tmp_path) as process:
        expect(postgres, {completion(process.port).request_id})
        postgres("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        later = {completion(process.port).request_id for _ in range(10)}
        # Those of the first batch at least; the next ones may find the tables made again.
        eventually(lambda: figures(process, "sluiceway_store_spilled_records_total")[0] >= 1.0)
        eventually(lambda: figures(process, "sluiceway_store_spill_bytes") == [0.0])
        expect(postgres, later)
        assert process.stop()[0] == 0


def test_a_file_that_is_deleted_under_a_running_gateway_is_made_again(
    mock: RunningMock, tmp_path: Path
) -> None:
    """Else all would go on being written into a file that nobody can ever open."""
    write_config(tmp_path, mock.base_url, "", store_table())
    file = tmp_path / "sluiceway.db"
    with serving(tmp_path) as process:
        expect(sqlite(file), {completion(process.port).request_id})
        for path in tmp_path.glob("sluiceway.db*"):
            path.unlink()
        time.sleep(2 * FLUSH_S)
        later = {completion(process.port).request_id for _ in range(10)}
        eventually(file.exists)
        assert file.stat().st_mode & 0o777 == 0o600
        eventually(lambda: ask(process.port, "GET", "/api/records").status == 200)
        expect(sqlite(file), later)
        assert {one["request_id"] for one in get(process.port, "/api/records")["records"]} == later
        assert process.stop()[0] == 0


def test_a_gateway_serves_though_its_database_is_away_from_the_start(
    mock: RunningMock, tmp_path: Path
) -> None:
    port = closed_port()
    write_config(
        tmp_path, mock.base_url, "", store_table(f"postgresql://u:hunter2hunter2@127.0.0.1:{port}/x")
    )
    with serving(tmp_path) as process:
        assert completion(process.port).status == 200
        refused = ask(process.port, "GET", "/api/records")
        assert (refused.status, refused.code) == (503, "gateway_overloaded")
        assert get(process.port, "/api/overview")["last_hour"] is None
        assert figures(process, "sluiceway_store_failing") == [1.0]
        code, out, err = process.stop()
    assert (code, out) == (0, "")
    assert "can't be used" in err
    assert "hunter2" not in err
    status = command(tmp_path, "db", "status")
    assert (status.returncode, "hunter2" in status.stderr) == (2, False)
    assert "Connection refused" in status.stderr


def test_a_database_that_says_nothing_delays_the_start_by_seconds_and_loses_nothing(
    mock: RunningMock, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        write_config(tmp_path, mock.base_url, "", store_table(f"postgresql://u:p@127.0.0.1:{port}/x"))
        with serving(tmp_path) as process:  # which waits for it, with a limit
            request_id = completion(process.port).request_id
            process.process.terminate()
            assert process.process.wait(40) == 0
    (file,) = (tmp_path / "sluiceway-spill").iterdir()
    assert request_id in file.read_text()


def test_a_database_of_a_newer_version_is_left_alone_until_this_one_is_upgraded(
    mock: RunningMock, tmp_path: Path
) -> None:
    write_config(tmp_path, mock.base_url, "", store_table())
    database = sqlite(tmp_path / "sluiceway.db")
    with closing(Store(f"sqlite:///{tmp_path}/sluiceway.db")) as empty:
        upgrade(empty)
    database("UPDATE alembic_version SET version_num = '9999'")
    assert "is at 9999" in command(tmp_path, "db", "status").stdout
    with serving(tmp_path) as process:
        request_id = completion(process.port).request_id
        code, _out, err = process.stop()
        assert (code, "newer" in err) == (0, True)
    assert database("SELECT count(*) FROM records") == [(0,)]
    database(f"UPDATE alembic_version SET version_num = '{HEAD}'")
    with serving(tmp_path) as process:
        expect(database, {request_id})
        assert process.stop()[0] == 0


# ── the gateway is killed ───────────────────────────────────────────────────────────────────────────


def test_a_gateway_that_is_killed_under_load_loses_the_last_moments_at_most(
    mock: RunningMock, tmp_path: Path
) -> None:
    write_config(tmp_path, mock.base_url, "", store_table())
    with serving(tmp_path) as process, under_load(process.port) as load:
        load.since(60)
        time.sleep(FLUSH_S + MARGIN_S)
        killed_at = time.monotonic()
        process.process.kill()
        process.process.wait()
    long_ago = answered_before(load, killed_at - FLUSH_S - MARGIN_S)
    assert len(long_ago) > 50
    database = sqlite(tmp_path / "sluiceway.db")
    survived = kept(database)
    assert long_ago - survived == set()
    assert database("PRAGMA integrity_check") == [("ok",)]
    with serving(tmp_path) as process:
        again = completion(process.port).request_id
        expect(database, survived | {again})
        assert process.stop()[0] == 0


def test_what_a_killed_gateway_had_put_into_files_is_taken_up_by_the_next_one(
    mock: RunningMock, tmp_path: Path, server: PostgresServer, postgres: PostgresUrl
) -> None:
    write_config(tmp_path, mock.base_url, "", store_table(postgres))
    server_is_up = True
    try:
        with serving(tmp_path) as process, under_load(process.port) as load:
            load.since(20)
            server.kill()
            server_is_up = False
            load.since(60)
            time.sleep(FLUSH_S + MARGIN_S)
            killed_at = time.monotonic()
            process.process.kill()
            process.process.wait()
    finally:
        if not server_is_up:
            server.start()
    long_ago = answered_before(load, killed_at - FLUSH_S - MARGIN_S)
    assert len(long_ago) > 50
    with serving(tmp_path) as process:
        eventually(lambda: not list((tmp_path / "sluiceway-spill").iterdir()))
        assert long_ago - kept(postgres) == set()
        assert sum(figures(process, LOST)) <= 1.0  # half a line, if it was being written
        assert process.stop()[0] == 0
