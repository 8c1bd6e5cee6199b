"""What a gateway's records are in, asked as nobody of the gateway's would: with the drivers alone."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from databases import PostgresServer
from processes import Process
from served import ask, eventually

FLUSH_S = 0.3

Rows = list[tuple[Any, ...]]
Database = Callable[[str], Rows]
"""Runs one statement."""

_numbers = itertools.count()


class PostgresUrl(str):
    """Where it is; called, it runs a statement there."""

    __slots__ = ()

    def __call__(self, statement: str) -> Rows:
        with psycopg.connect(self, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def sqlite(file: Path) -> Database:
    """That file."""

    def run(statement: str) -> Rows:
        with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
            return connection.execute(statement).fetchall()

    return run


def store_table(url: str = "", flush_s: float = FLUSH_S) -> str:
    """The table of the configuration; without `url`, the default."""
    return f"[store]\nflush_s = {flush_s}\n" + (f'url = "{url}"\n' if url else "")


def kept(database: Database) -> set[str]:
    """The requests that have a record. Each has one, and the day's sums say the same."""
    found = database("SELECT request_id, (SELECT sum(requests) FROM usage_daily) FROM records")
    names = {row[0] for row in found}
    assert len(names) == len(found)
    assert {int(row[1]) for row in found} <= {len(found)}
    return names


def expect(database: Database, wanted: set[str], timeout_s: float = 30.0) -> None:
    """Wait until all of these are there, and nothing else is."""
    eventually(lambda: len(kept(database)) >= len(wanted), timeout_s)
    assert kept(database) == wanted


def new_database(server: PostgresServer) -> PostgresUrl:
    """An empty one."""
    name = f"test_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name}")
    return PostgresUrl(server.url.rpartition("/")[0] + f"/{name}")


def figures(process: Process, name: str) -> list[float]:
    """The samples of one metric."""
    page = ask(process.port, "GET", "/metrics").body.decode().splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in page if line.startswith((f"{name} ", f"{name}{{"))]
