"""Faults of time, seen from a raw socket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from mock_wire import IDLE_S, ask

from sluiceway.mock.testing import RunningMock, running_mock

PAUSE_S = 0.4


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.mark.parametrize("stream", [True, False])
def test_slow_headers_come_late_and_all_is_well(mock: RunningMock, stream: bool) -> None:
    started = time.monotonic()
    raw = ask(mock, f"fault-slow-headers:{PAUSE_S}", stream=stream)
    assert raw.times[0] - started >= PAUSE_S - 0.01
    assert raw.whole


def test_silent_never_answers(mock: RunningMock) -> None:
    raw = ask(mock, "fault-silent", idle_s=IDLE_S)
    assert (raw.data, raw.end) == (b"", "open")
    assert mock.last_ended().outcome == "aborted"


def gap(times: list[float]) -> float:
    return max(after - before for before, after in pairwise(times))


def test_stall_stops_within_an_event_for_good(mock: RunningMock) -> None:
    raw = ask(mock, "fault-stall", idle_s=IDLE_S)
    assert (raw.end, raw.whole) == ("open", False)
    assert not raw.body.endswith(b"\n")


@pytest.mark.parametrize("stream", [True, False])
def test_stall_goes_on_after_its_seconds(mock: RunningMock, stream: bool) -> None:
    raw = ask(mock, f"fault-stall:{PAUSE_S}", stream=stream)
    assert gap(raw.times) >= PAUSE_S / 2  # what came before it may have been read late
    assert raw.whole
    assert raw.datas[-1] == "[DONE]" if stream else json.loads(raw.body)
    assert ask(mock, stream=stream).body == ask(mock, f"mock-gpt?fault=stall:{0}", stream=stream).body


def test_stall_between_stops_after_a_whole_event(mock: RunningMock) -> None:
    raw = ask(mock, "fault-stall-between", idle_s=IDLE_S)
    assert (raw.end, raw.whole) == ("open", False)
    assert raw.body.endswith(b"\n\n")
    raw = ask(mock, f"fault-stall-between:{PAUSE_S}")
    assert gap(raw.times) >= PAUSE_S / 2  # what came before it may have been read late
    assert raw.whole


def test_comments_come_until_the_first_token(mock: RunningMock) -> None:
    started = time.monotonic()
    raw = ask(mock, "fault-comments:0.05?ttft=0.2")
    assert raw.body.startswith(b": PROCESSING\n\n" * 4 + b"data: ")
    assert raw.whole
    assert time.monotonic() - started >= 0.19
    assert ask(mock, "fault-comments:0.001?ttft=0.01", stream=False).status == 200


def test_comments_alone_fill_a_second_unless_told_otherwise(mock: RunningMock) -> None:
    raw = ask(mock, "fault-comments")
    assert raw.body.startswith(b": PROCESSING\n\n" * 10 + b"data: ")


def test_pings_only_never_has_an_event(mock: RunningMock) -> None:
    raw = ask(mock, "fault-pings-only:30?ttft=0", to_end=True, idle_s=IDLE_S)
    assert raw.body == b": ping\n\n"
    assert raw.end == "open"


@pytest.mark.parametrize("fault", ["silent", "pings-only"])
def test_even_forever_comes_to_an_end(mock: RunningMock, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr("sluiceway.mock.faults.silence.FOREVER_S", 0.2)
    raw = ask(mock, f"mock-gpt?fault={fault}{':0.1' if fault == 'pings-only' else ''}")
    assert raw.end == "fin"
    assert mock.last_ended().outcome == "broken"
