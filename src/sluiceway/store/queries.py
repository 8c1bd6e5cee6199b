"""Reading what is kept: lists of records, one record, bodies. All of it blocks: callers use threads.

Lists go from the newest to the oldest. A page ends with a cursor, the place of its last record, and the next begins
behind it: however many come or go meanwhile, none is shown twice or left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, func, select, tuple_

from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record
from sluiceway.store.opening import Store
from sluiceway.store.rows import captured_of, record_of
from sluiceway.store.tables import captures, records

# An export reads this many records at a time: a long transaction would keep SQLite from ever shortening its log.
EXPORT_CHUNK: Final = 500

_EXACT: Final = ("key", "upstream", "dialect", "outcome", "status", "error_code")


class RecordFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records; None is any. `since`, `until`: Unix seconds, the first included, the second not. `model`: a
    name, or a glob with `*` and `?`. `text`: within the request's id or the model, in any case of letters.
    `min_*_ms`: this slow, or slower. `failed`: whether the outcome is anything but ok."""

    since: float | None = None
    until: float | None = None
    key: str | None = None
    model: str | None = None
    upstream: str | None = None
    dialect: str | None = None
    outcome: str | None = None
    status: int | None = None
    error_code: str | None = None
    failed: bool | None = None
    stream: bool | None = None
    text: str | None = None
    min_duration_ms: float | None = None
    min_first_event_ms: float | None = None


class Page(msgspec.Struct, frozen=True):
    """`cursor`: where the next page begins; None if this is the last."""

    records: tuple[Record, ...]
    cursor: str | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is there. `oldest`, `newest`: Unix seconds, None where there is nothing."""

    records: int
    oldest: float | None
    newest: float | None
    captures: int
    capture_bytes: int


class Queries:
    """See the module. Every method may be called by any thread, and raises `StoreAway`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def records(self, wanted: RecordFilter, limit: int = 50, cursor: str | None = None) -> Page:
        """The next `limit` of the wanted records, from the newest on. Raises `ValueError` for a bad `cursor`."""
        query = self._query(wanted).limit(limit + 1)
        if cursor is not None:
            place = tuple_(records.c.started, records.c.request_id)
            query = query.where(place < tuple_(*_place(cursor)))
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        found = tuple(record_of(row) for row in rows[:limit])
        more = len(rows) > limit and found
        return Page(found, _cursor(found[-1]) if more else None)

    def iter_records(self, wanted: RecordFilter) -> Iterator[Record]:
        """All of them, however many, with some hundred in memory."""
        cursor = None
        while True:
            page = self.records(wanted, EXPORT_CHUNK, cursor)
            yield from page.records
            if page.cursor is None:
                return
            cursor = page.cursor

    def record(self, request_id: str) -> Record | None:
        """That record, None if there is none."""
        with self._store.reading() as connection:
            row = connection.execute(select(records).where(records.c.request_id == request_id)).one_or_none()
        return None if row is None else record_of(row)

    def capture(self, request_id: str) -> Captured | None:
        """The bodies of that request, None if they were not kept."""
        query = select(captures).where(captures.c.request_id == request_id)
        with self._store.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else captured_of(row)

    def kept(self) -> Kept:
        """What is there. Counts all rows, which takes a while where there are millions."""
        with self._store.reading() as connection:
            count, oldest, newest = connection.execute(
                select(func.count(), func.min(records.c.started), func.max(records.c.started))
            ).one()
            bodies, size = connection.execute(
                select(func.count(), func.sum(captures.c.size)).select_from(captures)
            ).one()
        return Kept(
            records=count, oldest=oldest, newest=newest, captures=bodies, capture_bytes=int(size or 0)
        )

    def _query(self, wanted: RecordFilter) -> Select[Any]:
        query = select(records).where(*self._conditions(wanted))
        return query.order_by(records.c.started.desc(), records.c.request_id.desc())

    def _conditions(self, wanted: RecordFilter) -> Iterator[ColumnElement[bool]]:
        column = records.c
        for name in _EXACT:
            if (value := getattr(wanted, name)) is not None:
                yield column[name] == value
        if wanted.since is not None:
            yield column.started >= wanted.since
        if wanted.until is not None:
            yield column.started < wanted.until
        if wanted.model is not None:
            yield self._model(wanted.model)
        if wanted.failed is not None:
            yield column.outcome != "ok" if wanted.failed else column.outcome == "ok"
        if wanted.stream is not None:
            yield column.stream == wanted.stream
        if wanted.text:
            within = column.request_id.icontains(wanted.text, autoescape=True)
            yield within | column.model.icontains(wanted.text, autoescape=True)
        if wanted.min_duration_ms is not None:
            yield column.duration_ms >= wanted.min_duration_ms
        if wanted.min_first_event_ms is not None:
            yield column.first_event_ms >= wanted.min_first_event_ms

    def _model(self, pattern: str) -> ColumnElement[bool]:
        if "*" not in pattern and "?" not in pattern:
            return records.c.model == pattern
        if self._store.is_sqlite:  # whose LIKE knows no case of letters
            return records.c.model.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
        for special in ("\\", "%", "_"):
            pattern = pattern.replace(special, f"\\{special}")
        return records.c.model.like(pattern.replace("*", "%").replace("?", "_"), escape="\\")


def _cursor(record: Record) -> str:
    return f"{record.started!r}_{record.request_id}"


def _place(cursor: str) -> tuple[float, str]:
    started, _, request_id = cursor.partition("_")
    moment = float(started)
    if not request_id or not math.isfinite(moment):
        raise ValueError("no cursor")
    return moment, request_id
