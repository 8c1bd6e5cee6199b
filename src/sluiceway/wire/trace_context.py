"""W3C Trace Context: who asked, and under which name of ours an upstream is asked. Pure.

Source: https://www.w3.org/TR/trace-context/ (level 1) and https://www.w3.org/TR/trace-context-2/ (level 2, which
adds one flag). Section numbers below are those of level 2.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from sluiceway.wire.http import Headers

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"

SAMPLED: Final = 0x01
# Level 2: the trace id has 56 random bits, which samplers further on may rely upon.
RANDOM: Final = 0x02

# Section 3.3.1.1: more members than this are an error, and lists should not be cut.
MAX_STATE_MEMBERS: Final = 32

# Section 3.2.2.1 for version 00; of later versions, section 3.2.4: what follows the flags is unknown to us and begins
# with a dash. Upper case is not allowed, and a version of ff never is.
_TRACEPARENT: Final = re.compile(
    rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)

# Section 3.3.1.3: values hold no comma, no equals sign, and no blank at their end. Level 1 allows fewer keys.
_STATE_MEMBER: Final = re.compile(r"([a-z0-9][a-z0-9_\-*/@]{0,255})=([ -+\--<>-~]{0,255}[!-+\--<>-~])")

_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


class TraceContext(msgspec.Struct, frozen=True):
    """Where a request belongs. `trace_id`: 32 hexadecimal digits. `span_id`: 16, of whoever sent it. `flags`: only
    those that are known here. `state`: the value of `tracestate`, checked; empty if there is none."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""

    @property
    def sampled(self) -> bool:
        """Whoever sent it may have recorded it."""
        return bool(self.flags & SAMPLED)


def format_traceparent(trace_id: str, span_id: str, flags: int) -> str:
    """The value of a `traceparent`, in version 00 as always: section 3.2.4 wants the version that one knows."""
    return f"00-{trace_id}-{span_id}-{flags:02x}"


def parse_traceparent(value: bytes) -> TraceContext | None:
    """The context that it names, without state; None where it is not valid, which means: begin a new trace."""
    match = _TRACEPARENT.fullmatch(value.strip(b" \t"))
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == b"ff" or (version == b"00" and rest is not None):
        return None
    trace, span = trace_id.decode(), span_id.decode()
    if trace == _NO_TRACE or span == _NO_SPAN:
        return None
    return TraceContext(trace, span, int(flags, 16) & (SAMPLED | RANDOM))


def parse_tracestate(values: list[bytes]) -> str:
    """One list of what one or more headers hold; empty where any of it is not valid, as section 4.3 advises.

    A list that is passed on keeps its order: the vendor that changed it last stands first.
    """
    members: list[str] = []
    keys: set[str] = set()
    for part in b",".join(values).decode("latin-1").split(","):
        member = part.strip(" \t")
        if not member:
            continue  # section 3.3.1.1: empty members are allowed, since some would leave them
        match = _STATE_MEMBER.fullmatch(member)
        if match is None or match[1] in keys or len(members) == MAX_STATE_MEMBERS:
            return ""
        keys.add(match[1])
        members.append(member)
    return ",".join(members)


def read_context(headers: Headers) -> TraceContext | None:
    """The context of a request; None where it has none that is valid."""
    parents = [value for name, value in headers if name == TRACEPARENT]
    if len(parents) != 1:  # section 3.2: two of them contradict each other
        return None
    context = parse_traceparent(parents[0])
    if context is None:  # section 3.3: then the state, too, is nobody's
        return None
    states = [value for name, value in headers if name == TRACESTATE]
    state = parse_tracestate(states) if states else ""
    return TraceContext(context.trace_id, context.span_id, context.flags, state) if state else context


def replace_context(headers: Headers, context: TraceContext) -> Headers:
    """The headers with that context instead of the one they may have."""
    replaced = [header for header in headers if header[0] not in (TRACEPARENT, TRACESTATE)]
    value = format_traceparent(context.trace_id, context.span_id, context.flags)
    replaced.append((TRACEPARENT, value.encode()))
    if context.state:
        replaced.append((TRACESTATE, context.state.encode()))
    return replaced
