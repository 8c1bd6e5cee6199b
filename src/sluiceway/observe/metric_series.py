"""What is counted of each record: plain numbers, one object for each set of labels. The hot path of the metrics.

prometheus_client's own counters take a lock and hash their labels for each `labels().inc()`, about a microsecond
each, and a record touches a dozen of them; in its multi-process mode each is a write to a mapped file besides. Here
one look-up finds two objects, whose numbers grow, and the library formats them when somebody asks
(`metric_page`). That takes 1.3 µs for a stream and 0.7 µs for
a JSON answer (CPython 3.11), where one labelled counter of the library takes 1.3 µs.

Labels are bounded whatever clients send. A model's name becomes a label once an upstream has answered a request for
it in full, or if the configuration has it, as long as there is room; all others are `other`. Else clients that ask
for nonsense, which some upstreams refuse only themselves, would take the room from the models that exist.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Final

from sluiceway.config.kinds import OTHER
from sluiceway.dialects.base import Usage
from sluiceway.errors import GatewayError
from sluiceway.observe.metric_definitions import (
    DURATION_S,
    FIRST_EVENT_S,
    LARGEST_GAP_S,
    LOOP_LAG_S,
    MEAN_GAP_S,
    QUEUE_WAIT_S,
)
from sluiceway.observe.record import Record, Try

# The label of what a request does not have: a key, a model, an upstream.
NONE: Final = "none"

# Longer names are no models, and would make every scrape long.
MAX_NAME_CHARS: Final = 200

# Operators choose the names of upstreams, but may choose new ones with each reload.
MAX_UPSTREAMS: Final = 100
MAX_DIALECTS: Final = 8

# Distinct sets of labels of sluiceway_requests_total; beyond, keys and models all become `other`. A page of so many
# takes about a tenth of a second to write, in a thread.
MAX_ROWS: Final = 2000

# Known ways from a record to its numbers. Beyond, the way is found anew each time, which takes a few microseconds.
MAX_KNOWN: Final = 2 * MAX_ROWS

OK: Final = "ok"
REPORTED: Final = "upstream_reported"


def _empty(bounds: tuple[float, ...]) -> Histogram:
    return Histogram([0] * (len(bounds) + 1))


@dataclass(slots=True)
class Histogram:
    """`counts[i]`: observations up to the bound `i` and above the one before; the last: above all. `total`: their
    sum."""

    counts: list[int]
    total: float = 0.0

    def observe(self, bounds: tuple[float, ...], value: float) -> None:
        """One more. `bounds`: always the same ones for the same histogram."""
        self.counts[bisect_left(bounds, value)] += 1
        self.total += value

    def add(self, other: Histogram) -> None:
        """All that another one, of the same bounds, has seen."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


@dataclass(slots=True)
class Row:
    """Requests that ended alike, with the same key and model, and what they took."""

    outcome: str
    dialect: str
    key: str
    model: str
    upstream: str
    stream: str
    requests: int = 0
    input_tokens: float = 0.0  # sums of tokens are floats: no upstream can make them too large to be written
    output_tokens: float = 0.0
    cached_tokens: float = 0.0
    reasoning_tokens: float = 0.0
    image_tokens: float = 0.0
    estimated_input: float = 0.0
    estimated_output: float = 0.0
    cost: float = 0.0

    @property
    def labels(self) -> tuple[str, ...]:
        """What no other row of the same table has."""
        return self.outcome, self.dialect, self.key, self.model, self.upstream, self.stream


@dataclass(slots=True)
class Flow:
    """What went through to one upstream in one dialect, streamed or not."""

    dialect: str
    upstream: str
    stream: str
    bytes_in: int = 0
    bytes_out: int = 0
    events: int = 0
    heartbeats: int = 0
    truncations: int = 0
    aborts: int = 0
    failovers: int = 0
    hedges: int = 0
    continuations: int = 0
    retries: int = 0
    duration: Histogram = field(default_factory=lambda: _empty(DURATION_S))
    queued: Histogram = field(default_factory=lambda: _empty(QUEUE_WAIT_S))
    first_event: Histogram = field(default_factory=lambda: _empty(FIRST_EVENT_S))
    first_content: Histogram = field(default_factory=lambda: _empty(FIRST_EVENT_S))
    largest_gap: Histogram = field(default_factory=lambda: _empty(LARGEST_GAP_S))
    mean_gap: Histogram = field(default_factory=lambda: _empty(MEAN_GAP_S))

    @property
    def labels(self) -> tuple[str, ...]:
        """What no other flow has."""
        return self.dialect, self.upstream, self.stream


@dataclass(slots=True)
class Totals:
    """All that was counted. `errors`: by code, dialect, upstream. `attempts`: by upstream and result."""

    requests: list[Row] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    errors: dict[tuple[str, str, str], int] = field(default_factory=dict)
    attempts: dict[tuple[str, str], int] = field(default_factory=dict)
    lag: Histogram = field(default_factory=lambda: _empty(LOOP_LAG_S))


def _figures_of(kind: type[Row | Flow]) -> tuple[str, ...]:
    return tuple(column.name for column in fields(kind) if column.type != "str")


# What is summed up in them: all but the labels.
ROW_FIGURES: Final = _figures_of(Row)
FLOW_FIGURES: Final = _figures_of(Flow)


class Names:
    """Names that became labels: the first `limit`; all others are `other`."""

    __slots__ = ("_labels", "limit")

    def __init__(self, limit: int, first: Iterable[str] = ()) -> None:
        self.limit = limit
        self._labels: dict[str, str] = {}
        for name in first:
            self.label(name)

    def __contains__(self, name: str | None) -> bool:
        """Whether its label will never change."""
        return not name or name in self._labels

    def label(self, name: str | None, *, admit: bool = True) -> str:
        """What it is called in metrics. `admit`: whether it may become a label, if it is none yet."""
        if not name:
            return NONE
        label = self._labels.get(name)
        if label is not None:
            return label
        if not admit or len(name) > MAX_NAME_CHARS or len(self._labels) >= self.limit:
            return OTHER
        # Half of a surrogate pair, which JSON can spell, would make the whole page impossible to encode.
        label = self._labels[name] = name.encode(errors="backslashreplace").decode()
        return label


class Series:
    """See the module. Use from one thread."""

    __slots__ = (
        "_codes", "_dialects", "_flows", "_keys", "_known", "_models", "_rows", "_totals", "_upstreams",
    )  # fmt: skip

    def __init__(self, max_names: int, models: Iterable[str] = ()) -> None:
        """`max_names`: how many models and how many keys become labels. `models`: that do so at once."""
        self._models = Names(max_names, models)
        self._keys = Names(max_names)
        self._upstreams = Names(MAX_UPSTREAMS)
        self._dialects = Names(MAX_DIALECTS)
        self._codes = own_codes(GatewayError)
        self._totals = Totals()
        self._rows: dict[tuple[str, ...], Row] = {}
        self._flows: dict[tuple[str, ...], Flow] = {}
        self._known: dict[tuple[object, ...], tuple[Row, Flow]] = {}

    @property
    def totals(self) -> Totals:
        """What was counted so far. It goes on growing."""
        return self._totals

    @property
    def lag(self) -> Histogram:
        """For whoever measures the loop's."""
        return self._totals.lag

    def limit(self, max_names: int) -> None:
        """Another bound. Names that are labels already stay so."""
        self._models.limit = self._keys.limit = max_names

    def restore(self, totals: Totals) -> None:
        """Go on counting where another one stopped. Before anything was counted; `totals` is this one's then."""
        self._totals = totals
        for row in totals.requests:
            for name, names in ((row.key, self._keys), (row.model, self._models)):
                if name not in (NONE, OTHER):
                    names.label(name)
            self._rows[row.labels] = row
        for flow in totals.flows:
            if flow.upstream not in (NONE, OTHER):
                self._upstreams.label(flow.upstream)
            self._flows[flow.labels] = flow

    def count(self, record: Record) -> None:
        """One more request."""
        found = self._known.get(
            (record.outcome, record.dialect, record.key, record.model, record.upstream, record.stream)
        )
        row, flow = found if found is not None else self._find(record)
        row.requests += 1
        if record.usage is not None:
            _count_tokens(row, record.usage, estimated=record.usage_estimated)
        if record.cost:
            row.cost += record.cost
        flow.bytes_in += record.bytes_in
        flow.bytes_out += record.bytes_out
        flow.duration.observe(DURATION_S, record.duration_ms / 1000)
        attempts = record.attempts
        if attempts or record.queued_ms:
            flow.queued.observe(QUEUE_WAIT_S, record.queued_ms / 1000)
        if record.stream:
            _count_stream(flow, record)
        if len(attempts) == 1 and attempts[0].error_code is None:  # what mostly happens
            ways, way = self._totals.attempts, (row.upstream, OK)
            ways[way] = ways.get(way, 0) + 1
        elif attempts:
            self._count_attempts(flow, record)
        if record.error_code is not None:
            self._count_error(flow, record, record.error_code)
        flow.heartbeats += record.heartbeats
        flow.retries += record.retries
        flow.aborts += record.client_left

    def _find(self, record: Record) -> tuple[Row, Flow]:
        model = self._models.label(
            record.model, admit=record.outcome == "ok" and record.upstream is not None and record.status < 400
        )
        upstream = self._upstreams.label(record.upstream)
        dialect = self._dialects.label(record.dialect) if record.dialect else OTHER
        key = self._keys.label(record.key)
        stream = "true" if record.stream else "false"
        labels = (record.outcome, dialect, key, model, upstream, stream)
        row = self._rows.get(labels)
        if row is None and len(self._rows) >= MAX_ROWS:
            labels = (record.outcome, dialect, OTHER, OTHER, upstream, stream)
            row = self._rows.get(labels)
        if row is None:
            row = self._rows[labels] = Row(*labels)
            self._totals.requests.append(row)
        flow = self._flows.get((dialect, upstream, stream))
        if flow is None:
            flow = self._flows[dialect, upstream, stream] = Flow(dialect, upstream, stream)
            self._totals.flows.append(flow)
        if record.model in self._models and len(self._known) < MAX_KNOWN:
            way = (record.outcome, record.dialect, record.key, record.model, record.upstream, record.stream)
            self._known[way] = row, flow
        return row, flow

    def _count_attempts(self, flow: Flow, record: Record) -> None:
        ways = self._totals.attempts
        for attempt in record.attempts:
            way = (self._upstreams.label(attempt.upstream), self._result(attempt))
            ways[way] = ways.get(way, 0) + 1
        flow.failovers += max(0, len(record.attempts) - 1 - record.hedged)
        flow.hedges += record.hedged
        flow.continuations += record.continued

    def _count_error(self, flow: Flow, record: Record, code: str) -> None:
        if record.outcome == "truncated":
            flow.truncations += 1
        if record.outcome == "upstream_error":
            code = _by_status(record.upstream_status)
        elif code not in self._codes:
            code = OTHER
        way = (code, flow.dialect, flow.upstream)
        self._totals.errors[way] = self._totals.errors.get(way, 0) + 1

    def _result(self, attempt: Try) -> str:
        """What upstreams say in their own words can be anything, so that their status stands for it."""
        code = attempt.error_code
        if code is None:
            return OK
        return code if code in self._codes else _by_status(attempt.status)


def own_codes(error: type[GatewayError]) -> frozenset[str]:
    """The codes of an error and all that are derived from it."""
    codes = frozenset[str]().union(*map(own_codes, error.__subclasses__()))
    code = error.__dict__.get("code")
    return codes | {code} if isinstance(code, str) else codes


def _count_tokens(row: Row, usage: Usage, *, estimated: bool) -> None:
    if estimated:
        row.estimated_input += usage.input_tokens or 0
        row.estimated_output += usage.output_tokens or 0
        return
    row.input_tokens += usage.input_tokens or 0
    row.output_tokens += usage.output_tokens or 0
    if usage.cached_tokens:
        row.cached_tokens += usage.cached_tokens
    if usage.reasoning_tokens:
        row.reasoning_tokens += usage.reasoning_tokens
    if usage.image_tokens:
        row.image_tokens += usage.image_tokens


def _count_stream(flow: Flow, record: Record) -> None:
    first, last, events = record.first_event_ms, record.last_event_ms, record.events
    flow.events += events
    if first is not None:
        flow.first_event.observe(FIRST_EVENT_S, first / 1000)
        if record.first_content_ms is not None:
            flow.first_content.observe(FIRST_EVENT_S, record.first_content_ms / 1000)
    if record.largest_gap_ms is not None:
        flow.largest_gap.observe(LARGEST_GAP_S, record.largest_gap_ms / 1000)
        if first is not None and last is not None and last >= first and events > 1:
            flow.mean_gap.observe(MEAN_GAP_S, (last - first) / (1000 * (events - 1)))


def _by_status(status: int | None) -> str:
    return f"upstream_{status}" if status is not None and 400 <= status <= 599 else REPORTED
