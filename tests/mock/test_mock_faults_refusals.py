"""Faults of the provider, seen from a raw socket."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from mock_wire import ask, header

from sluiceway.mock.testing import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


def test_http_429_says_when_to_come_back(mock: RunningMock) -> None:
    raw = ask(mock, "fault-http-429:2.5")
    assert raw.status == 429
    assert header(raw.head, b"retry-after") == "2.5"
    assert header(raw.head, b"x-ratelimit-remaining-requests") == "0"
    assert json.loads(raw.body)["error"]["code"] == "rate_limit_exceeded"
    assert header(ask(mock, "fault-http-429").head, b"retry-after") == "1"


def test_http_500_and_400_are_json_errors(mock: RunningMock) -> None:
    assert ask(mock, "fault-http-500").status == 500
    raw = ask(mock, "fault-http-400", stream=False)
    assert raw.status == 400
    assert json.loads(raw.body)["error"] == {
        "message": "This request is refused (mock).",
        "type": "invalid_request_error",
        "param": None,
        "code": "mock_refusal",
    }


def test_http_500_html_is_a_page(mock: RunningMock) -> None:
    raw = ask(mock, "fault-http-500-html")
    assert raw.status == 500
    assert header(raw.head, b"content-type") == "text/html; charset=utf-8"
    assert raw.body.startswith(b"<!doctype html>")


def test_error_first_is_the_only_event(mock: RunningMock) -> None:
    raw = ask(mock, "fault-error-first")
    assert (raw.status, raw.whole) == (200, True)
    assert [list(chunk) for chunk in raw.chunks] == [["error"]]
    assert raw.datas[-1] != "[DONE]"
    assert list(json.loads(ask(mock, "fault-error-first", stream=False).body)) == ["error"]


def test_error_mid_comes_after_some_content_and_ends_the_body(mock: RunningMock) -> None:
    raw = ask(mock, "fault-error-mid:4")
    assert raw.whole
    assert [next(iter(chunk)) for chunk in raw.chunks] == ["id"] * 4 + ["error"]
    assert raw.text
    assert raw.datas[-1] != "[DONE]"
    assert ask(mock, "fault-error-mid", stream=False).status == 500


def test_stream_only_refuses_json(mock: RunningMock) -> None:
    assert ask(mock, "fault-stream-only").datas[-1] == "[DONE]"
    raw = ask(mock, "fault-stream-only", stream=False)
    assert raw.status == 400
    assert json.loads(raw.body)["error"]["message"] == "Stream must be set to true."
