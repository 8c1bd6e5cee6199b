"""Opening a database: which driver, how its connections are set up, and its errors in our words.

Nothing is connected before the first transaction.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

# How long SQLite waits for another process that writes; those write for some milliseconds.
BUSY_MS: Final = 5000

# Of PostgreSQL: to answer a connection attempt.
CONNECT_S: Final = 5

# A statement that was not answered in this time never will be: the connection is cut, so that a database that hangs
# counts as one that is away. Cleaning up goes in small chunks, so nothing of ours takes nearly as long.
ANSWER_S: Final = 10.0

# What the console asks may take longer, on large tables.
READ_ANSWER_S: Final = 60.0

# ON CONFLICT came with 3.24, RETURNING and ALTER TABLE DROP COLUMN, for migrations, by 3.35.
OLDEST_SQLITE: Final = (3, 35, 0)


class StoreError(Exception):
    """The database can't be used as it is; somebody has to change something. Never holds a password."""


class StoreAway(StoreError):
    """… or it can't be reached, or is full, or busy: later it may work."""


class Store:
    """A database. Connections are pooled, and every method may be called by any thread."""

    def __init__(self, url: str) -> None:
        """`url`: as `store.url` has it, not empty. Raises `StoreError` for a driver that is not installed."""
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.file = Path(parsed.database or "") if self.is_sqlite else None
        self.engine = _sqlite(parsed) if self.is_sqlite else _postgresql(parsed)
        self.name = parsed.render_as_string(hide_password=True)  # for people
        self._made: tuple[int, int] | None = None  # which file, whatever it is called by now
        self._lock = threading.Lock()
        self._reading: dict[int, Callable[[], object]] = {}  # how each connection that reads is interrupted

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes, committed at the end of the block. Raises SQLAlchemy's own errors:
        the writer has to tell rows that are refused from a database that is away."""
        # SQLite: the lock comes first, since one that has read can't always go on to write.
        with self._connected(ANSWER_S) as connection:
            connection.execution_options(sluiceway_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads. Raises `StoreAway`."""
        if self.file is not None and not self.file.exists():  # SQLite would make an empty one
            raise StoreAway(f"{self.file}: there is no such file")
        with self.translated(), self._connected(READ_ANSWER_S, reads=True) as connection:
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """SQLAlchemy's errors within become `StoreAway`, in one line."""
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreAway(self.in_words(error)) from error

    def in_words(self, error: BaseException) -> str:
        """What is wrong with the database, in one line. PostgreSQL names its host itself, SQLite no file."""
        return in_words(error) if self.file is None else f"{self.file}: {in_words(error)}"

    def make_file(self) -> None:
        """SQLite: make the file, for its owner alone, as it may hold what clients asked. Raises `OSError`."""
        if self.file is not None:
            descriptor = os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600)
            self._made = _identity(os.fstat(descriptor))
            os.close(descriptor)

    @property
    def is_gone(self) -> bool:
        """SQLite: the file was deleted, or another one put in its place. Connections would go on writing into the
        old one, which nobody can open any more: let go of them, then `make_file`."""
        if self.file is None or self._made is None:
            return False
        try:
            return _identity(self.file.stat()) != self._made
        except OSError:
            return True

    def close(self) -> None:
        """Close connections that are not in use, and interrupt those that read: nobody waits for an answer any
        more, and a process does not end before its threads do."""
        with self._lock:
            for interrupt in self._reading.values():
                interrupt()
        self.engine.dispose()

    @contextmanager
    def _connected(self, within_s: float, *, reads: bool = False) -> Iterator[Connection]:
        """A connection that answers, and is cut if the block takes longer. SQLite has no connection to lose, and
        waits for `BUSY_MS` at most."""
        with self.engine.connect() as connection, self._interruptible(connection) if reads else nullcontext():
            if self.is_sqlite:
                yield connection
                return
            with _cut_after(ANSWER_S, connection):
                _reconnect(connection)
            with _cut_after(within_s, connection):
                yield connection

    @contextmanager
    def _interruptible(self, connection: Connection) -> Iterator[None]:
        raw: Any = connection.connection.dbapi_connection
        thread = threading.get_ident()
        with self._lock:
            self._reading[thread] = raw.interrupt if self.is_sqlite else partial(_shut_down, raw.fileno())
        try:
            yield
        finally:
            with self._lock:
                del self._reading[thread]


def in_words(error: BaseException) -> str:
    """What is wrong, in one line, without the statement and what was in it."""
    if isinstance(error, DBAPIError):
        error = error.orig or error
    elif isinstance(error, SQLAlchemyError):
        return str(error.args[0] if error.args else error).partition("\n")[0]
    return f"{error}".strip().partition("\n")[0] or type(error).__name__


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise StoreError(f"store.url: {parsed.get_backend_name()} is no database that is known here")
        return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed
    except (ArgumentError, ValueError):  # whose text would show the password
        raise StoreError("store.url is no URL of a database") from None


def _sqlite(url: URL) -> Engine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"SQLite {wanted} or later is needed; this Python has {sqlite3.sqlite_version}")
    engine = create_engine(url)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions at moments of its own choice
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    # In WAL mode a power cut may take the last transactions away, but never breaks the file; a process that is
    # killed loses none.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("sluiceway_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    options: dict[str, Any] = {"application_name": "sluiceway", "connect_timeout": CONNECT_S}
    options = {name: value for name, value in options.items() if name not in url.query}
    try:
        return create_engine(
            url,
            # Poolers such as PgBouncer give a connection to somebody else after each transaction.
            connect_args={**options, "prepare_threshold": None},
            paramstyle="format",  # rows are tuples
            pool_size=2,
            max_overflow=4,
        )
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            'PostgreSQL needs a driver that is not installed: pip install "sluiceway[postgres]"'
        ) from error


def _reconnect(connection: Connection) -> None:
    """A kept connection may have been closed meanwhile, as by a restart: then this one connects again."""
    try:
        connection.exec_driver_sql("SELECT 1")
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    connection.rollback()


@contextmanager
def _cut_after(seconds: float, connection: Connection) -> Iterator[None]:
    descriptor = connection.connection.fileno()
    timer = threading.Timer(seconds, _shut_down, (descriptor,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(descriptor: int) -> None:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as one:
            one.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed meanwhile
