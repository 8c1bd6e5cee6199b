"""W3C Trace Context: what is read of a request, and what an upstream gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.wire.http import Headers
from sluiceway.wire.trace_context import (
    MAX_STATE_MEMBERS,
    RANDOM,
    SAMPLED,
    TraceContext,
    format_traceparent,
    parse_traceparent,
    parse_tracestate,
    read_context,
    replace_context,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()

hexadecimal = st.sampled_from("0123456789abcdef")


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(hexadecimal, min_size=count, max_size=count).filter(lambda text: set(text) != {"0"})


contexts = st.builds(TraceContext, digits(32), digits(16), st.integers(0, SAMPLED | RANDOM))

# ── traceparent ─────────────────────────────────────────────────────────────────────────────────────


def test_a_traceparent_names_trace_span_and_flags() -> None:
    context = parse_traceparent(PARENT)
    assert context == TraceContext(TRACE, SPAN, SAMPLED)
    assert context.sampled


def test_one_whose_flag_is_not_set_is_not_sampled() -> None:
    context = parse_traceparent(f"00-{TRACE}-{SPAN}-00".encode())
    assert context is not None
    assert not context.sampled


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00",
        f"00-{TRACE}-{SPAN}".encode(),
        f"00-{TRACE}-{SPAN}-1".encode(),
        f"00-{TRACE}-{SPAN}-0g".encode(),
        f"00-{TRACE}-{SPAN}-01-".encode(),  # version 00 has nothing behind its flags
        f"00-{TRACE}-{SPAN}-01-what-the-future-will-be".encode(),
        f"00-{TRACE}-{SPAN}-01.".encode(),
        f"00-{TRACE.upper()}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN.upper()}-01".encode(),
        f"00-{TRACE[1:]}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN[1:]}-01".encode(),
        f"00-{TRACE}0-{SPAN}-01".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"ff-{TRACE}-{SPAN}-01".encode(),  # the version that never is
        f"0-{TRACE}-{SPAN}-01".encode(),
        f".0-{TRACE}-{SPAN}-01".encode(),
        f"cc-{TRACE}-{SPAN}-01.what".encode(),  # of later versions, a dash has to follow
        f"00-{TRACE}-{SPAN}-01\x00".encode(),
        f"00-{TRACE}-{SPAN}-01\n".encode(),
        "00-４bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01".encode(),
    ],
)
def test_what_is_not_valid_is_nobodys_trace(value: bytes) -> None:
    assert parse_traceparent(value) is None


@pytest.mark.parametrize("rest", ["", "-", "-what-the-future-will-be-like"])
def test_a_later_version_is_read_as_far_as_it_is_known(rest: str) -> None:
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01{rest}".encode()) == TraceContext(TRACE, SPAN, SAMPLED)


def test_flags_that_are_not_known_are_not_passed_on() -> None:
    context = parse_traceparent(f"00-{TRACE}-{SPAN}-ff".encode())
    assert context is not None
    assert context.flags == SAMPLED | RANDOM


def test_blanks_around_the_value_are_the_headers_not_the_values() -> None:
    assert parse_traceparent(b" \t" + PARENT + b"\t ") == TraceContext(TRACE, SPAN, SAMPLED)


@given(contexts)
def test_what_is_written_is_read_back(context: TraceContext) -> None:
    value = format_traceparent(context.trace_id, context.span_id, context.flags)
    assert parse_traceparent(value.encode()) == context


@given(st.binary(max_size=80))
def test_no_bytes_break_it(value: bytes) -> None:
    context = parse_traceparent(value)
    assert context is None or len(context.trace_id) == 32


# ── tracestate ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        ([b"congo=t61rcWkgMzE", b"rojo=1"], "congo=t61rcWkgMzE,rojo=1"),
        ([b" a=1 \t,\t b=2 "], "a=1,b=2"),
        ([b"a=1,,b=2", b""], "a=1,b=2"),
        ([b"fw529a3039@dt=FfAfAAA"], "fw529a3039@dt=FfAfAAA"),
        ([b"0key=v"], "0key=v"),
        ([b"a=in side"], "a=in side"),
        ([b"a=" + b"v" * 256], "a=" + "v" * 256),
        ([b""], ""),
    ],
)
def test_a_state_is_one_list_in_its_order(values: list[bytes], expected: str) -> None:
    assert parse_tracestate(values) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"a=1,a=2",
        b"A=1",
        b"a",
        b"=1",
        b"a=",
        b"a=1=2",
        b"a b=1",
        b"@a=1",
        b"a=\xc3\xa9",
        b"a=1\x00",
        b"k" * 257 + b"=1",
        b"a=" + b"v" * 257,
        b",".join(b"k%d=1" % number for number in range(MAX_STATE_MEMBERS + 1)),
    ],
)
def test_a_state_that_is_not_valid_is_left_out_whole(value: bytes) -> None:
    assert parse_tracestate([b"good=1", value]) == ""


def test_as_many_members_as_allowed_are_kept() -> None:
    value = b",".join(b"k%d=1" % number for number in range(MAX_STATE_MEMBERS))
    assert parse_tracestate([value]) == value.decode()


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_what_is_passed_on_is_always_valid(values: list[bytes]) -> None:
    state = parse_tracestate(values)
    assert parse_tracestate([state.encode()]) == state


# ── of a request ────────────────────────────────────────────────────────────────────────────────────


def test_parent_and_state_belong_together() -> None:
    headers = [(b"host", b"x"), (b"tracestate", b"a=1"), (b"traceparent", PARENT), (b"tracestate", b"b=2")]
    assert read_context(headers) == TraceContext(TRACE, SPAN, SAMPLED, "a=1,b=2")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"tracestate", b"a=1")],
        [(b"traceparent", b"00-x"), (b"tracestate", b"a=1")],
        [(b"traceparent", PARENT), (b"traceparent", PARENT)],
    ],
)
def test_without_one_valid_parent_there_is_no_context(headers: Headers) -> None:
    assert read_context(headers) is None


def test_a_bad_state_does_not_spoil_the_parent() -> None:
    headers = [(b"traceparent", PARENT), (b"tracestate", b"A=1")]
    assert read_context(headers) == TraceContext(TRACE, SPAN, SAMPLED)


def test_an_upstream_gets_one_context_and_all_other_headers_as_they_were() -> None:
    headers = [
        (b"a", b"1"),
        (b"traceparent", PARENT),
        (b"traceparent", PARENT),
        (b"b", b"2"),
        (b"tracestate", b"x=1"),
    ]
    assert replace_context(headers, TraceContext("a" * 32, "b" * 16, 0, "y=1")) == [
        (b"a", b"1"),
        (b"b", b"2"),
        (b"traceparent", f"00-{'a' * 32}-{'b' * 16}-00".encode()),
        (b"tracestate", b"y=1"),
    ]


@given(contexts, st.booleans())
def test_what_an_upstream_gets_is_read_as_what_was_meant(context: TraceContext, had_one: bool) -> None:
    before = [(b"traceparent", PARENT), (b"tracestate", b"old=1")] if had_one else []
    assert read_context(replace_context(before, context)) == context
