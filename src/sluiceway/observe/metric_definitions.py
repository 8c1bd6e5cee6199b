"""Which metrics there are: names, labels, meaning, buckets. The reference page, the dashboard and the alert rules
are checked against this list.

Names follow Prometheus' rules (prometheus.io/docs/practices/naming): one prefix, base units, `_total` on counters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

# From what a request usually meets to what the default clocks allow (first_event_s 600, idle_s 300).
FIRST_EVENT_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
DURATION_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
QUEUE_WAIT_S: Final = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0)
LARGEST_GAP_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
MEAN_GAP_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
LOOP_LAG_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

Kind = Literal["counter", "gauge", "histogram"]

Table = Literal["requests", "flows", "errors", "attempts", "lag", "readings"]
"""Where the figure is counted: see `metric_series.Totals`; `readings` are asked for when they are needed."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. `figure`: what it is called in its table. `per_kind`: figures that are told apart by a label
    `kind`, which then comes first. `merge`: how a gauge of several workers becomes one."""

    name: str
    kind: Kind
    help: str
    table: Table
    labels: tuple[str, ...] = ()
    figure: str = ""
    per_kind: tuple[tuple[str, str], ...] = ()
    buckets: tuple[float, ...] = ()
    merge: Literal["sum", "max"] = "sum"


_FLOW: Final = ("dialect", "upstream")
_BILL: Final = ("key", "model", "upstream")


def _counted(name: str, figure: str, about: str) -> Definition:
    return Definition(name=name, kind="counter", help=about, table="flows", labels=_FLOW, figure=figure)


def _timed(
    name: str, figure: str, buckets: tuple[float, ...], about: str, labels: tuple[str, ...] = _FLOW
) -> Definition:
    return Definition(
        name=name, kind="histogram", help=about, table="flows", labels=labels, figure=figure, buckets=buckets
    )


def _read(
    name: str,
    about: str,
    labels: tuple[str, ...] = (),
    *,
    kind: Kind = "gauge",
    merge: Literal["sum", "max"] = "sum",
) -> Definition:
    return Definition(name=name, kind=kind, help=about, table="readings", labels=labels, merge=merge)


REQUESTS: Final = (
    Definition(
        name="sluiceway_requests_total",
        kind="counter",
        help="Requests that are over, by how they ended.",
        table="requests",
        labels=("outcome", "dialect", "key", "model", "upstream", "stream"),
        figure="requests",
    ),
    _timed(
        "sluiceway_request_duration_seconds",
        "duration",
        DURATION_S,
        "From a request's arrival to the end of its answer.",
        labels=(*_FLOW, "stream"),
    ),
    Definition(
        name="sluiceway_errors_total",
        kind="counter",
        help="Requests that ended in an error, by its code; upstream_NNN is the status an upstream answered with, "
        "upstream_reported an error within its answer.",
        table="errors",
        labels=("code", "dialect", "upstream"),
    ),
    _counted("sluiceway_client_aborts_total", "aborts", "Clients that left before the end of their answer."),
    _counted("sluiceway_request_body_bytes_total", "bytes_in", "Bytes of request bodies that were read."),
    _counted("sluiceway_response_body_bytes_total", "bytes_out", "Bytes that were sent to clients."),
    _read("sluiceway_requests_in_flight", "Requests that were let in and are not over."),
    _read("sluiceway_queue_depth", "Requests that wait for room."),
    _timed(
        "sluiceway_queue_wait_seconds",
        "queued",
        QUEUE_WAIT_S,
        "How long requests waited for room; of those that got as far as the queue.",
    ),
)

STREAMS: Final = (
    _timed(
        "sluiceway_first_event_seconds",
        "first_event",
        FIRST_EVENT_S,
        "From a request's arrival to the first real event of its stream.",
    ),
    _timed(
        "sluiceway_first_content_seconds",
        "first_content",
        FIRST_EVENT_S,
        "From a request's arrival to the first event with a piece of the answer in it.",
    ),
    _timed(
        "sluiceway_largest_gap_seconds",
        "largest_gap",
        LARGEST_GAP_S,
        "The longest silence between two events of a stream; one observation a stream.",
    ),
    _timed(
        "sluiceway_mean_gap_seconds",
        "mean_gap",
        MEAN_GAP_S,
        "The mean time between two events of a stream; one observation a stream.",
    ),
    _counted("sluiceway_events_total", "events", "Events that were sent to clients."),
    _counted("sluiceway_heartbeats_total", "heartbeats", "Heartbeats that were sent to clients."),
    _counted("sluiceway_truncations_total", "truncations", "Answers that their upstream did not finish."),
)

UPSTREAMS: Final = (
    Definition(
        name="sluiceway_attempts_total",
        kind="counter",
        help="Attempts at an upstream; result is ok, or what failed, as the code of sluiceway_errors_total.",
        table="attempts",
        labels=("upstream", "result"),
    ),
    _counted(
        "sluiceway_failovers_total",
        "failovers",
        "Attempts beyond a request's first, without hedges; upstream is the last that was asked.",
    ),
    _counted("sluiceway_hedges_total", "hedges", "Second attempts, because the first was slow."),
    _counted(
        "sluiceway_continuations_total", "continuations", "Broken streams that were taken up elsewhere."
    ),
    _counted(
        "sluiceway_stale_retries_total", "retries", "Requests sent again since a kept connection was dead."
    ),
    _read("sluiceway_upstream_in_flight", "Requests that an upstream has taken.", ("upstream",)),
    _read(
        "sluiceway_upstream_circuit_open",
        "1 while an upstream is left alone because it failed, or is being tried again.",
        ("upstream",),
        merge="max",
    ),
    _read(
        "sluiceway_upstream_drained",
        "1 while an operator keeps it from requests.",
        ("upstream",),
        merge="max",
    ),
    _read(
        "sluiceway_upstream_keys_refused",
        "Keys of an upstream that rest since it answered 401, 402 or 403.",
        ("upstream",),
        merge="max",
    ),
    _read(
        "sluiceway_upstream_key_rest_seconds",
        "How long until none of an upstream's keys rests any more, for any model.",
        ("upstream",),
        merge="max",
    ),
    _read("sluiceway_pool_connections", "Connections to upstreams; state is idle or busy.", ("state",)),
)

TOKENS: Final = (
    Definition(
        name="sluiceway_tokens_total",
        kind="counter",
        help="Tokens as upstreams counted them. cached is among input, reasoning among output, image among both.",
        table="requests",
        labels=("kind", *_BILL),
        per_kind=(
            ("input", "input_tokens"),
            ("output", "output_tokens"),
            ("cached", "cached_tokens"),
            ("reasoning", "reasoning_tokens"),
            ("image", "image_tokens"),
        ),
    ),
    Definition(
        name="sluiceway_estimated_tokens_total",
        kind="counter",
        help="Tokens that were estimated since the upstream counted none (store.estimate_tokens).",
        table="requests",
        labels=("kind", *_BILL),
        per_kind=(("input", "estimated_input"), ("output", "estimated_output")),
    ),
    Definition(
        name="sluiceway_cost_total",
        kind="counter",
        help="What requests cost, in the currency of [[prices]].",
        table="requests",
        labels=_BILL,
        figure="cost",
    ),
)

HEALTH: Final = (
    _read(
        "sluiceway_observations_dropped_total",
        "What observers had no room for: lines of a log, marks of a timeline, news of a live view.",
        ("observer",),
        kind="counter",
    ),
    _read("sluiceway_store_failing", "1 while the database can't be used.", merge="max"),
    _read("sluiceway_store_waiting_records", "Records that wait in memory to be written to the database."),
    _read("sluiceway_store_spill_bytes", "What files of records wait for the database.", merge="max"),
    _read("sluiceway_store_spilled_records_total", "Records that went to files.", kind="counter"),
    _read("sluiceway_store_written_records_total", "Records that went to the database.", kind="counter"),
    _read(
        "sluiceway_store_lost_records_total",
        "Records that are in no database; reason is no_room, refused by the database, or unreadable files.",
        ("reason",),
        kind="counter",
    ),
    Definition(
        name="sluiceway_loop_lag_seconds",
        kind="histogram",
        help="How late the event loop runs what is due; sampled twice a second.",
        table="lag",
        buckets=LOOP_LAG_S,
    ),
    _read("sluiceway_loop_lag_max_seconds", "The worst of the last half to one minute.", merge="max"),
    _read("sluiceway_draining", "1 while the gateway lets nobody in, since it shuts down.", merge="max"),
    _read("sluiceway_workers", "Processes that serve, and whose figures these are."),
    _read("sluiceway_build_info", "Always 1; the version is the label.", ("version",), merge="max"),
)

GROUPS: Final[Mapping[str, tuple[Definition, ...]]] = {
    "Requests": REQUESTS,
    "Streams": STREAMS,
    "Upstreams": UPSTREAMS,
    "Tokens and cost": TOKENS,
    "The gateway itself": HEALTH,
}

DEFINITIONS: Final[Mapping[str, Definition]] = {
    definition.name: definition for group in GROUPS.values() for definition in group
}
