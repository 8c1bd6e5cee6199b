"""What was used: sums by day, key, model and upstream."""

from __future__ import annotations

import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sluiceway.console.asking import asked
from sluiceway.console.operation import Call, Nothing, Operation
from sluiceway.store.usage import MAX_ROWS, Dimension, UsageRow

_Name = Annotated[str, Meta(max_length=500)]


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sums."""

    group: Annotated[
        tuple[Dimension, ...],
        Meta(max_length=4, description="What is told apart, in this order. Empty: one sum over all."),
    ] = ()
    since: Annotated[datetime.date | None, Meta(description="The first day, UTC.")] = None
    until: Annotated[datetime.date | None, Meta(description="The last day, UTC.")] = None
    key: Annotated[_Name | None, Meta(description="Only of this key.")] = None
    model: Annotated[_Name | None, Meta(description="Only of this model, as clients call it.")] = None
    upstream: Annotated[_Name | None, Meta(description="Only of this upstream.")] = None


class UsageAnswer(msgspec.Struct, frozen=True):
    """Sums, in the order of `group`."""

    rows: list[UsageRow]
    complete: Annotated[bool, Meta(description=f"False: there are more than {MAX_ROWS} rows; ask for less.")]


async def show_usage(call: Call[UsageQuery, Nothing]) -> UsageAnswer:
    """The sums asked for."""
    query = call.query
    rows = await asked(
        call.deps,
        lambda store: store.usage(
            tuple(dict.fromkeys(query.group)),
            since=query.since,
            until=query.until,
            key=query.key,
            model=query.model,
            upstream=query.upstream,
        ),
    )
    return UsageAnswer(rows, complete=len(rows) < MAX_ROWS)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/usage",
        name="showUsage",
        summary="Requests, tokens and money by day, key, model and upstream.",
        handler=show_usage,
        query=UsageQuery,
        answer=UsageAnswer,
        fails={503: "nothing is kept, or the database is away"},
    ),
)
