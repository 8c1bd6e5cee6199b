"""Records of real processes in real databases: what was answered is there; what can't work is said in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import PostgresServer, running_postgres
from kept_records import PostgresUrl, expect, figures, kept, new_database, sqlite, store_table
from processes import write_config
from served import ask, command, completion, get, serving, under_load

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.store.tables import HEAD


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


# ── in ordinary times ───────────────────────────────────────────────────────────────────────────────


def test_without_any_setting_records_are_in_a_file_beside_the_configuration(
    mock: RunningMock, tmp_path: Path
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    config = write_config(folder, mock.base_url)
    with serving(tmp_path, "--config", str(config)) as process:
        asked = {
            "whole": completion(process.port),
            "streamed": completion(process.port, stream=True),
            "broken": completion(process.port, "fault-eof:3", stream=True),
            "refused": ask(process.port, "POST", "/v1/chat/completions", b"{"),
            "unknown": ask(process.port, "GET", "/v1/models/none-such"),
        }
        database = sqlite(folder / "sluiceway.db")
        expect(database, {reply.request_id for reply in asked.values()})
        columns = "outcome, status, stream, model, upstream, output_tokens, error_code"
        rows = {row[0]: row[1:] for row in database(f"SELECT request_id, {columns} FROM records")}
        assert {name: rows[reply.request_id] for name, reply in asked.items()} == {
            "whole": ("ok", 200, 0, "mock-gpt", "mock", 24, None),
            "streamed": ("ok", 200, 1, "mock-gpt", "mock", 24, None),
            "broken": ("truncated", 200, 1, "fault-eof:3", "mock", None, "upstream_truncated"),
            "refused": ("refused", 400, 0, None, None, None, "invalid_request"),
            "unknown": ("upstream_error", 404, 0, None, "mock", None, "upstream_404"),
        }
        assert (folder / "sluiceway.db").stat().st_mode & 0o777 == 0o600
        assert get(process.port, f"/api/records/{asked['whole'].request_id}")["outcome"] == "ok"
        assert not (folder / "sluiceway-spill").exists()
        assert process.stop()[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["sluiceway.db", "sluiceway.toml"]
    assert not (tmp_path / "sluiceway.db").exists()


def test_two_workers_share_a_file_and_a_drain_under_load_loses_nothing(
    mock: RunningMock, tmp_path: Path
) -> None:
    write_config(tmp_path, mock.base_url, "", store_table(flush_s=60))
    with serving(tmp_path, "--workers", "2") as process, under_load(process.port, clients=12) as load:
        load.since(200)
        process.process.terminate()
        assert process.process.wait(40) == 0
    assert load.ends.bad == {}
    assert kept(sqlite(tmp_path / "sluiceway.db")) == set(load.answered)


def test_postgresql_holds_the_same_and_the_command_line_tells_of_it(
    mock: RunningMock, tmp_path: Path, postgres: PostgresUrl
) -> None:
    write_config(tmp_path, mock.base_url, "", store_table(postgres))
    before = command(tmp_path, "db", "status")
    assert (before.returncode, before.stdout.splitlines()[1]) == (
        0,
        f"{postgres.replace('secret', '***').replace('postgresql:', 'postgresql+psycopg:')} "
        f"is at no version, this program needs {HEAD}",
    )
    upgraded = command(tmp_path, "db", "upgrade")
    assert upgraded.stdout.endswith(f" was empty, is at {HEAD} now\n"), upgraded
    with serving(tmp_path) as process:
        with under_load(process.port) as load:
            load.since(50)
        refused = ask(process.port, "POST", "/v1/chat/completions", b"{")
        expect(postgres, {*load.answered, refused.request_id})
        lines = command(tmp_path, "db", "status").stdout.splitlines()
        assert lines[0] == f"0 bytes wait in {tmp_path}/sluiceway-spill"
        assert lines[2].startswith(f"{len(load.answered) + 1:,} records, from 20")
        assert lines[3:] == ["0 requests with bodies, 0 bytes"]
        assert process.stop() == (0, "", "")


# ── what can't work, and what is off ────────────────────────────────────────────────────────────────


NO_DRIVER = (["serve"], ["serve", "--workers", "2"], ["db", "status"], ["db", "upgrade"])


@pytest.mark.parametrize("words", NO_DRIVER, ids=" ".join)
def test_a_driver_that_is_missing_ends_the_command_in_words(
    mock: RunningMock, tmp_path: Path, words: list[str]
) -> None:
    elsewhere = tmp_path / "without"
    elsewhere.mkdir()
    (elsewhere / "psycopg.py").write_text("raise ImportError('as if it were not installed')\n")
    write_config(tmp_path, mock.base_url, "", store_table("postgresql://u:hunter2hunter2@127.0.0.1/x"))
    done = command(tmp_path, *words, PYTHONPATH=str(elsewhere))
    assert done.returncode == 2
    assert done.stdout == "" or words == ["db", "status"]
    said = 'PostgreSQL needs a driver that is not installed: pip install "sluiceway[postgres]"'
    assert done.stderr.strip() == said


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (["serve"], "mysql://u:hunter2hunter2@db/x"),
        (["serve", "--workers", "2"], "postgresql://u:hunter2hunter2@db:no/x"),
        (["db", "status"], "hunter2hunter2"),
    ],
)
def test_a_url_of_no_known_database_ends_the_command_in_words(
    mock: RunningMock, tmp_path: Path, words: list[str], url: str
) -> None:
    write_config(tmp_path, mock.base_url, "", store_table(url))
    done = command(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "store.url" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_without_a_url_nothing_is_kept_and_the_console_says_so(mock: RunningMock, tmp_path: Path) -> None:
    write_config(tmp_path, mock.base_url, "", '[store]\nurl = ""\n[capture]\nmode = "all"\n')
    with serving(tmp_path) as process:
        asked = completion(process.port).request_id
        for path in ("records", f"records/{asked}", f"records/{asked}/capture", "records/export", "usage"):
            refused = ask(process.port, "GET", f"/api/{path}")
            assert refused.status == 503, path
            assert "store.url is empty" in refused.json["error"]["message"]
        assert get(process.port, "/api/overview")["last_hour"] is None
        assert get(process.port, "/api/streams")["recent"][0]["request_id"] == asked
        assert figures(process, "sluiceway_store_written_records_total") == []
        assert process.stop() == (0, "", "")
    status = command(tmp_path, "db", "status")
    assert (status.returncode, "store.url is empty" in status.stderr) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sluiceway.toml", "stderr.txt"]
