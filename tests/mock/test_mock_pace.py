"""When events come."""

from __future__ import annotations

from itertools import pairwise

from sluiceway.mock.pace import DrawingPace, Pace

ROLE_THREE_TOKENS_FINISH_END = [False, True, True, True, False, False]


def test_the_first_event_waits_for_ttft_and_the_tokens_for_their_rate() -> None:
    waits = list(Pace(0.5, 10, 0, 1).waits(ROLE_THREE_TOKENS_FINISH_END))
    assert waits == [0.5, 0.0, 0.1, 0.1, 0.0, 0.0]


def test_rate_zero_is_as_fast_as_possible() -> None:
    assert list(Pace(0, 0, 1, 1).waits(ROLE_THREE_TOKENS_FINISH_END)) == [0.0] * 6


def test_jitter_varies_the_gaps_within_its_share_and_the_same_each_time() -> None:
    pace = Pace(0, 10, 0.3, 7)
    gaps = list(pace.waits([True] * 200))[1:]
    assert all(0.0699 < gap < 0.1301 for gap in gaps)
    assert any(a != b for a, b in pairwise(gaps))
    assert gaps == list(pace.waits([True] * 200))[1:]


def test_the_strokes_of_a_picture_share_the_time_of_a_text() -> None:
    pace = DrawingPace(0.5, 10, 0, 1, 20, frozenset({1, 3}))
    assert list(pace.waits(ROLE_THREE_TOKENS_FINISH_END)) == [0.5, 1.0, 0.1, 1.0, 0.0, 0.0]
    fast = DrawingPace(0, 0, 0, 1, 20, frozenset({1, 3}))
    assert list(fast.waits(ROLE_THREE_TOKENS_FINISH_END)) == [0.0] * 6
    without = DrawingPace(0.5, 10, 0, 1, 20, frozenset())
    plain = Pace(0.5, 10, 0, 1)
    assert list(without.waits(ROLE_THREE_TOKENS_FINISH_END)) == list(
        plain.waits(ROLE_THREE_TOKENS_FINISH_END)
    )
