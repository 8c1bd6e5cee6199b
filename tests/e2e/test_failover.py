"""Several upstreams, for real: what moves to the next one, what never does, and what the client sees of it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from harness import RawClient, RunningGateway, chat, running_gateway, wait_until

from sluiceway.errors import UpstreamTruncated
from sluiceway.exchange import Exchange
from sluiceway.mock.settings import MockSettings
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.policy.selection import Pick
from sluiceway.wire.sse import parse_events

Table = dict[str, Any]

HELLO = [{"role": "user", "content": "hello"}]
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "images": "/v1/images/generations",
}
BODIES: dict[str, Table] = {
    "chat": {"model": "mock-gpt", "messages": HELLO},
    "responses": {"model": "mock-gpt", "input": "hello"},
    "messages": {"model": "mock-gpt", "messages": HELLO, "max_tokens": 99},
    "images": {"model": "mock-image", "prompt": "a hill", "size": "1024x1024"},
}


@contextlib.contextmanager
def gateway_over(
    *faults: str | MockSettings, upstreams: list[Table] | None = None, **config: Any
) -> Iterator[tuple[RunningGateway, list[RunningMock]]]:
    """A gateway in front of one provider for each fault ("" for none), asked in that order."""
    with contextlib.ExitStack() as stack:
        mocks = []
        tables = []
        for index, fault in enumerate(faults):
            settings = fault if isinstance(fault, MockSettings) else MockSettings(fault=fault, seed=3)
            mock = stack.enter_context(running_mock(settings))
            mocks.append(mock)
            extra = upstreams[index] if upstreams else {}
            tables.append(
                {"name": "abcdef"[index], "base_url": mock.base_url, "api_keys": ["sk-up"], **extra}
            )
        gateway = stack.enter_context(running_gateway({"upstreams": tables, **config}))
        yield gateway, mocks


def ask(
    gateway: RunningGateway, dialect: str = "chat", *, stream: bool = True, **extra: Any
) -> tuple[int, bytes]:
    with RawClient(gateway.port) as client:
        body = {**BODIES[dialect], "stream": stream, **extra}
        headers = {"anthropic-version": "2023-06-01"} if dialect == "messages" else {}
        client.post(body, path=PATHS[dialect], headers=headers)
        status, _headers, answer = client.response()
        return status, answer


def events(body: bytes) -> int:
    """How many there are; the gateway's pings are its own."""
    return sum(event.event != b"ping" for event in parse_events(body))


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# ── what moves ──────────────────────────────────────────────────────────────────────────────────────

MOVES = [
    "http-500",
    "http-500-html",
    "http-429",
    "error-first",
    "rst-before",
    "empty-body",
    "garbage",
    "rst:0",
    "cut:0",
]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages", "images"])
@pytest.mark.parametrize("fault", MOVES)
def test_a_failure_before_the_first_event_moves_to_the_next_upstream(
    fault: str, dialect: str, stream: bool
) -> None:
    with gateway_over(fault, "") as (gateway, (broken, well)):
        status, body = ask(gateway, dialect, stream=stream)
        assert status == 200
        assert len(broken.requests) == 1
        assert len(well.requests) == 1
        with RawClient(well.port) as direct:
            asked = {**BODIES[dialect], "stream": stream}
            headers = {"anthropic-version": "2023-06-01"} if dialect == "messages" else {}
            direct.post(asked, path=PATHS[dialect], headers=headers)
            _status, _headers, expected = direct.response()
        if dialect != "images":  # whose ids and times differ
            assert events(body) == events(expected)
        record = gateway.record()
        assert record.upstream == "b"
        assert record.error_code is None
        assert [one.upstream for one in record.attempts] == ["a", "b"]
        assert record.attempts[0].error_code is not None
        wait_until(lambda: gateway.in_flight == 0)


def test_a_refused_connection_moves() -> None:
    nobody = {"base_url": f"http://127.0.0.1:{unused_port()}/v1"}
    with gateway_over("", "", upstreams=[nobody, {}]) as (gateway, (_, well)):
        assert ask(gateway)[0] == 200
        assert len(well.requests) == 1
        assert gateway.record().attempts[0].error_code == "upstream_unreachable"


def test_a_timeout_moves_and_heartbeats_bridge_the_time() -> None:
    stream = {"heartbeat_s": 0.1, "commit_after_s": 0.2}
    hasty: Table = {"stream": {"first_event_s": 0.6}}
    with gateway_over("silent", "", upstreams=[hasty, {}], stream=stream) as (gateway, (silent, well)):
        status, body = ask(gateway)
        assert status == 200
        assert body.startswith(b": heartbeat\n\n")
        assert body.endswith(b"data: [DONE]\n\n")
        assert b'"error"' not in body
        assert silent.last_ended().outcome == "aborted"
        assert len(well.requests) == 1
        assert gateway.record().attempts[0].error_code == "upstream_timeout_first_event"


@pytest.mark.parametrize("fault", ["http-500", "error-first", "empty-body", "rst:0"])
def test_it_moves_after_heartbeats_too(fault: str) -> None:
    slow = MockSettings(fault=fault, ttft=0.4)
    stream = {"heartbeat_s": 0.1, "commit_after_s": 0.0}
    with gateway_over(slow, "", stream=stream) as (gateway, _):
        status, body = ask(gateway)
        assert status == 200
        assert body.startswith(b": heartbeat\n\n")
        assert body.endswith(b"data: [DONE]\n\n")
        assert b'"error"' not in body
        assert gateway.record().upstream == "b"


def test_the_sdks_see_nothing_of_it() -> None:
    with gateway_over("http-500", "rst-before", "") as (gateway, _):
        with openai.OpenAI(base_url=gateway.base_url, api_key="any", max_retries=0) as client:
            answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
            assert answer.choices[0].message.content
            chunks = list(
                client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "Hi"}], stream=True
                )
            )
            assert chunks[-1].choices[0].finish_reason == "stop"
        with anthropic.Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as claude:
            message = claude.messages.create(
                model="m", max_tokens=99, messages=[{"role": "user", "content": "Hi"}]
            )
            assert message.stop_reason == "end_turn"


def test_translation_is_a_way_out_too() -> None:
    tables: list[Table] = [{"dialects": ["messages"]}, {"dialects": ["chat"]}]
    with gateway_over("http-500", "", upstreams=tables) as (gateway, _):
        status, body = ask(gateway, "messages")
        assert status == 200
        assert b"message_stop" in body
        record = gateway.record()
        assert (record.upstream, record.translated_to) == ("b", "chat")


# ── what never moves ────────────────────────────────────────────────────────────────────────────────


def test_the_clients_own_mistake_is_not_repeated_elsewhere() -> None:
    with gateway_over("http-400", "") as (gateway, (_, other)):
        assert ask(gateway)[0] == 400
        assert other.requests == []
        assert gateway.record().attempts[0].error_code is None


@pytest.mark.parametrize("fault", ["rst:3", "eof:3", "error-mid:3", "stall:60"])
def test_after_the_first_real_event_there_is_no_silent_retry(fault: str) -> None:
    with gateway_over(fault, "", stream={"idle_s": 0.4}) as (gateway, (_, other)):
        status, body = ask(gateway)
        assert status == 200
        assert body.count(b'"error"') == 1
        assert b"[DONE]" not in body
        assert other.requests == []


def test_what_an_operator_does_not_list_does_not_move() -> None:
    with gateway_over("http-500", "", upstreams=[{"failover_on": ["connect"]}, {}]) as (gateway, (_, other)):
        assert ask(gateway)[0] == 500
        assert other.requests == []


def test_attempts_are_bounded_and_the_last_error_is_the_answer() -> None:
    with gateway_over("http-500", "http-500", "http-429", "", failover={"max_attempts": 3}) as (
        gateway,
        mocks,
    ):
        status, body = ask(gateway)
        assert status == 429
        assert b"error" in body
        assert [len(mock.requests) for mock in mocks] == [1, 1, 1, 0]


def test_a_single_upstream_is_asked_again_after_a_pause_and_then_gives_its_own_error() -> None:
    with gateway_over("http-500", failover={"backoff_s": 0.01}) as (gateway, (mock,)):
        status, body = ask(gateway)
        assert status == 500
        assert len(mock.requests) == 3
        with RawClient(mock.port) as direct:
            direct.post(chat())
            assert body == direct.response()[2]


def test_a_lone_key_that_is_limited_is_left_alone_for_as_long_as_was_asked_for() -> None:
    with gateway_over("http-429:7") as (gateway, (mock,)):
        with RawClient(gateway.port) as client:
            client.post(chat())
            status, headers, _ = client.response()
            assert (status, headers["retry-after"]) == (429, "7")
            client.post(chat())
            status, headers, body = client.response()
        assert status == 429
        assert 1 <= int(headers["retry-after"]) <= 7
        assert b"rate_limited" in body
        assert len(mock.requests) == 1


def test_a_streamed_upload_is_sent_once() -> None:
    with gateway_over("http-500", "") as (gateway, (_, other)):
        with RawClient(gateway.port) as client:
            client.post(b"x" * (3 * 1024 * 1024), path="/v1/files")
            assert client.read_head()[0] >= 400
        assert other.requests == []


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_limited_key_is_followed_by_the_upstreams_next_one() -> None:
    keys = {"api_keys": ["sk-1", "sk-2"]}
    with gateway_over("http-429", "", upstreams=[keys, {}]) as (gateway, (limited, other)):
        assert ask(gateway)[0] == 200
        sent = [record.header("authorization") for record in limited.requests]
        assert sent == ["Bearer sk-1", "Bearer sk-2"]
        assert len(other.requests) == 1
        assert [one.key for one in gateway.record().attempts] == [0, 1, 0]


def test_a_client_whose_own_credentials_are_refused_is_told() -> None:
    with gateway_over("", upstreams=[{"api_keys": []}]) as (gateway, _):
        assert ask(gateway)[0] == 200


# ── hedging ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_slow_upstream_is_overtaken_and_aborted() -> None:
    models = [{"name": "*", "upstreams": ["a", "b"], "hedge_after_s": 0.2}]
    slow = MockSettings(ttft=30.0)
    with gateway_over(slow, "", models=models) as (gateway, (tortoise, hare)):
        status, body = ask(gateway)
        assert status == 200
        assert body.endswith(b"data: [DONE]\n\n")
        assert tortoise.last_ended().outcome == "aborted"
        assert hare.last_ended().outcome == "complete"
        record = gateway.record()
        assert record.hedged
        assert record.upstream == "b"
        wait_until(lambda: gateway.in_flight == 0)


def test_a_quick_upstream_is_not_hedged() -> None:
    models = [{"name": "*", "upstreams": ["a", "b"], "hedge_after_s": 30.0}]
    with gateway_over("", "", models=models) as (gateway, (_, other)):
        assert ask(gateway)[0] == 200
        assert other.requests == []
        assert not gateway.record().hedged


def test_the_hedge_failing_leaves_the_first_one_alone() -> None:
    models = [{"name": "*", "upstreams": ["a", "b"], "hedge_after_s": 0.1}]
    with gateway_over(MockSettings(ttft=0.6), "http-500", models=models) as (gateway, _):
        status, body = ask(gateway)
        assert status == 200
        assert body.endswith(b"data: [DONE]\n\n")
        assert gateway.record().upstream_status == 200
        wait_until(lambda: gateway.in_flight == 0)


def test_a_client_that_leaves_takes_both_with_it() -> None:
    models = [{"name": "*", "upstreams": ["a", "b"], "hedge_after_s": 0.05}]
    with gateway_over(MockSettings(ttft=30), MockSettings(ttft=30), models=models) as (gateway, mocks):
        with RawClient(gateway.port) as client:
            client.post(chat())
            wait_until(lambda: all(mock.requests for mock in mocks))
        for mock in mocks:
            assert mock.last_ended().outcome == "aborted"
        wait_until(lambda: gateway.in_flight == 0)


@pytest.mark.parametrize("left", [True, False])
def test_a_hedge_that_comes_a_moment_too_late_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    hedge = Exchange._hedge

    def over_in_the_same_turn(self: Exchange, slow: Pick) -> None:
        """What may happen between the decision to ask and the first step of the task that does."""
        hedge(self, slow)
        if left:
            self.relay.client_gone()
        else:
            self.relay.stop(UpstreamTruncated("the first one broke just now"))

    monkeypatch.setattr(Exchange, "_hedge", over_in_the_same_turn)
    models = [{"name": "*", "upstreams": ["a", "b"], "hedge_after_s": 0.1}]
    with gateway_over(MockSettings(ttft=30), "", models=models) as (gateway, (_, other)):
        with RawClient(gateway.port) as client:
            client.post(chat(stream=False))
            if not left:
                assert client.response()[0] == 502
                client.socket.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    client.socket.recv(1)  # not the answer of somebody who should not have been asked
        wait_until(lambda: gateway.in_flight == 0 and not gateway.server.gateway.active)
        assert other.requests == []


# ── taking up a broken answer ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_a_stream_that_broke_is_taken_up_by_another_upstream(dialect: str) -> None:
    models = [{"name": "*", "upstreams": ["a"], "continue_on": ["b"]}]
    with gateway_over("rst:6", "", upstreams=[{}, {"prefill": "plain"}], models=models) as (
        gateway,
        (_, other),
    ):
        status, body = ask(gateway, dialect)
        assert status == 200
        assert body.count(b": continued by b") == 1
        assert b'"error"' not in body
        assert b"[DONE]" in body if dialect == "chat" else b"message_stop" in body
        assert '"role":"assistant"' in other.last.body.replace(" ", "")
        record = gateway.record()
        assert record.continued == 1
        assert record.error_code is None
        assert [one.upstream for one in record.attempts] == ["a", "b"]


def test_the_sdks_read_a_continued_stream_as_one() -> None:
    models = [{"name": "*", "upstreams": ["a"], "continue_on": ["b"]}]
    with gateway_over("rst:6", "", upstreams=[{}, {"prefill": "plain"}], models=models) as (gateway, _):
        with openai.OpenAI(base_url=gateway.base_url, api_key="any", max_retries=0) as client:
            chunks = list(
                client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "Hi"}], stream=True
                )
            )
            assert len({chunk.id for chunk in chunks}) == 1
            assert chunks[-1].choices[0].finish_reason == "stop"
        with (
            anthropic.Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as claude,
            claude.messages.stream(
                model="m", max_tokens=99, messages=[{"role": "user", "content": "Hi"}]
            ) as stream,
        ):
            assert stream.get_final_message().stop_reason == "end_turn"


def test_half_a_tool_call_is_never_continued() -> None:
    models = [{"name": "*", "upstreams": ["a"], "continue_on": ["b"]}]
    broken = MockSettings(fault="rst:3", tools=1)
    with gateway_over(broken, "", upstreams=[{}, {"prefill": "plain"}], models=models) as (
        gateway,
        (_, other),
    ):
        _status, body = ask(gateway)
        assert body.count(b'"error"') == 1
        assert other.requests == []


# ── what is learnt ──────────────────────────────────────────────────────────────────────────────────


def test_an_upstream_that_keeps_failing_is_left_alone() -> None:
    health = {"max_failures": 3, "open_s": 60}
    with gateway_over("http-500", "", health=health) as (gateway, (broken, well)):
        for _ in range(8):
            assert ask(gateway)[0] == 200
        assert len(broken.requests) == 3
        assert len(well.requests) == 8


def test_an_active_check_finds_out_before_a_client_does() -> None:
    health = {"check_path": "/models", "check_interval_s": 0.1, "open_s": 60}
    nobody = {"base_url": f"http://127.0.0.1:{unused_port()}/v1"}
    with gateway_over("", "", upstreams=[nobody, {}], health=health) as (gateway, _):
        breaker = gateway.server.gateway.upstreams["a"].breaker
        wait_until(lambda: not breaker.closed)
        assert ask(gateway)[0] == 200
        assert [one.upstream for one in gateway.record().attempts] == ["b"]
