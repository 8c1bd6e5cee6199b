"""Opening: which databases there are, and what is said where one can't be used."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from pathlib import Path

import pytest
from databases import PostgresServer, closed_port
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from sluiceway.store import opening
from sluiceway.store.migrations import upgrade, version
from sluiceway.store.opening import Store, StoreAway, StoreError


def test_a_url_without_a_driver_gets_the_one_that_is_used_here() -> None:
    store = Store("postgresql://u:p@host/db")
    assert (store.engine.dialect.name, store.engine.driver) == ("postgresql", "psycopg")
    assert store.name == "postgresql+psycopg://u:***@host/db"


def test_a_missing_driver_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r'pip install "sluiceway\[postgres\]"'):
        Store("postgresql://u:p@host/db")


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "nonsense", "postgresql://u:secret@h:port/d"])
def test_other_databases_and_bad_urls_are_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_an_sqlite_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "OLDEST_SQLITE", (99, 0, 0))
    with pytest.raises(StoreError, match=r"SQLite 99\.0\.0 or later is needed"):
        Store("sqlite:///a.db")


def test_a_closed_port_is_told_in_one_line_without_a_password() -> None:
    store = Store(f"postgresql://u:secret@127.0.0.1:{closed_port()}/db")
    with pytest.raises(StoreAway) as caught:
        upgrade(store)
    assert "refused" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    store.close()


def test_a_file_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'absent' / 'records.db'}")
    with pytest.raises(StoreAway, match=r"records\.db: No such file or directory"):
        upgrade(store)


def test_reading_makes_no_file(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'records.db'}")
    with pytest.raises(StoreAway, match="there is no such file"):
        version(store)
    assert not (tmp_path / "records.db").exists()


def test_a_new_file_is_for_its_owner_alone_and_readers_do_not_block_the_writer(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'records.db'}")
    upgrade(store)
    with store.reading() as reading:
        assert reading.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert reading.exec_driver_sql("SELECT count(*) FROM records").scalar() == 0
        with store.writing() as writing:
            writing.execute(text("DELETE FROM usage_daily"))
    assert stat.S_IMODE(os.stat(tmp_path / "records.db").st_mode) == 0o600
    store.close()


def test_a_failed_block_changes_nothing(store: Store) -> None:
    def fail() -> None:
        with store.writing() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert version(store) is not None


def test_a_database_that_hangs_is_away(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "ANSWER_S", 1.5)
    store = Store(postgres.url)
    with pytest.raises(SQLAlchemyError), store.writing() as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    with store.writing() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    store.close()


def test_a_kept_connection_that_was_closed_is_no_outage(postgres: PostgresServer) -> None:
    store = Store(postgres.url)
    with store.reading() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    postgres.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
    with store.reading() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar() != pid
    store.close()


def test_sqlite_waits_for_another_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    one, other = Store(url), Store(url)
    upgrade(one)
    with one.writing() as connection:
        waiting = threading.Thread(target=lambda: upgrade(other))
        waiting.start()
        time.sleep(0.05)
        assert waiting.is_alive()
        connection.execute(text("DELETE FROM records"))
    waiting.join(30)
    assert not waiting.is_alive()
    one.close()
    other.close()
