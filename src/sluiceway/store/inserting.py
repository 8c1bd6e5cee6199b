"""One batch into the database: all of it or nothing, nothing twice, and no row that stops the others for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record
from sluiceway.store import usage
from sluiceway.store.opening import Store, in_words
from sluiceway.store.rows import Row, capture_row, record_row
from sluiceway.store.tables import captures, records

log = logging.getLogger("sluiceway.store")

# Rows of one statement. SQLite's driver lets go of the interpreter for each statement and has to get it back from a
# busy loop, which costs both of them more than the row does; with many rows in one that happens seldom. Some builds
# of SQLite take no more than 999 parameters in a statement.
PIECE: Final = 20

# The interpreter runs one thread at a time, and takes it from one that works on only after a while: too long for
# the loop, whose streams then wait. So the writer lets go by itself, each time it has prepared this many rows.
BREATH_S: Final = 0.0001

Item = Record | Captured
Kind = TypeVar("Kind", Record, Captured)

# What the database, or its driver, says of rows. All other errors are its own state, and may pass.
_REFUSALS: Final = (IntegrityError, DataError, StatementError, ValueError, OverflowError, TypeError)


class Written(NamedTuple):
    """How many records and captures are new in the database, and how many items it refuses."""

    records: int = 0
    captures: int = 0
    refused: int = 0

    def plus(self, other: Written) -> Written:
        """The sums."""
        return Written(*map(sum, zip(self, other, strict=True)))


class Inserter:
    """Writes batches. Of one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Made once: a row then costs half of what SQLAlchemy takes to prepare it each time.
        self._statements: dict[tuple[Table, int], str] = {}

    def write(self, items: Sequence[Item], *, again: bool = False) -> Written:
        """Write them in one transaction. `again`: some may be there already, and are left out.

        An item that the database refuses is left out, too, which takes several transactions. Raises what SQLAlchemy
        raises when the database is away; then some may be there.
        """
        try:
            return self._insert(items, again=again)
        except _REFUSALS as error:
            if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError):
                raise
            if not again:  # one that is there refuses itself
                return self.write(items, again=True)
            if len(items) == 1:
                log.error("%s can't be kept: %s", items[0].request_id, in_words(error))
                return Written(refused=1)
            half = len(items) // 2
            return self.write(items[:half], again=True).plus(self.write(items[half:], again=True))

    def _insert(self, items: Sequence[Item], *, again: bool) -> Written:
        new_records = [item for item in items if isinstance(item, Record)]
        new_captures = [item for item in items if isinstance(item, Captured)]
        with self._store.writing() as connection:
            if again:
                new_records = _missing(connection, records, new_records)
                new_captures = _missing(connection, captures, new_captures)
            self._add(connection, records, new_records, record_row)
            self._add(connection, captures, new_captures, capture_row)
            usage.add(connection, usage.daily(new_records), is_sqlite=self._store.is_sqlite)
        return Written(len(new_records), len(new_captures))

    def _add(
        self, connection: Connection, table: Table, items: Sequence[Kind], row_of: Callable[[Kind], Row]
    ) -> None:
        for start in range(0, len(items), PIECE):
            rows = [row_of(one) for one in items[start : start + PIECE]]
            connection.exec_driver_sql(self._into(table, len(rows)), tuple(chain.from_iterable(rows)))
            time.sleep(BREATH_S)

    def _into(self, table: Table, count: int) -> str:
        """The statement that adds so many rows."""
        known = self._statements.get((table, count))
        if known is None:
            one = str(insert(table).compile(dialect=self._store.engine.dialect))
            values = one[one.index("VALUES (") + len("VALUES ") :]
            known = self._statements[table, count] = one + f", {values}" * (count - 1)
        return known


def _missing(connection: Connection, table: Table, items: Sequence[Kind]) -> list[Kind]:
    by_id = {item.request_id: item for item in items}
    known = connection.scalars(select(table.c.request_id).where(table.c.request_id.in_(by_id)))
    for request_id in known.all():
        del by_id[request_id]
    return list(by_id.values())
