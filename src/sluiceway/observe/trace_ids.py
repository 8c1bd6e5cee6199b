"""The names under which a traced request is known: its own span, and one for each attempt. Pure.

Each attempt has a span id of its own, since it is a span of its own: what an upstream records hangs below the
attempt that caused it, also where two were asked at once. These ids follow from the request's own one and the
attempt's number, so nothing has to be kept for an attempt: what was promised to its upstream is what is exported.
"""

from __future__ import annotations

import random
from typing import Final

import msgspec

from sluiceway.wire.http import Headers
from sluiceway.wire.trace_context import (
    RANDOM,
    SAMPLED,
    TraceContext,
    format_traceparent,
    replace_context,
)

_MASK: Final = (1 << 64) - 1

# Odd, so that no two of 2**64 attempts share an id; and its multiples lie far apart (Knuth, TAOCP 6.4).
_STEP: Final = 0x9E3779B97F4A7C15


class Trace(msgspec.Struct, frozen=True, gc=False):
    """One request. `trace_id`: 32 hexadecimal digits. `span`: its own id, not 0. `parent`: the id of the client's
    span, empty if it sent none. `state`: its `tracestate`. `traceparent`: of its own span, for the record; None where
    it is not recorded."""

    trace_id: str
    span: int
    flags: int
    parent: str = ""
    state: str = ""
    traceparent: str | None = None

    def attempt_span(self, number: int) -> int:
        """The id of an attempt's span; `number` counts from 1."""
        return (self.span + number * _STEP) & _MASK or number

    def upward(self, headers: Headers, number: int) -> Headers:
        """The headers of that attempt, with its own context instead of the client's."""
        span_id = f"{self.attempt_span(number):016x}"
        return replace_context(headers, TraceContext(self.trace_id, span_id, self.flags, self.state))


def trace_below(context: TraceContext) -> Trace:
    """A trace that the client began; recorded as it decided."""
    return _trace(context.trace_id, context.flags, context.span_id, context.state)


def new_trace(*, sampled: bool) -> Trace:
    """A trace that begins here."""
    return _trace(f"{random.getrandbits(128) or 1:032x}", RANDOM | SAMPLED if sampled else RANDOM)


def _trace(trace_id: str, flags: int, parent: str = "", state: str = "") -> Trace:
    span = random.getrandbits(64) or 1
    own = format_traceparent(trace_id, f"{span:016x}", flags) if flags & SAMPLED else None
    return Trace(trace_id, span, flags, parent, state, own)
