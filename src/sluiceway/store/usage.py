"""What was used per day, key, model and upstream: adding it up, and asking for it.

Days are those of UTC in which requests began. Tokens that the upstream counted and those that were estimated are
never in one sum.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Insert, func, select
from sqlalchemy.dialects import postgresql, sqlite

from sluiceway.observe.record import Record
from sluiceway.policy.prices import tokens_of
from sluiceway.store.opening import Store
from sluiceway.store.rows import MAX_NAME_BYTES, Row, bounded, fit, tokens_row
from sluiceway.store.tables import TOKENS, usage_daily

Dimension = Literal["day", "key", "model", "upstream"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("day", "key", "model", "upstream")

# Outcomes that are no errors: who left or was sent away had no complaint.
NO_ERRORS: Final = frozenset({"ok", "client_gone", "cancelled"})

# An answer of this many rows is no overview any more.
MAX_ROWS: Final = 10_000

_SUMS: Final = tuple(column.name for column in usage_daily.c if not column.primary_key)
_NOTHING: Final[Row] = (None,) * len(TOKENS)
_DAY_S: Final = 86400
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all requests of a group. What it was not grouped by is None, as is what requests had none of.

    errors: requests whose outcome is not ok, client_gone or cancelled. counted: requests whose tokens the upstream
    counted, `*_tokens`; estimated: those whose tokens were estimated, `estimated_*`. duration_ms: of all together;
    first_event_ms: of the `first_events` that had one.
    """

    day: datetime.date | None = None
    key: str | None = None
    model: str | None = None
    upstream: str | None = None
    requests: int
    errors: int
    counted: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    image_tokens: int
    estimated: int
    estimated_input_tokens: int
    estimated_output_tokens: int
    estimated_total_tokens: int
    cost: float
    duration_ms: float
    first_events: int
    first_event_ms: float
    bytes_in: int
    bytes_out: int


def day_of(moment: float) -> datetime.date:
    """The day of UTC."""
    return datetime.date.fromordinal(_EPOCH + int(moment // _DAY_S))


def daily(records: Iterable[Record]) -> list[Row]:
    """What these add to `usage_daily`, in the order of its key: processes that lock rows in one order can't wait
    for one another in a circle."""
    sums: dict[tuple[datetime.date, str, str, str], list[Any]] = {}
    for record in records:
        upstream = record.upstream or ""
        # Whoever is refused may have made up any name of a model: only what an upstream was asked for is told apart.
        model = fit(record.model, MAX_NAME_BYTES) if record.model and upstream else ""
        group = (day_of(record.started), fit(record.key or "", MAX_NAME_BYTES), model, upstream)
        if (known := sums.get(group)) is None:
            known = sums[group] = [0] * len(_SUMS)
        for index, value in enumerate(_parts(record)):
            if value:
                known[index] += value
    return [(*group, *sums[group]) for group in sorted(sums)]


def add(connection: Connection, rows: Sequence[Row], *, is_sqlite: bool) -> None:
    """Add what `daily` made to the table."""
    if rows:
        names = [column.name for column in usage_daily.c]
        connection.execute(
            _ADD_SQLITE if is_sqlite else _ADD_POSTGRESQL,
            [dict(zip(names, row, strict=True)) for row in rows],
        )


def usage(
    store: Store,
    group: Sequence[Dimension] = (),
    *,
    since: datetime.date | None = None,
    until: datetime.date | None = None,
    key: str | None = None,
    model: str | None = None,
    upstream: str | None = None,
) -> list[UsageRow]:
    """Sums by `group`, in its order; without one, a single row for all. `since`, `until`: the first and last day.

    At most `MAX_ROWS`. Raises `StoreAway`.
    """
    columns = [usage_daily.c[name] for name in group]
    query = select(*columns, *(func.sum(usage_daily.c[name]).label(name) for name in _SUMS))
    if since is not None:
        query = query.where(usage_daily.c.day >= since)
    if until is not None:
        query = query.where(usage_daily.c.day <= until)
    for name, wanted in (("key", key), ("model", model), ("upstream", upstream)):
        if wanted is not None:
            query = query.where(usage_daily.c[name] == wanted)
    query = query.group_by(*columns).order_by(*columns).limit(MAX_ROWS)
    with store.reading() as connection:
        return [_row(dict(row)) for row in connection.execute(query).mappings()]


def _parts(record: Record) -> tuple[float | None, ...]:
    """What one record adds to each of `_SUMS`; None is nothing."""
    used = record.usage
    tokens = _NOTHING
    if used is not None:
        tokens = tokens_row(used)
        if used.total_tokens is None:
            tokens = (*tokens[:2], bounded(tokens_of(used)), *tokens[3:])
    estimated = used is not None and record.usage_estimated
    counted = used is not None and not estimated
    return (
        1,
        record.outcome not in NO_ERRORS,
        counted,
        *(tokens if counted else _NOTHING),
        estimated,
        *(tokens if estimated else _NOTHING)[:3],
        record.cost,
        record.duration_ms,
        record.first_event_ms is not None,
        record.first_event_ms,
        record.bytes_in,
        record.bytes_out,
    )


def _row(values: dict[str, Any]) -> UsageRow:
    for name in _SUMS:
        number = values[name] or 0  # of no rows at all the sum is NULL
        values[name] = (
            float(number) if isinstance(number, float) else int(number)
        )  # PostgreSQL sums up decimals
    for name in ("key", "model", "upstream"):
        values[name] = values.get(name) or None
    return UsageRow(**values)


def _adding(insert: Any) -> Insert:
    statement = insert(usage_daily)
    added: Insert = statement.on_conflict_do_update(
        index_elements=DIMENSIONS,
        set_={name: usage_daily.c[name] + statement.excluded[name] for name in _SUMS},
    )
    return added


_ADD_SQLITE: Final = _adding(sqlite.insert)
_ADD_POSTGRESQL: Final = _adding(postgresql.insert)
