"""Databases for the tests of the store: an empty one for each test, of both kinds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import PostgresServer, running_postgres

from sluiceway.store.migrations import upgrade
from sluiceway.store.opening import Store

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """For tests that leave it running."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{next(_numbers)}"
    server.execute(f"CREATE SCHEMA {name}")  # as good as a database of its own, and quickly made
    return f"{server.url}?options=-csearch_path%3D{name}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """With its tables."""
    opened = Store(url)
    upgrade(opened)
    yield opened
    opened.close()
