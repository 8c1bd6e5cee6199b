"""The store, as the API asks for it: `store.queries`, the sums by day, and the sums of the last hour."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from sqlalchemy import case, func, select

from sluiceway.console.seams import Totals
from sluiceway.store.opening import Store
from sluiceway.store.queries import Queries
from sluiceway.store.tables import records
from sluiceway.store.usage import NO_ERRORS, Dimension, UsageRow, usage


class Stored(Queries):
    """See `seams.Store`, which this is."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._database = store

    def usage(
        self,
        group: Sequence[Dimension] = (),
        *,
        since: datetime.date | None = None,
        until: datetime.date | None = None,
        key: str | None = None,
        model: str | None = None,
        upstream: str | None = None,
    ) -> list[UsageRow]:
        """Sums by `group`, in its order. `since`, `until`: the first and last day."""
        return usage(self._database, group, since=since, until=until, key=key, model=model, upstream=upstream)

    def totals(self, since: float) -> Totals:
        """Of all requests that began then, in Unix seconds, or later."""
        column = records.c
        query = select(
            func.count(),
            func.sum(case((column.outcome.in_(sorted(NO_ERRORS)), 0), else_=1)),
            func.sum(case((column.usage_estimated, 0), else_=column.input_tokens)),
            func.sum(case((column.usage_estimated, 0), else_=column.output_tokens)),
            func.sum(column.cost),
            func.avg(column.first_event_ms),
        ).where(column.started >= since)
        with self._database.reading() as connection:
            requests, errors, tokens_in, tokens_out, cost, first_event_ms = connection.execute(query).one()
        return Totals(
            requests=requests,
            errors=int(errors or 0),
            input_tokens=int(tokens_in or 0),
            output_tokens=int(tokens_out or 0),
            cost=float(cost or 0),
            first_event_ms=None if first_event_ms is None else round(float(first_event_ms), 3),
        )
