"""Invariants of the design that need a whole gateway: release, one runtime per request, observers, secrets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from harness import RawClient, chat, gateway_and_mock, running_gateway, wait_until

from sluiceway.config.load import settings_from
from sluiceway.mock.testing import running_mock
from sluiceway.observe.record import Record


def test_an_observer_that_fails_hurts_neither_client_nor_the_next_observer() -> None:
    def broken(_record: Record) -> None:
        raise RuntimeError("observer")

    next_one: list[Record] = []
    with (
        running_mock() as mock,
        running_gateway(
            {"upstreams": [{"name": "mock", "base_url": mock.base_url}]}, observers=(broken, next_one.append)
        ) as gateway,
        RawClient(gateway.port) as client,
    ):
        for _ in range(2):
            client.post(chat("mock-gpt?tokens=3"))
            status, _headers, body = client.response()
            assert status == 200
            assert body.endswith(b"data: [DONE]\n\n")
        wait_until(lambda: len(next_one) == 2)


def test_a_running_stream_keeps_the_runtime_it_began_with() -> None:
    with gateway_and_mock() as (gateway, mock), RawClient(gateway.port) as client:
        client.post(chat("mock-gpt?tokens=20&tps=50"))
        client.read_until(b"\n\n")
        nowhere = {"upstreams": [{"name": "nowhere", "base_url": "http://127.0.0.1:1/v1"}]}
        gateway.server.gateway.apply(settings_from(nowhere, {}))
        assert client.read_until(b"0\r\n\r\n").endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        client.post(chat())
        assert client.response()[0] == 502
        assert mock.last_ended().outcome == "complete"


def test_a_full_upstream_turns_requests_away_and_takes_them_again() -> None:
    nobody_waits = {"max_waiting": 0}
    with gateway_and_mock(upstream={"max_in_flight": 1}, queue=nobody_waits) as (gateway, _mock):
        with RawClient(gateway.port) as first, RawClient(gateway.port) as second:
            first.post(chat("fault-stall"))
            first.read_until(b"\n\n")
            second.post(chat())
            status, headers, body = second.response()
            assert status == 503
            assert headers["retry-after"] == "1"
            assert msgspec.json.decode(body)["error"]["code"] == "gateway_overloaded"
        wait_until(lambda: gateway.in_flight == 0)
        with RawClient(gateway.port) as third:
            third.post(chat("mock-gpt?tokens=2"))
            assert third.response()[0] == 200


@pytest.mark.parametrize(
    "model", ["mock-gpt?tokens=2", "fault-rst", "fault-eof", "fault-http-500", "fault-rst-before"]
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_was_taken_is_given_back_however_it_ends(model: str, stream: bool) -> None:
    with gateway_and_mock() as (gateway, _mock):
        for _ in range(3):
            with RawClient(gateway.port) as client:
                client.post(chat(model, stream=stream))
                client.response()
        wait_until(lambda: gateway.in_flight == 0 and not gateway.server.gateway.active)
        pool = gateway.server.gateway.pool
        wait_until(lambda: pool.open_count == pool.idle_count)


def test_several_keys_of_an_upstream_are_used_in_turn() -> None:
    with gateway_and_mock(upstream={"api_keys": ["sk-a", "sk-b"]}) as (gateway, mock):
        with RawClient(gateway.port) as client:
            for _ in range(3):
                client.post(chat(stream=False))
                client.response()
        used = [dict(request.headers)["authorization"] for request in mock.requests]
        assert used == ["Bearer sk-a", "Bearer sk-b", "Bearer sk-a"]


def test_a_credential_among_an_upstreams_headers_keeps_the_clients_own_here() -> None:
    upstream: dict[str, Any] = {"api_keys": [], "headers": {"X-Api-Key": "sk-up"}}
    with gateway_and_mock(upstream=upstream) as (gateway, mock), RawClient(gateway.port) as client:
        client.post(chat(stream=False), headers={"authorization": "Bearer sk-client"})
        client.response()
        sent = dict(mock.last.headers)
        assert sent["x-api-key"] == "sk-up"
        assert "authorization" not in sent


def test_without_keys_on_either_side_the_clients_own_key_goes_up() -> None:
    with gateway_and_mock(upstream={"api_keys": []}) as (gateway, mock), RawClient(gateway.port) as client:
        client.post(chat(stream=False), headers={"authorization": "Bearer sk-client"})
        client.response()
        assert dict(mock.last.headers)["authorization"] == "Bearer sk-client"


def test_no_record_holds_a_key_or_a_prompt() -> None:
    with gateway_and_mock() as (gateway, _mock), RawClient(gateway.port) as client:
        client.post(chat(text="a secret thought"), headers={"authorization": "Bearer sk-client"})
        client.response()
        line = msgspec.json.encode(gateway.record().as_log())
        for secret in (b"a secret thought", b"sk-client", b"sk-upstream"):
            assert secret not in line
