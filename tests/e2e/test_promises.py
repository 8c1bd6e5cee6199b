"""The table of promises in the README, each held over raw sockets against the simulated provider."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from harness import RawClient, chat, gateway_and_mock, wait_until

from sluiceway.wire.sse import parse_events


def events(body: bytes) -> list[Any]:
    """The JSON of each event; `[DONE]` stays a string."""
    datas = [event.data for event in parse_events(body) if event.data is not None]
    return ["[DONE]" if data == b"[DONE]" else msgspec.json.decode(data) for data in datas]


def content(parsed: list[Any]) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for event in parsed
        if isinstance(event, dict)
        for choice in event.get("choices", [])
    )


def test_a_cdn_hears_from_us_before_a_slow_model_speaks() -> None:
    with gateway_and_mock(stream={"commit_after_s": 0.1, "heartbeat_s": 0.1}) as (gateway, _mock):
        with RawClient(gateway.port) as client:
            client.post(chat("mock-gpt?ttft=1"))
            status, headers = client.read_head()
            assert status == 200
            assert headers["content-type"] == "text/event-stream"
            assert headers["cache-control"] == "no-cache, no-transform"
            assert headers["x-accel-buffering"] == "no"
            assert headers["x-request-id"].startswith("req_")
            body = client.read_body(headers)
        assert body.count(b": heartbeat\n\n") >= 3
        assert body.index(b": heartbeat") < body.index(b"data: ")
        assert events(body)[-1] == "[DONE]"
        assert gateway.record().committed_by == "silence"


def test_white_space_keeps_a_json_request_alive_where_it_is_asked_for() -> None:
    with (
        gateway_and_mock(stream={"json_heartbeat_s": 0.1}) as (gateway, _mock),
        RawClient(gateway.port) as client,
    ):
        client.post(chat("mock-gpt?ttft=0.8", stream=False))
        status, headers, body = client.response()
        assert status == 200
        assert headers["content-type"] == "application/json"
        assert body.startswith(b"\n\n")
        assert msgspec.json.decode(body)["object"] == "chat.completion"


def test_a_heartbeat_never_lands_inside_an_event() -> None:
    with (
        gateway_and_mock(stream={"heartbeat_s": 0.05}) as (gateway, _mock),
        RawClient(gateway.port) as client,
    ):
        client.post(chat("mock-gpt?fault=stall:0.4&tokens=6"))
        _status, _headers, body = client.response()
        assert b": heartbeat\n\n" in body
        for event in parse_events(body):
            assert event.data is None or b"heartbeat" not in event.data
            assert event.raw.startswith((b"data: ", b": heartbeat\n\n"))
        assert events(body)[-1] == "[DONE]"


def test_an_upstream_that_dies_in_mid_answer_ends_in_one_error_event_and_no_marker() -> None:
    with gateway_and_mock() as (gateway, _mock):
        for fault in ("rst", "cut", "eof", "eof-mid-event"):
            with RawClient(gateway.port) as client:
                client.post(chat(f"fault-{fault}"))
                status, _headers, body = client.response()
            assert status == 200
            parsed = events(body)
            errors = [event for event in parsed if isinstance(event, dict) and "error" in event]
            assert [error["error"]["code"] for error in errors] == ["upstream_truncated"], fault
            assert "error" in parsed[-1], fault
            assert "[DONE]" not in parsed
            assert b'"finish_reason":"' not in body


def test_no_finish_reason_is_invented_for_a_broken_answer_that_was_asked_for_as_json() -> None:
    with gateway_and_mock(upstream={"force_stream": True}) as (gateway, _mock):
        for fault in ("rst", "cut", "eof", "eof-mid-event", "bad-json", "error-mid", "error-first"):
            with RawClient(gateway.port) as client:
                client.post(chat(f"fault-{fault}", stream=False))
                status, headers, body = client.response()
            assert status >= 400, (fault, body)
            assert headers["content-type"] == "application/json"
            assert msgspec.json.decode(body)["error"]["message"], fault


def test_an_upstream_that_only_streams_serves_clients_that_want_json() -> None:
    with (
        gateway_and_mock(upstream={"force_stream": True}) as (gateway, mock),
        RawClient(gateway.port) as client,
    ):
        client.post(chat("mock-gpt?fault=stream-only&seed=5", stream=False))
        _status, _headers, forced = client.response()
        sent = msgspec.json.decode(mock.last.body)
        assert sent["stream"] is True
        assert sent["stream_options"] == {"include_usage": True}
        direct = RawClient(mock.port)
        with direct:
            direct.post(chat("mock-gpt?seed=5", stream=False))
            _status, _headers, plain = direct.response()
        assert msgspec.json.decode(forced) == msgspec.json.decode(plain)


@pytest.mark.parametrize("phase", ["connecting", "waiting-for-headers", "mid-event", "between-events"])
def test_the_upstream_is_closed_as_soon_as_the_client_leaves(phase: str) -> None:
    model = {
        "connecting": "mock-gpt",
        "waiting-for-headers": "fault-silent",
        "mid-event": "fault-stall",
        "between-events": "fault-stall-between",
    }[phase]
    upstream = {"base_url": "http://10.255.255.1:9/v1"} if phase == "connecting" else {}
    with gateway_and_mock(upstream=upstream) as (gateway, mock):
        with RawClient(gateway.port) as client:
            client.post(chat(model))
            if phase == "connecting":
                wait_until(lambda: gateway.in_flight == 1)
            elif phase == "waiting-for-headers":
                wait_until(lambda: bool(mock.requests))
            else:
                client.read_until(b"\n\n")
        if phase != "connecting":
            assert mock.last_ended().outcome == "aborted"  # how soon it is, `make bench` measures
        wait_until(lambda: gateway.in_flight == 0)
        assert gateway.record().client_left


def test_leaving_after_the_last_byte_is_no_disconnect() -> None:
    with gateway_and_mock() as (gateway, mock):
        with RawClient(gateway.port) as client:
            client.post(chat("mock-gpt?tokens=3"))
            client.response()
        assert mock.last_ended().outcome == "complete"
        assert not gateway.record().client_left


def test_leaving_while_sending_the_body_reaches_no_upstream() -> None:
    with gateway_and_mock() as (gateway, mock):
        with RawClient(gateway.port) as client:
            client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 1000\r\n\r\n{")
            time.sleep(0.05)
        assert gateway.record().client_left
        assert not mock.requests


def test_drain_reads_on_for_usage_and_keep_to_the_end() -> None:
    for mode in ("drain", "keep"):
        with gateway_and_mock(stream={"on_disconnect": mode}) as (gateway, mock):
            with RawClient(gateway.port) as client:
                client.post(chat("mock-gpt?tokens=20&tps=20"))
                client.read_until(b"\n\n")
            assert mock.last_ended().outcome == "complete"
            record = gateway.record()
            assert record.client_left
            assert record.usage is not None
            assert record.usage.output_tokens == 20


@pytest.mark.parametrize(
    "fault",
    ["split-utf8", "byte-by-byte", "crlf", "cr", "no-final-blank-line", "bom", "ids", "one-big-chunk"],
)
def test_streams_that_are_cut_strangely_arrive_whole(fault: str) -> None:
    text = "grüße 🌊 \u2028 zeile"
    with gateway_and_mock() as (gateway, _mock), RawClient(gateway.port) as client:
        client.post(chat(f"mock-gpt?fault={fault}&echo=1&tokens=12", text=text))
        _status, _headers, body = client.response()
        parsed = events(body)
        assert content(parsed) == text
        assert parsed[-1] == "[DONE]"
        assert body.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))


def test_ids_survive_and_turn_heartbeats_to_the_form_without_a_blank_line() -> None:
    with (
        gateway_and_mock(stream={"heartbeat_s": 0.05}) as (gateway, _mock),
        RawClient(gateway.port) as client,
    ):
        client.post(chat("mock-gpt?fault=ids&tokens=5&tps=8"))
        _status, _headers, body = client.response()
        ids = [event.id for event in parse_events(body) if event.data is not None]
        assert len(ids) == len(set(ids))
        assert None not in ids
        assert b": heartbeat\n" in body
        assert b": heartbeat\n\n" not in body


def test_a_slow_client_pauses_the_upstream_and_loses_nothing() -> None:
    with gateway_and_mock() as (gateway, mock), RawClient(gateway.port) as client:
        client.post(chat("mock-gpt?tokens=10000&seed=1", n=8))
        client.read_head()
        written = -1
        while written != mock.last.bytes_written:  # until it stands still
            assert not mock.last.ended, "the answer was not held back"
            written = mock.last.bytes_written
            time.sleep(0.5)
        rest = client.read_until(b"0\r\n\r\n")
        assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert mock.last_ended().outcome == "complete"


def test_errors_before_the_first_event_keep_status_body_and_headers() -> None:
    with gateway_and_mock() as (gateway, _mock), RawClient(gateway.port) as client:
        client.post(chat("fault-http-429"))
        status, headers, body = client.response()
        assert status == 429
        assert "retry-after" in headers
        assert any(name.startswith("x-ratelimit-") for name in headers)
        assert msgspec.json.decode(body)["error"]["message"]
        client.post(chat("fault-http-500-html"))
        status, headers, body = client.response()
        assert status == 500
        assert body.startswith(b"<!doctype html>")


def test_client_and_upstream_may_differ_in_streaming_both_ways() -> None:
    with gateway_and_mock() as (gateway, _mock), RawClient(gateway.port) as client:
        client.post(chat("mock-gpt?fault=json-instead-of-stream&seed=3"))
        _status, headers, body = client.response()
        assert headers["content-type"] == "text/event-stream"
        parsed = events(body)
        assert parsed[-1] == "[DONE]"
        client.post(chat("mock-gpt?fault=stream-instead-of-json&seed=3", stream=False))
        _status, headers, body = client.response()
        assert headers["content-type"] == "application/json"
        assert msgspec.json.decode(body)["choices"][0]["message"]["content"] == content(parsed)


def test_usage_is_asked_for_recorded_and_hidden_from_clients_that_did_not_ask() -> None:
    with gateway_and_mock() as (gateway, mock), RawClient(gateway.port) as client:
        client.post(chat("mock-gpt?tokens=7"))
        _status, _headers, body = client.response()
        assert b'"usage":{' not in body
        assert msgspec.json.decode(mock.last.body)["stream_options"] == {"include_usage": True}
        record = gateway.record()
        assert record.usage is not None
        assert record.usage.output_tokens == 7
        client.post(chat("mock-gpt?tokens=7", stream_options={"include_usage": True}))
        _status, _headers, body = client.response()
        assert events(body)[-2]["choices"] == []


def test_the_clients_key_stays_here_and_the_upstreams_key_goes_up() -> None:
    with gateway_and_mock() as (gateway, mock), RawClient(gateway.port) as client:
        client.post(chat(), headers={"authorization": "Bearer sk-client", "cookie": "a=b", "x-api-key": "k"})
        client.response()
        sent = dict(mock.last.headers)
        assert sent["authorization"] == "Bearer sk-upstream"
        assert sent["accept-encoding"] == "identity"
        assert not {"cookie", "x-api-key"} & sent.keys()
