"""The reference page of the metrics, made from their definitions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import get_args

from sluiceway.config.kinds import DIALECT_NAMES
from sluiceway.observe.metric_definitions import GROUPS, Definition
from sluiceway.observe.metric_series import MAX_NAME_CHARS, MAX_ROWS, MAX_UPSTREAMS
from sluiceway.observe.record import Outcome

WIDTH = 110

_INTRODUCTION = f"""\
<!-- Made from src/sluiceway/observe/metric_definitions.py by `make docs`; changes belong there. -->

# Metrics

What `/metrics` tells, in Prometheus' text format 0.0.4 or in OpenMetrics 1.0, whichever the `accept` header asks for
first. How to use it: [watch it with Prometheus and Grafana](../how-to/metrics.md).

A request is counted when it is over. Times are seconds, sizes are bytes. Counters begin at 0 with the process, or
with the service where there are [several workers](../how-to/workers.md): whichever is asked tells the sum of all.

## Labels

LABELS

What a request does not have is `none`. Labels are bounded, whatever clients send: the first `metrics.max_models`
models become labels, and as many keys; all others are `other`. Room for a model is taken by the first request for it
that an upstream answers in full, or by the configuration, if it is named there and is no pattern. Until then, and
where its name has more than {MAX_NAME_CHARS} characters, it counts as `other`. At most {MAX_UPSTREAMS} upstreams
become labels. After {MAX_ROWS} different sets of labels of `sluiceway_requests_total`, new ones have `other` for
key and model.
"""

_LABELS: Mapping[str, str] = {
    "`outcome`": "how a request ended: " + ", ".join(f"`{outcome}`" for outcome in get_args(Outcome)),
    "`dialect`": "the API that the client speaks: "
    + ", ".join(f"`{name}`" for name in DIALECT_NAMES)
    + "; `other` for the rest of `/v1/`",
    "`stream`": "`true` if the client asked for a stream",
    "`key`": "the name of the client's key",
    "`model`": "as the client calls it",
    "`upstream`": "that answered, or was asked last",
    "`code`, `result`": "an [error's code](http.md#errors); `upstream_429` and the like for the status of "
    "an upstream, `upstream_reported` for an error within its answer, `ok` for an attempt that went well",
}

_OTHERS = """\
## The process

`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`,
`process_max_fds` and `process_start_time_seconds`, on Linux, and `python_info`, are those of every Python program.
With several workers, the first six tell these apart by the label `worker`; with one process there are
`python_gc_collections_total` and its kin, too.
"""


def render() -> str:
    """The page, in Markdown."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield _INTRODUCTION.replace(
        "LABELS",
        "| label | what |\n|---|---|\n" + "\n".join(f"| {name} | {what} |" for name, what in _LABELS.items()),
    )
    for title, group in GROUPS.items():
        yield f"## {title}\n"
        for definition in group:
            yield f"### `{definition.name}`\n"
            yield (
                textwrap.fill(_facts(definition), WIDTH, break_long_words=False, break_on_hyphens=False)
                + "\n"
            )
            yield textwrap.fill(definition.help, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"
    yield _OTHERS.rstrip("\n") + "\n"


def _facts(definition: Definition) -> str:
    facts = f"*{definition.kind.capitalize()}.*"
    if definition.labels:
        facts += " Labels: " + ", ".join(f"`{label}`" for label in definition.labels) + "."
    if definition.per_kind:
        facts += " Kinds: " + ", ".join(f"`{kind}`" for kind, _ in definition.per_kind) + "."
    if definition.buckets:
        facts += " Buckets up to " + ", ".join(f"{bound:g}" for bound in definition.buckets) + "."
    if definition.kind == "gauge" and definition.merge == "max":
        facts += " Of several workers, the highest."
    return facts
