"""Ids that are promised to upstreams before anything is exported."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluiceway.observe.trace_ids import Trace, new_trace, trace_below
from sluiceway.wire.trace_context import RANDOM, SAMPLED, TraceContext, parse_traceparent, read_context

spans = st.integers(1, 2**64 - 1)


@given(spans)
def test_no_two_attempts_share_an_id_and_none_is_zero(span: int) -> None:
    trace = Trace("a" * 32, span, SAMPLED)
    ids = [span, *(trace.attempt_span(number) for number in range(1, 200))]
    assert len(set(ids)) == len(ids)
    assert 0 not in ids
    assert all(one < 2**64 for one in ids)


def test_an_id_that_would_be_zero_is_another() -> None:
    step = Trace("a" * 32, 1, SAMPLED).attempt_span(1) - 1
    assert Trace("a" * 32, 2**64 - step, SAMPLED).attempt_span(1) == 1


@given(spans, st.integers(1, 9))
def test_an_upstream_gets_the_id_of_its_own_attempt(span: int, number: int) -> None:
    trace = Trace("a" * 32, span, SAMPLED, "b" * 16, "x=1")
    headers = [(b"traceparent", b"old"), (b"accept", b"*/*"), (b"tracestate", b"old=1")]
    sent = trace.upward(headers, number)
    assert read_context(sent) == TraceContext("a" * 32, f"{trace.attempt_span(number):016x}", SAMPLED, "x=1")
    assert sent[0] == (b"accept", b"*/*")


def test_a_new_trace_says_that_its_id_is_random() -> None:
    sampled, unsampled = new_trace(sampled=True), new_trace(sampled=False)
    assert (sampled.flags, unsampled.flags) == (SAMPLED | RANDOM, RANDOM)
    assert sampled.trace_id != unsampled.trace_id
    assert not sampled.parent


def test_only_what_is_recorded_has_a_context_for_the_record() -> None:
    trace = new_trace(sampled=True)
    assert trace.traceparent is not None
    context = parse_traceparent(trace.traceparent.encode())
    assert context == TraceContext(trace.trace_id, f"{trace.span:016x}", trace.flags)
    assert new_trace(sampled=False).traceparent is None


def test_a_trace_of_the_client_goes_on_with_a_span_of_ours() -> None:
    trace = trace_below(TraceContext("c" * 32, "d" * 16, SAMPLED, "x=1"))
    assert (trace.trace_id, trace.parent, trace.state, trace.flags) == ("c" * 32, "d" * 16, "x=1", SAMPLED)
    assert f"{trace.span:016x}" != "d" * 16
