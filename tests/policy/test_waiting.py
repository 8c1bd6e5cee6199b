"""Heartbeats that tell the place in the queue."""

from __future__ import annotations

import pytest

from sluiceway.policy.waiting import queued_heartbeat
from sluiceway.wire.sse import parse_events

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@pytest.mark.parametrize(
    ("beat", "told"),
    [
        (b": heartbeat\n\n", b": queued, position 3, about 12 s\n\n"),
        (b": heartbeat\n", b": queued, position 3, about 12 s\n"),
        (PING, b": queued, position 3, about 12 s\n" + PING),
        (b"", b""),
    ],
)
def test_the_place_is_told_in_the_form_that_the_client_can_stand(beat: bytes, told: bytes) -> None:
    assert queued_heartbeat(beat, 3, 12.3) == told


def test_an_unknown_wait_is_not_guessed() -> None:
    assert queued_heartbeat(b": heartbeat\n\n", 1, None) == b": queued, position 1\n\n"


def test_a_wait_is_never_told_as_none_at_all() -> None:
    assert queued_heartbeat(b": heartbeat\n\n", 1, 0.01) == b": queued, position 1, about 1 s\n\n"


def test_parsers_see_the_same_events_as_before() -> None:
    assert [event.event for event in parse_events(queued_heartbeat(PING, 1, None))] == [b"ping"]
