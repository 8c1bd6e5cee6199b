"""The seam to the store: what the API asks it. All of it blocks, and is asked by `asking.asked`, in a thread."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record
from sluiceway.store.queries import Page, RecordFilter
from sluiceway.store.usage import Dimension, UsageRow


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the requests of some time."""

    requests: int
    errors: Annotated[int, Meta(description="Those whose outcome is not `ok`, `client_gone` or `cancelled`.")]
    input_tokens: Annotated[int, Meta(description="As upstreams counted them; never estimated.")]
    output_tokens: Annotated[int, Meta(description="As upstreams counted them; never estimated.")]
    cost: Annotated[float, Meta(description="In the currency of `[[prices]]`.")]
    first_event_ms: Annotated[
        float | None, Meta(description="The mean time to the first event; null if there was none.")
    ]


class Store(Protocol):
    """Records of requests, and their sums. Every method may be called by any thread, and raises `StoreAway`."""

    def records(self, wanted: RecordFilter, limit: int = 50, cursor: str | None = None) -> Page:
        """The next `limit`, from the newest on. Raises `ValueError` for a bad cursor."""
        ...

    def iter_records(self, wanted: RecordFilter) -> Iterator[Record]:
        """All of them, with some hundred in memory."""
        ...

    def record(self, request_id: str) -> Record | None:
        """That record, None if there is none."""
        ...

    def capture(self, request_id: str) -> Captured | None:
        """The bodies of that request, None if they were not kept."""
        ...

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
        ...

    def totals(self, since: float) -> Totals:
        """Of all requests that began then, in Unix seconds, or later."""
        ...
