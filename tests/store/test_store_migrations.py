"""Migrations: from nothing to the tables of today, once, however many processes start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from sluiceway.store import migrations
from sluiceway.store.migrations import upgrade, version
from sluiceway.store.opening import Store, StoreError
from sluiceway.store.tables import HEAD, metadata

PROCESSES = 4
UPGRADE = """
import sys
from sluiceway.store.migrations import upgrade
from sluiceway.store.opening import Store
sys.stdin.readline()
print(upgrade(Store(sys.argv[1])))
"""


def test_the_migrated_schema_is_that_of_the_tables(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_script_is_the_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.FOLDER))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_an_empty_database_is_migrated_and_then_left_alone(url: str) -> None:
    store = Store(url)
    assert upgrade(store) is None
    assert upgrade(store) == HEAD
    assert version(store) == HEAD
    store.close()


def test_a_database_that_a_newer_program_has_changed_is_refused(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=f"is at version 9999, this program knows {HEAD} at most"):
        upgrade(store)
    assert version(store) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(url)
    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.create_index", _failing)
        with pytest.raises(LookupError):
            upgrade(store)
    assert upgrade(store) is None
    store.close()


def test_processes_that_start_at_once_migrate_once(url: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    told = [process.communicate("go\n", timeout=50)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES
    assert sorted(told) == sorted(["None", *[HEAD] * (PROCESSES - 1)])


def test_a_folder_with_a_percent_sign_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "100%s"
    folder.symlink_to(migrations.FOLDER)
    monkeypatch.setattr(migrations, "FOLDER", folder)
    store = Store(f"sqlite:///{tmp_path / 'records.db'}")
    assert upgrade(store) is None
    store.close()


def _failing(*_arguments: object, **_options: object) -> None:
    raise LookupError
