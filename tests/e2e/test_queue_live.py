"""Waiting for a place, for real: what those who wait are told, who is next, and that no place is ever lost."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from harness import RawClient, RunningGateway, bearer, chat, key_table, running_gateway, wait_until
from turnstile import Turnstile, crowd, running_turnstile

from sluiceway.mock.settings import MockSettings
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.policy.fair_share import most_turns_before
from sluiceway.wire.sse import parse_events

Pair = tuple[RunningGateway, RunningMock]

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "mock-gpt", "messages": HELLO}),
    "responses": ("/v1/responses", {"model": "mock-gpt", "input": "hello"}),
    "messages": ("/v1/messages", {"model": "mock-gpt", "messages": HELLO, "max_tokens": 99}),
    "images": ("/v1/images/generations", {"model": "mock-gpt", "prompt": "a hill", "size": "1024x1024"}),
}
QUICK = {"commit_after_s": 0.05, "heartbeat_s": 0.05}
GO = {"user-agent": "OpenAI/Go 3.41.0"}
CODEX = {"user-agent": "codex_cli_rs/0.98.0 (Linux)"}

NOTE = rb": queued, position \d+(?:, about \d+ s)?"
BLOCK, LINE = NOTE + rb"\n\n", NOTE + rb"\n"
PING = NOTE + rb'\nevent: ping\ndata: {"type": "ping"}\n\n'

# One place: at the gateway, at the upstream, or of the key.
ONE_PLACE: dict[str, dict[str, Any]] = {
    "gateway": {"server": {"max_in_flight": 1}},
    "upstream": {"upstream": {"max_in_flight": 1}},
    "key": {"keys": [key_table("only", max_in_flight=1)]},
}


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock(MockSettings(seed=7)) as running:
        yield running


@pytest.fixture(scope="module")
def pair(mock: RunningMock) -> Iterator[Pair]:
    with running_gateway({"upstreams": [{"name": "mock", "base_url": mock.base_url}]}) as gateway:
        yield gateway, mock


@contextlib.contextmanager
def narrow(pair: Pair, place: str = "gateway", **more: Any) -> Iterator[RunningGateway]:
    """A gateway that answers one request at a time: the same for all tests, configured anew for each."""
    gateway, mock = pair
    tables = {**ONE_PLACE[place], **more}
    upstream = {
        "name": "mock",
        "base_url": mock.base_url,
        "api_keys": ["sk-up"],
        "include_usage": False,
        **tables.pop("upstream", {}),
    }
    gateway.apply({"stream": QUICK, **tables, "upstreams": [upstream]})
    gateway.records.clear()
    yield gateway
    wait_until(lambda: gateway.idle)


@contextlib.contextmanager
def occupied(
    gateway: RunningGateway, model: str = "fault-stall-between", key: str = "only"
) -> Iterator[RawClient]:
    """Somebody has a place for as long as the body runs, or until that client is closed."""
    before = gateway.in_flight
    with RawClient(gateway.port) as client:
        client.post(chat(model), headers=bearer(key))
        client.read_until(b"\n\n")
        assert gateway.in_flight == before + 1
        yield client


def post(
    client: RawClient,
    dialect: str = "chat",
    *,
    stream: bool = True,
    key: str = "only",
    headers: dict[str, str] | None = None,
) -> None:
    path, body = ASKED[dialect]
    more = {"anthropic-version": "2023-06-01"} if dialect == "messages" else {}
    client.post({**body, "stream": stream}, path=path, headers={**bearer(key), **more, **(headers or {})})


def straight(mock: RunningMock, dialect: str, *, stream: bool = True) -> bytes:
    """The provider's own answer."""
    with RawClient(mock.port) as client:
        post(client, dialect, stream=stream)
        return client.response()[2]


def asked_so_far(mock: RunningMock) -> int:
    return mock.last.number if mock.requests else 0


def real_events(body: bytes) -> list[tuple[bytes | None, bytes]]:
    """Without what keeps a stream alive, and without comments alone."""
    events = [(event.event, event.data) for event in parse_events(body)]
    return [(name, data) for name, data in events if data and name not in (b"ping", b"keepalive")]


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ONE_PLACE)
@pytest.mark.parametrize(
    ("dialect", "headers", "form"),
    [
        ("chat", {}, BLOCK),
        ("chat", GO, LINE),
        ("responses", {}, BLOCK),
        ("images", {}, BLOCK),
        ("responses", CODEX, rb": queued, position 1[^\n]*\nevent: [a-z_.]+\ndata: [^\n]+\n\n"),
        ("messages", {}, PING),
    ],
    ids=["chat", "openai-go", "responses", "images", "codex", "messages"],
)
def test_a_waiting_stream_is_told_its_place_and_then_follows_whole(
    pair: Pair, place: str, dialect: str, headers: dict[str, str], form: bytes
) -> None:
    with narrow(pair, place) as gateway, RawClient(gateway.port) as waiting:
        with occupied(gateway):
            post(waiting, dialect, headers=headers)
            status, head = waiting.read_head()
            assert (status, head["content-type"]) == (200, "text/event-stream")
            beats = waiting.read_until(b"position 1") + waiting.read_until(b"position 1")
            assert gateway.waiting == 1
        body = unchunked(beats + waiting.read_until(b"0\r\n\r\n"))
        told = re.match(rb"(?:" + form + rb"){2,}", body)
        assert told, body[:300]
        if form == LINE:
            assert b"\n\n" not in told[0]
        answer = body[told.end() :]
        assert real_events(answer) == real_events(straight(pair[1], dialect))
        assert b"queued" not in answer
        wait_until(lambda: len(gateway.records) == 2)
        record = gateway.records[-1]
        assert (record.error_code, record.committed_by) == (None, "silence")
        assert record.queued_ms > 0
        assert record.heartbeats >= 2


def unchunked(data: bytes) -> bytes:
    """The body of a chunked response, of which `data` is the end or all."""
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body += data[:length]
        data = data[length + 2 :]
    return body


def test_everyone_is_told_their_own_place_and_it_moves(pair: Pair) -> None:
    with narrow(pair) as gateway, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(gateway.port)) for _ in range(3)]
        with occupied(gateway):
            for place, client in enumerate(clients, 1):
                post(client)
                wait_until(lambda place=place: gateway.waiting == place)  # type: ignore[misc]
            for place, client in enumerate(clients, 1):
                client.read_until(b": queued, position %d" % place)
            clients[0].socket.close()
            clients[2].read_until(b": queued, position 2")
            clients[1].read_until(b": queued, position 1")
        for client in clients[1:]:
            client.read_until(b"[DONE]")


def test_a_wait_is_estimated_once_the_queue_has_moved(pair: Pair) -> None:
    with narrow(pair) as gateway, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(gateway.port)) for _ in range(4)]
        with occupied(gateway):
            for client in clients:
                client.post(chat("mock-gpt?tokens=3&tps=10"))
            wait_until(lambda: gateway.waiting == 4)
        told = b"".join(client.read_until(b"[DONE]") for client in clients)
        assert re.search(rb": queued, position \d, about \d+ s\n\n", told)


@pytest.mark.parametrize("place", ONE_PLACE)
def test_the_sdks_read_a_stream_that_had_to_wait(pair: Pair, place: str) -> None:
    with (
        narrow(pair, place) as gateway,
        ThreadPoolExecutor(3) as pool,
        openai.OpenAI(base_url=gateway.base_url, api_key="sk-only", max_retries=0) as client,
        anthropic.Anthropic(base_url=gateway.url, api_key="sk-only", max_retries=0) as claude,
    ):

        def chats() -> str | None:
            stream = client.chat.completions.create(model="mock-gpt", messages=HELLO, stream=True)
            return list(stream)[-1].choices[0].finish_reason

        def responds() -> str:
            return list(client.responses.create(model="mock-gpt", input="hello", stream=True))[-1].type

        def messages() -> str | None:
            with claude.messages.stream(model="mock-gpt", max_tokens=99, messages=HELLO) as stream:
                return stream.get_final_message().stop_reason

        with occupied(gateway):
            answers = [pool.submit(each) for each in (chats, responds, messages)]
            wait_until(lambda: gateway.waiting == told_to_wait(gateway) == 3)
        assert [answer.result(30) for answer in answers] == ["stop", "response.completed", "end_turn"]
        wait_until(lambda: len(gateway.records) == 4)
        assert all(record.heartbeats for record in gateway.records[1:])


def told_to_wait(gateway: RunningGateway) -> int:
    """How many of those for `mock-gpt` have had a heartbeat."""
    running = list(gateway.server.gateway.active.values())
    return sum(one.record.model == "mock-gpt" and bool(one.record.heartbeats) for one in running)


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_waiting_json_request_gets_a_whole_answer_and_nothing_before(pair: Pair) -> None:
    with narrow(pair) as gateway, RawClient(gateway.port) as waiting:
        with occupied(gateway):
            post(waiting, stream=False)
            wait_until(lambda: gateway.waiting == 1)
            time.sleep(0.15)
            waiting.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                waiting.socket.recv(1)
            waiting.socket.settimeout(30)
        status, headers, body = waiting.response()
        assert (status, "content-length" in headers) == (200, True)
        assert body == straight(pair[1], "chat", stream=False)


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_a_waiting_json_request_is_kept_alive_by_white_space_where_configured(
    pair: Pair, dialect: str
) -> None:
    with (
        narrow(pair, stream={"json_heartbeat_s": 0.05}) as gateway,
        RawClient(gateway.port) as waiting,
    ):
        with occupied(gateway):
            post(waiting, dialect, stream=False)
            status, headers = waiting.read_head()
            assert (status, headers["content-type"]) == (200, "application/json")
            for _ in range(3):
                waiting.read_until(b"1\r\n\n\r\n")
        body = waiting.read_body(headers)
        assert body.lstrip() == straight(pair[1], dialect, stream=False)


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ONE_PLACE)
@pytest.mark.parametrize("when", ["json", "stream", "stream-after-heartbeats"])
def test_who_leaves_the_queue_leaves_nothing_behind(pair: Pair, place: str, when: str) -> None:
    stream = QUICK if when == "stream-after-heartbeats" else {}
    with narrow(pair, place, stream=stream) as gateway:
        asked = asked_so_far(pair[1])
        with occupied(gateway):
            with RawClient(gateway.port) as leaving:
                post(leaving, stream=when != "json")
                wait_until(lambda: gateway.waiting == 1)
                if when == "stream-after-heartbeats":
                    leaving.read_until(b"queued")
            wait_until(lambda: gateway.waiting == 0)
            wait_until(lambda: len(gateway.records) == 1)
            record = gateway.record()
            assert (record.client_left, record.error_code, record.attempts) == (True, "client_gone", ())
            assert gateway.in_flight == 1
        wait_until(lambda: gateway.idle)
        assert asked_so_far(pair[1]) == asked + 1
        with RawClient(gateway.port) as next_one:
            post(next_one, stream=False)
            assert next_one.response()[0] == 200


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("dialect", ASKED)
@pytest.mark.parametrize("max_waiting", [0, 1])
def test_a_full_queue_is_a_503_in_the_dialects_shape(
    pair: Pair, max_waiting: int, dialect: str, stream: bool
) -> None:
    queue = {"max_waiting": max_waiting}
    with narrow(pair, queue=queue) as gateway, occupied(gateway), contextlib.ExitStack() as stack:
        for _ in range(max_waiting):
            post(stack.enter_context(RawClient(gateway.port)))
        wait_until(lambda: gateway.waiting == max_waiting)
        with RawClient(gateway.port) as refused:
            post(refused, dialect, stream=stream)
            status, headers, body = refused.response()
        assert status == 503
        assert int(headers["retry-after"]) >= 1
        document = msgspec.json.decode(body)
        assert document["error"]["code"] == "gateway_overloaded"
        assert document["error"]["type"] == "overloaded_error"
        assert document.get("type") == ("error" if dialect == "messages" else None)


@pytest.mark.parametrize("place", ONE_PLACE)
def test_no_queue_makes_every_limit_a_refusal(pair: Pair, place: str) -> None:
    with narrow(pair, place, queue={"max_waiting": 0}) as gateway:
        with occupied(gateway), RawClient(gateway.port) as refused:
            post(refused)
            status, _, body = refused.response()
            assert (status, b"gateway_overloaded" in body) == (503, True)
        wait_until(lambda: gateway.idle)
        with RawClient(gateway.port) as client:
            post(client, stream=False)
            assert client.response()[0] == 200


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_too_long_a_wait_is_a_503_before_anything_was_sent(pair: Pair, dialect: str, stream: bool) -> None:
    with (
        narrow(pair, queue={"max_wait_s": 0.1}, stream={}) as gateway,
        occupied(gateway),
        RawClient(gateway.port) as waiting,
    ):
        post(waiting, dialect, stream=stream)
        status, headers, body = waiting.response()
        assert status == 503
        assert int(headers["retry-after"]) >= 1
        assert msgspec.json.decode(body)["error"]["code"] == "queue_timeout"
        assert gateway.record().attempts == ()


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_too_long_a_wait_is_an_in_band_error_after_heartbeats(pair: Pair, dialect: str) -> None:
    with (
        narrow(pair, queue={"max_wait_s": 0.8}) as gateway,
        occupied(gateway),
        RawClient(gateway.port) as waiting,
    ):
        post(waiting, dialect)
        status, _, body = waiting.response()
        assert status == 200
        assert body.count(b"queued, position 1") >= 2
        assert body.count(b'"queue_timeout"') == 1
        assert b"[DONE]" not in body
        assert (b"event: error" in body) == (dialect != "chat")
        record = gateway.record()
        assert (record.error_code, record.status) == ("queue_timeout", 200)


def test_too_long_a_wait_after_white_space_is_an_error_body(pair: Pair) -> None:
    with (
        narrow(pair, queue={"max_wait_s": 0.8}, stream={"json_heartbeat_s": 0.05}) as gateway,
        occupied(gateway),
        RawClient(gateway.port) as waiting,
    ):
        post(waiting, stream=False)
        status, _, body = waiting.response()
        assert (status, body[:2]) == (200, b"\n\n")
        assert msgspec.json.decode(body)["error"]["code"] == "queue_timeout"


def test_a_key_with_many_waiting_makes_room_for_one_with_none(pair: Pair) -> None:
    keys = [key_table("many"), key_table("few"), key_table("only")]
    with (
        narrow(pair, keys=keys, queue={"max_waiting": 2}, stream={}) as gateway,
        contextlib.ExitStack() as stack,
    ):
        first, second, other = (stack.enter_context(RawClient(gateway.port)) for _ in range(3))
        with occupied(gateway):
            for waiting, client in enumerate((first, second), 1):
                post(client, key="many", stream=False)
                wait_until(lambda waiting=waiting: gateway.waiting == waiting)  # type: ignore[misc]
            post(other, key="few", stream=False)
            status, headers, body = second.response()
            assert (status, int(headers["retry-after"]) >= 1) == (503, True)
            assert b"gateway_overloaded" in body
            assert gateway.waiting == 2
        assert first.response()[0] == other.response()[0] == 200


# ── who is next ─────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def turning(keys: list[dict[str, Any]]) -> Iterator[tuple[RunningGateway, Turnstile]]:
    with running_turnstile() as turnstile:
        upstream = {"name": "turnstile", "base_url": turnstile.base_url, "api_keys": ["sk-up"]}
        server = {"max_in_flight": 1, "drain_s": 1}
        with running_gateway({"upstreams": [upstream], "keys": keys, "server": server}) as gateway:
            yield gateway, turnstile
            wait_until(lambda: gateway.idle)


def test_whoever_floods_the_queue_does_not_keep_the_one_request_of_another_waiting() -> None:
    keys = [key_table("flood"), key_table("calm")]
    with crowd() as clients, turning(keys) as (gateway, turnstile):
        for number in range(31):
            clients.ask(gateway.port, f"flood-{number}", key="flood")
        wait_until(lambda: gateway.waiting == 30 and bool(turnstile.held))
        for number in range(2):
            waiting, came = gateway.waiting, len(turnstile.came)
            clients.ask(gateway.port, f"calm-{number}", key="calm")
            wait_until(lambda waiting=waiting: gateway.waiting == waiting + 1)  # type: ignore[misc]
            while f"calm-{number}" not in turnstile.held:
                turnstile.let_next_go()
                wait_until(lambda: bool(turnstile.held))
            assert len(turnstile.came) - came <= most_turns_before(1, 1)
        turnstile.open()
        assert clients.statuses() == [200] * 33
        assert turnstile.most == 1


def test_turns_go_by_priority() -> None:
    keys = [key_table("vip", priority=3), key_table("plain")]
    with crowd() as clients, turning(keys) as (gateway, turnstile):
        clients.ask(gateway.port, "first", key="plain")
        wait_until(lambda: turnstile.held == ["first"])
        for number in range(12):
            clients.ask(gateway.port, f"plain-{number}", key="plain")
            clients.ask(gateway.port, f"vip-{number}", key="vip")
        wait_until(lambda: gateway.waiting == 24)
        turnstile.open()
        assert clients.statuses() == [200] * 25
        assert turnstile.most == 1
        turns = "".join(who[0] for who in turnstile.came[1:])
        while_both_wait = turns[: turns.rindex("v") + 1]
        assert 8 <= turns[:12].count("v") <= 10  # three of four
        assert "v" * (most_turns_before(1, 3) + 1) not in while_both_wait
        assert "pp" not in while_both_wait


def test_a_full_upstream_holds_up_nobody_who_is_not_bound_for_it(pair: Pair) -> None:
    with running_turnstile() as turnstile, crowd() as clients:
        tables = [
            {"name": "narrow", "base_url": turnstile.base_url, "max_in_flight": 1},
            {"name": "wide", "base_url": pair[1].base_url},
        ]
        models = [{"name": "n-*", "upstreams": ["narrow"]}, {"name": "*", "upstreams": ["wide"]}]
        with running_gateway({"upstreams": tables, "models": models}) as gateway:
            for number in range(4):
                clients.ask(gateway.port, str(number), model="n-1")
            wait_until(lambda: gateway.waiting == 3)
            with RawClient(gateway.port) as client:
                post(client, stream=False)
                assert client.response()[0] == 200
            assert gateway.waiting == 3
            turnstile.open()
            assert clients.statuses() == [200] * 4
            assert turnstile.most == 1
            wait_until(lambda: gateway.idle)


def test_a_full_upstream_is_passed_over_where_another_has_room(pair: Pair) -> None:
    with running_turnstile() as turnstile, crowd() as clients:
        tables = [
            {"name": "narrow", "base_url": turnstile.base_url, "max_in_flight": 1},
            {"name": "wide", "base_url": pair[1].base_url},
        ]
        with running_gateway({"upstreams": tables}) as gateway:
            clients.ask(gateway.port, "one")
            wait_until(lambda: len(turnstile.held) == 1)
            with RawClient(gateway.port) as client:
                post(client, stream=False)
                assert client.response()[0] == 200
            assert gateway.record().upstream == "wide"
            assert gateway.record().queued_ms == 0
            turnstile.open()
            assert clients.statuses() == [200]


# ── changes while somebody waits ────────────────────────────────────────────────────────────────────


def test_a_reload_with_more_room_lets_in_who_waits() -> None:
    with crowd() as clients, turning([]) as (gateway, turnstile):
        for number in range(4):
            clients.ask(gateway.port, str(number))
        wait_until(lambda: gateway.waiting == 3)
        table = {"name": "turnstile", "base_url": turnstile.base_url, "api_keys": ["sk-up"]}
        gateway.apply({"upstreams": [table], "server": {"max_in_flight": 3}})
        wait_until(lambda: len(turnstile.held) == 3)
        assert gateway.waiting == 1
        turnstile.open()
        assert clients.statuses() == [200] * 4
        assert turnstile.most == 3


def test_a_reload_with_more_room_at_an_upstream_lets_in_who_waits() -> None:
    with running_turnstile() as turnstile, crowd() as clients:
        table = {"name": "turnstile", "base_url": turnstile.base_url, "max_in_flight": 1}
        with running_gateway({"upstreams": [table]}) as gateway:
            for number in range(4):
                clients.ask(gateway.port, str(number))
            wait_until(lambda: gateway.waiting == 3)
            gateway.apply({"upstreams": [{**table, "max_in_flight": 3}]})
            wait_until(lambda: len(turnstile.held) == 3)
            turnstile.open()
            assert clients.statuses() == [200] * 4
            wait_until(lambda: gateway.idle)


def test_an_upstream_that_dies_while_requests_wait_for_it_fails_them_and_leaks_nothing() -> None:
    with contextlib.ExitStack() as dying, crowd() as clients:
        mock = dying.enter_context(running_mock())
        table = {"name": "dying", "base_url": mock.base_url, "max_in_flight": 1}
        config = {"upstreams": [table], "failover": {"backoff_s": 0.01}, "stream": QUICK}
        with (
            running_gateway(config) as gateway,
            RawClient(gateway.port) as stream,
            occupied(gateway) as occupant,
        ):
            post(stream)
            stream.read_until(b"queued")
            for number in range(4):
                clients.ask(gateway.port, str(number))
            wait_until(lambda: gateway.waiting == 5)
            dying.close()
            assert b'"error"' in occupant.read_until(b"0\r\n\r\n")
            assert clients.statuses() == [502] * 4
            assert b'"upstream_unreachable"' in stream.read_until(b"0\r\n\r\n")
            wait_until(lambda: gateway.idle)


def test_those_who_waited_for_an_upstream_that_died_are_served_by_another() -> None:
    with (
        contextlib.ExitStack() as dying,
        running_turnstile() as turnstile,
        crowd() as clients,
    ):
        mock = dying.enter_context(running_mock())
        tables = [
            {"name": "dying", "base_url": mock.base_url, "max_in_flight": 1},
            {"name": "well", "base_url": turnstile.base_url, "max_in_flight": 1},
        ]
        with running_gateway({"upstreams": tables}) as gateway, occupied(gateway) as occupant:
            for number in range(5):
                clients.ask(gateway.port, str(number))
            wait_until(lambda: gateway.waiting == 4)
            dying.close()
            assert b'"error"' in occupant.read_until(b"0\r\n\r\n")
            turnstile.open()
            assert clients.statuses() == [200] * 5
            assert turnstile.most == 1
            wait_until(lambda: gateway.idle)


def test_draining_sends_those_who_wait_away_and_lets_those_who_run_finish(pair: Pair) -> None:
    upstream = {"name": "mock", "base_url": pair[1].base_url, "api_keys": ["sk-up"]}
    with (
        running_gateway(
            {"upstreams": [upstream], "server": {"max_in_flight": 1}, "stream": QUICK}
        ) as gateway,
        RawClient(gateway.port) as running,
        RawClient(gateway.port) as json,
        RawClient(gateway.port) as stream,
    ):
        running.post(chat("mock-gpt?tokens=40&tps=20"))
        running.read_until(b"\n\n")
        post(json, stream=False)
        post(stream)
        stream.read_until(b"queued")
        wait_until(lambda: gateway.waiting == 2)
        gateway.call(gateway.server.gateway.drain)
        status, _, body = json.response()
        assert (status, b'"draining"' in body) == (503, True)
        assert b'"draining"' in stream.read_until(b"0\r\n\r\n")
        assert gateway.waiting == 0
        assert b"[DONE]" in running.read_until(b"0\r\n\r\n")
