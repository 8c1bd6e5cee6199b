"""What is kept for how long, and how much of it: the oldest goes first, a little at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, Table, delete, func, select, text, tuple_

from sluiceway.config.observe_settings import CaptureSettings, StoreSettings
from sluiceway.store.opening import Store
from sluiceway.store.tables import captures, records, usage_daily
from sluiceway.store.usage import day_of

# Rows that go in one transaction: some milliseconds, in which nobody else can write to SQLite.
CHUNK: Final = 500

_DAY_S: Final = 86400.0

# One process of PostgreSQL's clients cleans up at a time.
_LOCK: Final = 0x736C75696366

# A place in the order of rows: it, and all that is older, goes.
Place = tuple[float, str]
_NOWHERE: Final[Place] = (float("-inf"), "")


def clean(store: Store, settings: StoreSettings, capture: CaptureSettings, now: float) -> Iterator[int]:
    """Delete what is too old or too much, `CHUNK` rows with each step; gives how many went.

    `now`: Unix seconds. Raises SQLAlchemy's errors.
    """
    yield from _clean(store, captures, _last_capture(store, settings, capture, now))
    yield from _clean(store, records, _last_record(store, settings, now))
    if settings.usage_days:
        day = day_of(now - settings.usage_days * _DAY_S)
        with store.writing() as connection:
            gone = connection.execute(delete(usage_daily).where(usage_daily.c.day < day)).rowcount
        yield gone  # not within the transaction, which would last until the next step


def _last_record(store: Store, settings: StoreSettings, now: float) -> Place:
    """The newest record that goes."""
    last = _aged(settings.keep_days, now)
    if settings.max_records:
        first_too_many = _newest_first(records).offset(settings.max_records)
        last = max(last, _place(store, first_too_many))
    return last


def _last_capture(store: Store, settings: StoreSettings, capture: CaptureSettings, now: float) -> Place:
    """The newest capture that goes, if not with its record."""
    last = max(_aged(settings.keep_days, now), _aged(capture.keep_days, now))
    if capture.keep_bytes:
        order = (captures.c.started.desc(), captures.c.request_id.desc())
        so_far = select(
            captures.c.started,
            captures.c.request_id,
            func.sum(captures.c.size).over(order_by=order).label("total"),
        ).subquery()
        too_many = select(so_far.c.started, so_far.c.request_id).where(so_far.c.total > capture.keep_bytes)
        last = max(
            last, _place(store, too_many.order_by(so_far.c.started.desc(), so_far.c.request_id.desc()))
        )
    return last


def _clean(store: Store, table: Table, last: Place) -> Iterator[int]:
    if last == _NOWHERE:
        return
    oldest = _oldest_first(table).where(tuple_(table.c.started, table.c.request_id) <= tuple_(*last))
    gone = CHUNK
    while gone == CHUNK:
        with store.writing() as connection:
            gone = _delete(connection, table, oldest) if _is_our_turn(store, connection) else 0
        yield gone


def _delete(connection: Connection, table: Table, oldest: Select[Any]) -> int:
    ids = connection.scalars(oldest.limit(CHUNK)).all()
    if ids and table is records:  # without its record nobody finds a capture
        connection.execute(delete(captures).where(captures.c.request_id.in_(ids)))
    if ids:
        connection.execute(delete(table).where(table.c.request_id.in_(ids)))
    return len(ids)


def _is_our_turn(store: Store, connection: Connection) -> bool:
    if store.is_sqlite:
        return True
    asked = connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return bool(asked.scalar())


def _aged(days: float, now: float) -> Place:
    return (now - days * _DAY_S, "") if days else _NOWHERE


def _place(store: Store, query: Select[Any]) -> Place:
    with store.reading() as connection:
        row = connection.execute(query.limit(1)).one_or_none()
    return _NOWHERE if row is None else (row[0], row[1])


def _newest_first(table: Table) -> Select[Any]:
    return select(table.c.started, table.c.request_id).order_by(
        table.c.started.desc(), table.c.request_id.desc()
    )


def _oldest_first(table: Table) -> Select[Any]:
    request_id: Column[Any] = table.c.request_id
    return select(request_id).order_by(table.c.started, request_id)
