"""Knobs and faults of one request, the same in every API."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.errors import InvalidRequest
from sluiceway.mock.exchange import Exchange
from sluiceway.mock.journal import Journal
from sluiceway.mock.pace import Pace
from sluiceway.mock.scene import Act, Event, Scene
from sluiceway.mock.settings import MockSettings
from sluiceway.mock.stage import script_for, turned


def exchange() -> Exchange:
    scope: dict[str, Any] = {
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(b"x-mock-tokens", b"7")],
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    record = Journal().begin(scope)
    return Exchange(scope, None, record=record, settings=MockSettings(), closing=False)


def scene() -> Scene:
    return Scene(
        stream=True,
        events=(Event("token", {"n": 1}, "one"), Event("end", "[DONE]")),
        answer={},
        pace=Pace(0, 0, 0, 0),
        error_event=lambda message, kind, code: Event("error", {"sequence_number": 0}),
        error_body=lambda message, kind, code: {"error": message},
    )


def test_knobs_come_from_headers_and_the_models_name_and_are_recorded() -> None:
    asked = exchange()
    name, settings = turned(asked, "m?ttft=0.5", stream=True)
    assert (name, settings.tokens, settings.ttft) == ("m", 7, 0.5)
    assert asked.record.stream


def test_a_fault_brings_its_own_settings() -> None:
    asked = exchange()
    _, settings = turned(asked, "fault-comments:2", stream=False)
    assert (settings.ttft, asked.record.fault) == (1.0, "comments:2")
    with pytest.raises(InvalidRequest):
        turned(exchange(), "fault-nonsense", stream=True)


def test_without_a_fault_the_scene_is_played_as_it_is() -> None:
    steps = list(script_for(scene(), MockSettings()))
    assert steps[-1] is Act.DONE
    assert any(isinstance(step, bytes) and b"event: one" in step for step in steps)


def test_a_fault_plays_with_its_argument() -> None:
    steps = list(script_for(scene(), MockSettings(fault="error-mid:1")))
    sent = b"".join(step for step in steps if isinstance(step, bytes))
    assert b'data: {"sequence_number":1}' in sent


@pytest.mark.parametrize("fault", ["role-null", "no-finish"])
def test_a_fault_that_the_api_can_not_have_is_refused_before_anything_is_sent(fault: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        script_for(scene(), MockSettings(fault=fault))
    assert caught.value.param == "fault"


def test_stamped_events_say_when_they_are_due() -> None:
    steps = list(script_for(scene().tweak(pace=Pace(0.25, 0, 0, 0)), MockSettings(stamps=True)))
    sent = b"".join(step for step in steps if isinstance(step, bytes))
    assert b'data: {"n":1,"mock_due_ms":250.0}' in sent
    assert b"data: [DONE]" in sent
