"""How a database becomes what `tables` says: Alembic's scripts in `versions`, and when they run.

Several processes may start at once: one of them migrates, the others wait and find it done.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from sluiceway.store.opening import Store, StoreAway, StoreError
from sluiceway.store.tables import HEAD

FOLDER: Final = Path(__file__).parent

# Any number that nobody else uses in the same database: "sluice", as bytes.
_LOCK: Final = 0x736C75696365

# How long another process may keep a new SQLite file locked, and how often one looks.
_WAL_WITHIN_S: Final = 10.0
_WAL_POLL_S: Final = 0.02


def upgrade(store: Store) -> str | None:
    """Bring the database to `HEAD`. Gives the version that it had, None for an empty one.

    Raises `StoreAway` if it can't be reached, `StoreError` if a newer program has changed it. Blocks.
    """
    try:
        store.make_file()
    except OSError as error:
        raise StoreAway(f"{store.file}: {error.strerror or error}") from error
    with store.translated():
        _use_wal(store)
        with store.writing() as connection:
            found = _version(connection)
            if found == HEAD:
                return found
            if not store.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                found = _version(connection)  # somebody else may have been quicker
            if found != HEAD:
                _migrate(connection, found)
            return found


def version(store: Store) -> str | None:
    """Which migration the database is at, None for an empty one. Raises `StoreAway`."""
    with store.reading() as connection:
        return _version(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection, found: str | None) -> None:
    from alembic import command  # here: takes time and memory, and is seldom needed
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"the database is at version {found}, this program knows {HEAD} at most: use a newer program"
        )
    command.upgrade(config, "head")


def _use_wal(store: Store) -> None:
    """SQLite: readers and a writer beside each other. The file remembers it; until then it is nobody's turn to
    wait for a lock, SQLite says at once that there is one."""
    if not store.is_sqlite:
        return
    give_up_at = time.monotonic() + _WAL_WITHIN_S
    while True:
        try:
            with store.engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                cursor = raw.cursor()  # outside of any transaction
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.close()
            return
        except (OperationalError, store.engine.dialect.dbapi.OperationalError) as error:  # type: ignore[union-attr]
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
        time.sleep(_WAL_POLL_S)
