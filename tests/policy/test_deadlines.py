"""Deadlines that a client sets by header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.stream_settings import StreamSettings
from sluiceway.errors import FirstEventTimeout, GatewayError, IdleTimeout, InvalidRequest, UpstreamTruncated
from sluiceway.policy.deadlines import Deadlines, deadlines_of


def test_a_request_without_such_headers_has_none() -> None:
    assert deadlines_of([(b"host", b"x"), (b"x-sluiceway-other", b"1")]) is None


def test_each_clock_has_its_header() -> None:
    headers = [
        (b"x-sluiceway-first-event-s", b"20"),
        (b"x-sluiceway-idle-s", b"15"),
        (b"x-sluiceway-total-s", b" 90.5 "),
    ]
    assert deadlines_of(headers) == Deadlines(first_event_s=20, idle_s=15, total_s=90.5)


@pytest.mark.parametrize("value", [b"", b"soon", b"0", b"-1", b"nan", b"inf", b"1e999", b"\xff"])
def test_what_is_no_number_of_seconds_is_refused_by_name(value: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        deadlines_of([(b"x-sluiceway-idle-s", value)])
    assert refused.value.param == "x-sluiceway-idle-s"
    assert refused.value.status == 400


_LIMIT = st.floats(0, 1000)
_ASKED = st.none() | st.floats(0.001, 1000)


@given(idle=_LIMIT, total=_LIMIT, asked=st.tuples(_ASKED, _ASKED))
def test_a_client_can_lower_a_clock_and_never_raise_it(
    idle: float, total: float, asked: tuple[float | None, float | None]
) -> None:
    settings = StreamSettings(idle_s=idle, total_s=total)
    lowered = Deadlines(None, *asked).lower(settings)
    for name, wish in zip(("idle_s", "total_s"), asked, strict=True):
        before, after = getattr(settings, name) or float("inf"), getattr(lowered, name) or float("inf")
        assert after == (before if wish is None else min(before, wish))


def test_nothing_is_made_anew_where_nothing_changes() -> None:
    settings = StreamSettings()
    assert Deadlines(idle_s=1e6).lower(settings) is settings


def test_the_first_event_has_one_time_for_all_attempts() -> None:
    assert Deadlines(first_event_s=5).answer_by(100.0) == 105.0
    assert Deadlines(idle_s=5).answer_by(100.0) == float("inf")
    assert Deadlines(first_event_s=5).lower(StreamSettings()).first_event_s == StreamSettings().first_event_s


@pytest.mark.parametrize(
    ("deadlines", "error", "waited_s", "caused"),
    [
        (Deadlines(first_event_s=5), FirstEventTimeout("late"), 5.0, True),
        (Deadlines(first_event_s=5), FirstEventTimeout("late"), 3.0, False),
        (Deadlines(idle_s=5), FirstEventTimeout("late"), 9.0, False),
        (Deadlines(idle_s=5), IdleTimeout("late"), 0.0, True),
        (Deadlines(idle_s=500), IdleTimeout("late"), 0.0, False),
        (Deadlines(idle_s=5, first_event_s=1), UpstreamTruncated("cut"), 9.0, False),
    ],
)
def test_only_a_clock_that_the_client_has_shortened_is_its_own_affair(
    deadlines: Deadlines, error: GatewayError, waited_s: float, caused: bool
) -> None:
    found = deadlines.caused(
        error, StreamSettings(idle_s=300), received_at=1000.0, first_event_by=1000.0 + waited_s
    )
    assert found is caused


@given(received_at=st.floats(0, 1e7), first_event_s=st.floats(0.001, 600))
def test_it_is_the_clients_clock_whatever_the_moment_rounds_to(
    received_at: float, first_event_s: float
) -> None:
    deadlines = Deadlines(first_event_s=first_event_s)
    by = deadlines.answer_by(received_at)
    error, settings = FirstEventTimeout("late"), StreamSettings()
    assert deadlines.caused(error, settings, received_at=received_at, first_event_by=by)
