"""Faults of content, seen from a raw socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mock_wire import Raw, ask, header

from sluiceway.mock.testing import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


def choices(raw: Raw) -> list[dict[str, Any]]:
    return [choice for chunk in raw.chunks for choice in chunk["choices"]]


def calls(raw: Raw) -> list[dict[str, Any]]:
    return [call for choice in choices(raw) for call in choice["delta"].get("tool_calls", ())]


def test_no_done_has_a_finish_reason_and_no_marker(mock: RunningMock) -> None:
    raw = ask(mock, "fault-no-done")
    assert raw.whole
    assert "[DONE]" not in raw.datas
    assert choices(raw)[-1]["finish_reason"] == "stop"


def test_no_finish_has_a_marker_and_no_reason(mock: RunningMock) -> None:
    raw = ask(mock, "fault-no-finish")
    assert raw.datas[-1] == "[DONE]"
    assert {choice["finish_reason"] for choice in choices(raw)} == {None}
    assert raw.text == ask(mock).text


def test_missing_tool_index(mock: RunningMock) -> None:
    raw = ask(mock, "fault-missing-tool-index")
    assert len(calls(raw)) > 2
    assert all("index" not in call for call in calls(raw))
    assert len([call for call in calls(ask(mock, "fault-missing-tool-index?tools=2")) if "id" in call]) == 2


def test_repeated_tool_ids(mock: RunningMock) -> None:
    raw = ask(mock, "fault-repeated-tool-ids?tools=2")
    for index in (0, 1):
        mine = [call for call in calls(raw) if call["index"] == index]
        assert len({call["id"] for call in mine}) == 1
        assert {(call["type"], call["function"]["name"]) for call in mine} == {("function", "lookup")}
        assert json.loads("".join(call["function"]["arguments"] for call in mine))


def test_role_null_follows_the_first_delta(mock: RunningMock) -> None:
    roles = [choice["delta"]["role"] for choice in choices(ask(mock, "fault-role-null"))]
    assert roles == ["assistant"] + [None] * (len(roles) - 1)


def test_finish_empty_until_the_last_chunk(mock: RunningMock) -> None:
    reasons = [choice["finish_reason"] for choice in choices(ask(mock, "fault-finish-empty"))]
    assert reasons == [""] * (len(reasons) - 1) + ["stop"]


def test_usage_none_although_it_was_asked_for(mock: RunningMock) -> None:
    raw = ask(mock, "fault-usage-none", stream_options={"include_usage": True})
    assert all("usage" not in chunk for chunk in raw.chunks)
    assert "usage" not in json.loads(ask(mock, "fault-usage-none", stream=False).body)


def test_bad_json_breaks_one_event_and_goes_on(mock: RunningMock) -> None:
    raw = ask(mock, "fault-bad-json")
    broken = 0
    for data in raw.datas[:-1]:
        try:
            json.loads(data)
        except json.JSONDecodeError:
            broken += 1
    assert (broken, raw.datas[-1]) == (1, "[DONE]")


def test_bad_json_is_half_a_body_with_a_length_that_fits(mock: RunningMock) -> None:
    raw = ask(mock, "fault-bad-json", stream=False)
    assert raw.whole
    with pytest.raises(json.JSONDecodeError):
        json.loads(raw.body)


@pytest.mark.parametrize("stream", [True, False])
def test_one_form_instead_of_the_other(mock: RunningMock, stream: bool) -> None:
    as_json = ask(mock, "mock-gpt?fault=json-instead-of-stream", stream=stream)
    assert header(as_json.head, b"content-type") == "application/json"
    as_stream = ask(mock, "mock-gpt?fault=stream-instead-of-json", stream=stream)
    assert header(as_stream.head, b"content-type") == "text/event-stream; charset=utf-8"
    assert as_stream.text == json.loads(as_json.body)["choices"][0]["message"]["content"]
