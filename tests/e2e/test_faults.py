"""Every fault of the simulated provider, through the gateway: what the client gets, and what stays behind."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fault_outcomes import LIMIT_BYTES, OUTCOMES, InBand, Refused, Whole, clocks, tell
from harness import RawClient, RunningGateway, chat, running_gateway, wait_until

from sluiceway.mock.faults import FAULTS
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.wire.sse import parse_events

GROWTH_BYTES = 96 * 1024 * 1024  # for a process that holds gateway, provider and client; a flood is 256 MiB
SEED = "seed=11"


def test_no_fault_is_missing_from_the_table() -> None:
    assert {spec.partition("&")[0].partition(":")[0] for spec in OUTCOMES} == set(FAULTS)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(mock: RunningMock) -> Iterator[RunningGateway]:
    with running_gateway(config(mock)) as running:
        yield running


def config(mock: RunningMock, **clocks: float) -> dict[str, Any]:
    """With these clocks; the same gateway is given others for each fault."""
    stream = {
        "heartbeat_s": 0.1,
        "commit_after_s": 30.0,  # errors before the first event keep their status; other tests commit early
        "max_event_bytes": LIMIT_BYTES,
        "max_answer_bytes": LIMIT_BYTES,
    }
    table = {"name": "mock", "base_url": mock.base_url, "include_usage": False}
    return {"upstreams": [table], "stream": stream | clocks}


@pytest.fixture(scope="module")
def expected(mock: RunningMock) -> dict[bool, Any]:
    """The proper answer, asked for as a stream and as JSON."""
    answers: dict[bool, Any] = {}
    for stream in (True, False):
        with RawClient(mock.port) as client:
            client.post(chat(f"mock-gpt?{SEED}", stream=stream))
            _status, _headers, body = client.response()
            answers[stream] = message_of(body) if stream else msgspec.json.decode(body)
    return answers


def datas(body: bytes) -> list[bytes]:
    return [event.data for event in parse_events(body) if event.data is not None]


def message_of(body: bytes) -> str:
    """The text of a stream; an event that can't be read counts for nothing."""
    text = ""
    for data in datas(body):
        try:
            chunk = msgspec.json.decode(data)
        except msgspec.DecodeError:
            continue
        for choice in chunk.get("choices", []):
            text += choice["delta"].get("content") or ""
    return text


def errors_in(body: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(data)["error"] for data in datas(body) if data.startswith(b'{"error"')]


def assert_whole(outcome: Whole, stream: bool, status: int, body: bytes, expected: Any, spec: str) -> None:
    assert status == 200, body[:300]
    if not stream:
        answer = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
        assert answer["object"] == "chat.completion"
        if not FAULTS[spec.partition("&")[0].partition(":")[0]].settings:  # then it is another answer
            usage = answer.pop("usage", None)
            assert usage is None or usage == expected["usage"]
            assert answer == {name: value for name, value in expected.items() if name != "usage"}
        return
    assert errors_in(body) == []
    assert (datas(body)[-1] == b"[DONE]") == outcome.done
    assert body.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    if "tool" not in spec and spec != "bad-json":
        assert message_of(body) == expected


def assert_in_band(outcome: InBand, status: int, body: bytes, expected: str) -> None:
    assert status == 200, body[:300]
    (error,) = errors_in(body)
    assert error["code"] == outcome.code
    assert error["message"]
    assert datas(body)[-1].startswith(b'{"error"')  # nothing follows
    assert b"[DONE]" not in body
    assert b'"finish_reason":"' not in body
    if outcome.code != "upstream_timeout_total" or len(body) < LIMIT_BYTES:
        assert expected.startswith(message_of(body))


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("spec", OUTCOMES)
def test_a_fault_has_its_outcome_and_leaves_nothing_behind(
    gateway: RunningGateway, mock: RunningMock, expected: dict[bool, Any], spec: str, stream: bool
) -> None:
    outcome = OUTCOMES[spec][0 if stream else 1]
    gateway.apply(config(mock, **clocks(spec, stream=stream)))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with RawClient(gateway.port) as client:
        client.post(chat(f"mock-gpt?{SEED}&fault={spec}", stream=stream))
        status, headers, body = tell(client)
        if isinstance(outcome, Whole):
            assert_whole(outcome, stream, status, body, expected[stream], spec)
        elif isinstance(outcome, InBand):
            assert_in_band(outcome, status, body, expected[True])
        else:
            assert status == outcome.status, body[:300]
            if outcome.code is not None:
                assert headers["content-type"] == "application/json"
                assert msgspec.json.decode(body)["error"]["code"] == outcome.code
        in_events = stream and not isinstance(outcome, Refused)
        assert headers["content-type"].startswith("text/event-stream") == in_events
        wait_until(lambda: gateway.idle)
        mock.last_ended()
        client.post(chat("mock-gpt?tokens=1", stream=False))  # on the same connection
        assert client.response()[0] == 200
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) * 1024
    assert growth < GROWTH_BYTES


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("slow-headers:0.5", None),
        ("silent", "upstream_timeout_first_event"),
        ("pings-only:0.05", "upstream_timeout_first_event"),
        ("comments:0.05&ttft=0.5", None),
    ],
)
def test_a_fault_of_time_after_an_early_commit_is_told_in_band(
    mock: RunningMock, fault: str, code: str | None
) -> None:
    table = {"name": "mock", "base_url": mock.base_url}
    clock = {"first_event_s": 0.6} if code else {}
    stream = {"heartbeat_s": 0.05, "commit_after_s": 0.0, **clock}
    with running_gateway({"upstreams": [table], "stream": stream}) as early, RawClient(early.port) as client:
        client.post(chat(f"mock-gpt?fault={fault}"))
        status, _headers = client.read_head()
        assert status == 200
        body = client.read_body({"transfer-encoding": "chunked"})
        assert [error["code"] for error in errors_in(body)] == ([code] if code else [])
        assert (datas(body)[-1] == b"[DONE]") == (code is None)
        assert body.count(b": heartbeat\n\n") >= 2
        assert b"PROCESSING" not in body
        assert b": ping" not in body


@pytest.mark.parametrize(
    ("fault", "status_code"), [("http-429", "rate_limit_exceeded"), ("http-500", "internal_error")]
)
def test_an_http_error_after_an_early_commit_is_told_in_band(
    mock: RunningMock, fault: str, status_code: str
) -> None:
    table = {"name": "mock", "base_url": mock.base_url}
    with (
        running_gateway({"upstreams": [table], "stream": {"commit_after_s": 0.0}}) as early,
        RawClient(early.port) as client,
    ):
        client.post(chat(f"fault-{fault}"))
        status, _headers, body = client.response()
        assert status == 200
        assert [error["code"] for error in errors_in(body)] == [status_code]
        assert b"[DONE]" not in body
