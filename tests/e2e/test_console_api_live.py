"""The console's API of a real process: who may, what it shows of what runs, and what it changes at once."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import http.client
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from harness import RawClient, chat
from processes import Process, write_config
from served import ask, asking, completion, eventually, get, post, serving

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.wire.sse import SseParser

ADMIN_KEY = "an-administrator-of-this-gateway"
AS_ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
ADMINS = f'[admin]\nlive_s = 0.05\nkeys = ["sha256:{hashlib.sha256(ADMIN_KEY.encode()).hexdigest()}"]\n'
UPSTREAM_KEY = "sk-upstream-0123456789abcdef"

ELSEWHERE = {"host": "gateway.example.com"}
"""As a request from another machine, or through a proxy, has it."""

READ = ("overview", "records", "streams", "usage", "upstreams", "keys", "config", "openapi.json")


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


@contextlib.contextmanager
def console(mock: RunningMock, folder: Path, server: str = "", *arguments: str) -> Iterator[Process]:
    """A gateway before two upstreams, both of them the mock."""
    more = (
        f'api_keys = ["{UPSTREAM_KEY}"]\n[[upstreams]]\nname = "spare"\nbase_url = "{mock.base_url}"\n'
        f"[store]\nflush_s = 0.05\n{ADMINS}"
    )
    write_config(folder, mock.base_url, server, more)
    with serving(folder, *arguments) as process:
        yield process


@pytest.fixture(scope="module")
def gateway(mock: RunningMock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """For tests that change nothing for good. Web pages of one origin may use it as clients."""
    server = 'cors_origins = ["https://chat.example"]'
    with console(mock, tmp_path_factory.mktemp("gateway"), server) as process:
        yield process


@contextlib.contextmanager
def running_stream(port: int, tokens: int = 400, tps: int = 20, **headers: str) -> Iterator[Any]:
    """A chat stream that has begun; its response, and its id in `x-request-id`."""
    body = chat(f"mock-gpt?tokens={tokens}&tps={tps}")
    with asking(port, "POST", "/v1/chat/completions", body, headers) as response:
        response.readline()
        yield response


def live_one(port: int, request_id: str) -> Any:
    """What the list of running streams says of it."""
    found = [one for one in get(port, "/api/streams?state=live")["live"] if one["request_id"] == request_id]
    return found[0] if found else None


def record(port: int, request_id: str) -> Any:
    """Its record, once it is there."""
    path = f"/api/records/{request_id}"
    eventually(lambda: ask(port, "GET", path).status == 200)
    return get(port, path)


def follow(response: http.client.HTTPResponse, until_s: float = 40.0) -> Iterator[Any]:
    """The events of a live view as they come: their data."""
    parser, deadline = SseParser(0), time.monotonic() + until_s
    while piece := response.read1(65536):
        assert time.monotonic() < deadline
        for event in parser.feed(piece):
            if event.data is not None:
                yield msgspec.json.decode(event.data)


# ── who may ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", READ)
def test_everything_needs_a_key_unless_one_sits_at_the_machine(gateway: Process, name: str) -> None:
    def status(headers: dict[str, str]) -> int:
        reply = ask(gateway.port, "GET", f"/api/{name}", None, headers)
        if reply.status != 200:
            assert reply.code == "invalid_api_key"
            assert b"mock" not in reply.body
        assert UPSTREAM_KEY.encode() not in reply.body
        return reply.status

    assert status({}) == 200
    assert status({**ELSEWHERE, **AS_ADMIN}) == 200
    assert status(ELSEWHERE) == 401
    assert status({**ELSEWHERE, "authorization": "Bearer wrong"}) == 401
    for header in ("x-forwarded-for", "forwarded", "x-real-ip", "via", "cf-connecting-ip"):
        assert status({header: "127.0.0.1"}) == 401, header


def test_pages_of_other_sites_are_kept_out_though_they_may_be_clients(gateway: Process) -> None:
    page = {"origin": "https://chat.example"}
    wants = {
        **page,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    as_client = ask(gateway.port, "OPTIONS", "/v1/chat/completions", None, wants)
    assert as_client.headers["access-control-allow-origin"] == "https://chat.example"
    assert (
        completion(gateway.port, headers=page).headers["access-control-allow-origin"]
        == "https://chat.example"
    )
    for method, path in (("OPTIONS", "/api/keys"), ("GET", "/api/overview"), ("POST", "/api/config/reload")):
        for headers in (wants, {**page, **AS_ADMIN}, {"sec-fetch-site": "cross-site", **AS_ADMIN}):
            reply = ask(gateway.port, method, path, b"{}" if method == "POST" else None, headers)
            assert reply.status == 403, (method, path, headers)
            assert not [name for name in reply.headers if name.startswith("access-control")]
    own = {"origin": f"http://127.0.0.1:{gateway.port}", "sec-fetch-site": "same-origin"}
    assert ask(gateway.port, "GET", "/api/overview", None, own).status == 200
    form = ask(gateway.port, "POST", "/api/config/reload", b"a=b", {"content-type": "text/plain", **AS_ADMIN})
    assert form.status == 415


# ── what happened ───────────────────────────────────────────────────────────────────────────────────


def test_requests_of_real_clients_are_found_summed_up_and_exported(gateway: Process) -> None:
    base_url = f"http://127.0.0.1:{gateway.port}"
    began = time.time()
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key="any", max_retries=0) as client:
        asked = client.chat.completions.with_raw_response.create(
            model="mock-found", messages=[{"role": "user", "content": "hello"}]
        )
        tokens = asked.parse().usage
    with anthropic.Anthropic(base_url=base_url, api_key="any", max_retries=0) as other:
        said = other.messages.create(
            model="mock-found", max_tokens=50, messages=[{"role": "user", "content": "hello"}]
        )
    broken = completion(gateway.port, "fault-eof:3", stream=True)
    assert record(gateway.port, broken.request_id)["error_code"] == "upstream_truncated"
    request_id = asked.headers["x-request-id"]
    one = record(gateway.port, request_id)
    assert (one["outcome"], one["dialect"], one["model"], one["stream"]) == (
        "ok",
        "chat",
        "mock-found",
        False,
    )
    assert tokens is not None
    assert one["usage"]["output_tokens"] == tokens.completion_tokens
    assert get(gateway.port, f"/api/records?text={request_id[4:20]}")["records"] == [one]

    def found(query: str) -> list[str]:
        return [
            each["dialect"] for each in get(gateway.port, f"/api/records?since={began}&{query}")["records"]
        ]

    eventually(lambda: found("model=mock-found") == ["messages", "chat"])
    assert found("outcome=truncated") == ["chat"]
    assert found("model=mock-f*&dialect=messages") == ["messages"]
    (used,) = get(gateway.port, "/api/usage?group=model&model=mock-found")["rows"]
    assert (used["model"], used["requests"]) == ("mock-found", 2)
    assert used["output_tokens"] == tokens.completion_tokens + said.usage.output_tokens
    table = ask(gateway.port, "GET", f"/api/records/export?format=csv&since={began}&model=mock-found")
    assert table.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert [row["dialect"] for row in rows] == ["messages", "chat"]
    lines = ask(gateway.port, "GET", f"/api/records/export?since={began}&model=mock-found").body.splitlines()
    assert [msgspec.json.decode(line) for line in lines][1] == one
    assert get(gateway.port, "/api/overview")["last_hour"]["requests"] >= 3


# ── what runs ───────────────────────────────────────────────────────────────────────────────────────


def test_a_running_stream_is_in_the_list_and_grows(gateway: Process) -> None:
    with running_stream(gateway.port) as stream:
        request_id = stream.headers["x-request-id"]
        first = live_one(gateway.port, request_id)
        assert (first["upstream"], first["stream"], first["outcome"]) == ("mock", True, None)
        eventually(lambda: live_one(gateway.port, request_id)["events"] >= first["events"] + 3)
        assert get(gateway.port, "/api/overview")["in_flight"] >= 1
        assert ask(gateway.port, "GET", f"/api/records/{request_id}").status == 404, "it is not over"
    eventually(lambda: live_one(gateway.port, request_id) is None)
    assert record(gateway.port, request_id)["outcome"] == "client_gone"
    (recent,) = get(gateway.port, "/api/streams?state=recent&limit=1")["recent"]
    assert (recent["request_id"], recent["outcome"]) == (request_id, "client_gone")


def test_a_timeline_is_followed_live_to_the_end_and_says_what_the_client_got(gateway: Process) -> None:
    with running_stream(gateway.port, tokens=40, tps=20) as stream:
        request_id = stream.headers["x-request-id"]
        with asking(gateway.port, "GET", f"/api/streams/{request_id}/events") as view:
            assert view.headers["content-type"].startswith("text/event-stream")
            timelines = list(follow(view))
        body = stream.read()
    assert len(timelines) > 3, "it is told while it grows"
    seen = [event for timeline in timelines for event in timeline["events"]]
    count = 1 + body.count(b"\n\n")
    assert [event["number"] for event in seen] == list(range(count))
    moments = [event["ms"] for event in seen]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] > 1000
    last = timelines[-1]
    assert [one["summary"]["outcome"] for one in timelines] == [None] * (len(timelines) - 1) + ["ok"]
    assert (last["summary"]["events"], last["summary"]["finish_reason"]) == (count, "stop")
    assert not any("content" in event for event in seen), "what it says is nobody's business"
    eventually(lambda: get(gateway.port, f"/api/streams/{request_id}")["summary"]["outcome"] == "ok")
    assert record(gateway.port, request_id)["events"] == count


def test_the_list_is_followed_live_too(gateway: Process) -> None:
    with asking(gateway.port, "GET", "/api/streams/events") as view:
        news = follow(view)
        next(news)
        request_id = completion(gateway.port, "mock-gpt?tokens=10&tps=20", stream=True).request_id
        began = ended = False
        while not (began and ended):
            changes = next(news)
            began = began or request_id in [one["request_id"] for one in changes["began"]]
            ended = ended or request_id in [one["request_id"] for one in changes["ended"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}]}),
        ("/v1/responses", {"input": "hello"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 900}),
    ],
)
def test_a_stream_that_is_cancelled_ends_with_an_error_in_its_form(
    gateway: Process, mock: RunningMock, path: str, body: dict[str, Any]
) -> None:
    asked = {"model": "mock-gpt?tokens=400&tps=20", "stream": True, **body}
    with asking(gateway.port, "POST", path, asked, {"anthropic-version": "2023-06-01"}) as stream:
        assert (stream.status, stream.readline()[:1] in b"de") == (200, True)
        request_id = stream.headers["x-request-id"]
        assert post(gateway.port, f"/api/streams/{request_id}/cancel", {}) == {"request_id": request_id}
        rest = stream.read()
    assert b"an administrator ended the request" in rest
    assert rest.endswith(b"\n\n")
    assert not any(end in rest for end in (b"[DONE]", b"message_stop", b"response.completed"))
    found = record(gateway.port, request_id)
    assert (found["outcome"], found["error_code"], found["status"]) == ("cancelled", "cancelled", 200)
    assert mock.last_ended().outcome == "aborted", "the upstream works for nobody any more"
    again = ask(gateway.port, "POST", f"/api/streams/{request_id}/cancel", {})
    assert again.status == 404


def test_one_that_was_not_begun_to_be_answered_is_cancelled_with_a_status(gateway: Process) -> None:
    with RawClient(gateway.port) as client:
        client.post(chat("fault-silent", stream=False))
        live: list[Any] = []

        def runs() -> bool:
            live[:] = [
                one for one in get(gateway.port, "/api/streams")["live"] if one["model"] == "fault-silent"
            ]
            return bool(live)

        eventually(runs)
        post(gateway.port, f"/api/streams/{live[0]['request_id']}/cancel", {})
        status, _headers, body = client.response()
    assert status >= 400
    assert msgspec.json.decode(body)["error"]["code"] == "cancelled"
    assert record(gateway.port, live[0]["request_id"])["outcome"] == "cancelled"


# ── what is changed ─────────────────────────────────────────────────────────────────────────────────


def test_a_drained_upstream_gets_nothing_until_it_is_enabled(gateway: Process) -> None:
    def goes_to() -> str:
        reply = completion(gateway.port)
        return str(record(gateway.port, reply.request_id)["upstream"]) if reply.status == 200 else reply.code

    assert goes_to() == "mock"
    try:
        with running_stream(gateway.port, tokens=20, tps=40) as stream:
            assert post(gateway.port, "/api/upstreams/mock/drain", {})["drained"] is True
            assert goes_to() == "spare"
            assert b"[DONE]" in stream.read(), "what runs goes on"
        states = {one["name"]: one["drained"] for one in get(gateway.port, "/api/upstreams")["upstreams"]}
        assert states == {"mock": True, "spare": False}
        page = ask(gateway.port, "GET", "/metrics").body
        assert b'sluiceway_upstream_drained{upstream="mock"} 1.0' in page
        post(gateway.port, "/api/config/reload", {})
        assert goes_to() == "spare", "a reload changes nothing of it"
        post(gateway.port, "/api/upstreams/spare/drain", {})
        assert goes_to() == "gateway_overloaded"
    finally:
        for name in ("mock", "spare"):
            assert post(gateway.port, f"/api/upstreams/{name}/enable", {})["drained"] is False
    assert goes_to() == "mock"


def test_a_key_is_shown_once_and_counts_at_once(mock: RunningMock, tmp_path: Path) -> None:
    with console(mock, tmp_path) as process:
        port = process.port
        assert completion(port).status == 200
        made = post(port, "/api/keys", {"name": "alice", "models": ["mock-*"]}, {**ELSEWHERE, **AS_ADMIN})
        assert (made["in_force"], made["first"], made["problems"]) == (True, True, [])
        plain = made["api_key"]
        as_alice = {"authorization": f"Bearer {plain}"}
        assert completion(port).status == 401, "the first key closes the door"
        assert completion(port, headers=as_alice).status == 200
        assert completion(port, "gpt-5", headers=as_alice).status in (403, 404)
        assert ask(port, "GET", "/api/keys", None, {**ELSEWHERE, **as_alice}).status == 401
        shown = ask(port, "GET", "/api/keys").body
        assert b'"alice"' in shown
        digest = hashlib.sha256(plain.encode()).hexdigest()
        for secret in (plain, digest):
            assert secret.encode() not in shown
            assert secret.encode() not in ask(port, "GET", "/api/config").body
        assert ask(port, "POST", "/api/keys", {"name": "alice"}).status == 409
        rotated = post(port, "/api/keys/alice/rotate", {"grace_s": 0})
        assert completion(port, headers=as_alice).status == 401
        as_alice = {"authorization": f"Bearer {rotated['api_key']}"}
        reply = completion(port, headers=as_alice)
        assert record(port, reply.request_id)["key"] == "alice"
        with running_stream(port, 10, 20, **as_alice) as stream:
            assert post(port, "/api/keys/alice/revoke", {})["key"]["state"] == "revoked"
            assert completion(port, headers=as_alice).status == 401
            assert b"[DONE]" in stream.read(), "what runs goes on"
        assert process.stop()[0] == 0
        for file in tmp_path.iterdir():
            assert plain.encode() not in file.read_bytes(), file.name


def test_a_configuration_is_checked_and_put_in_force(mock: RunningMock, tmp_path: Path) -> None:
    rewritten = '[[models]]\nname = "*"\nupstreams = ["mock"]\nrewrite_to = "mock-two"\n'

    with console(mock, tmp_path, "watch_config = false") as process:
        port = process.port
        assert UPSTREAM_KEY not in str(get(port, "/api/config"))
        assert completion(port).json["model"] == "mock-gpt"
        file = tmp_path / "sluiceway.toml"
        good = file.read_text() + rewritten
        assert post(port, "/api/config/validate", {"toml": good}) == {"valid": True, "problems": []}
        wrong = post(port, "/api/config/validate", {"toml": good + "[server2]\n"})
        assert (wrong["valid"], wrong["problems"][0]["path"]) == (False, "server2")
        assert completion(port).json["model"] == "mock-gpt", "checking changes nothing"
        file.write_text(good)
        done = post(port, "/api/config/reload", {})
        assert (done["ok"], done["problems"]) == (True, [])
        assert any("models" in change for change in done["changes"])
        assert completion(port).json["model"] == "mock-two"
        file.write_text("[server\n")
        done = post(port, "/api/config/reload", {})
        assert (done["ok"], bool(done["problems"])) == (False, True)
        assert completion(port).json["model"] == "mock-two"
        shown = get(port, "/api/config")
        assert shown["last_reload"]["ok"] is False
        assert shown["settings"]["models"][0]["rewrite_to"] == "mock-two"
        assert process.stop()[0] == 0


def test_with_several_workers_a_new_key_soon_counts_for_all(mock: RunningMock, tmp_path: Path) -> None:
    with console(mock, tmp_path, "", "--workers", "2") as process:
        port = process.port
        plain = post(port, "/api/keys", {"name": "bob"})["api_key"]

        def statuses(headers: dict[str, str]) -> set[int]:
            """Of enough connections that each worker had some."""
            return {completion(port, headers=headers).status for _ in range(16)}

        eventually(lambda: statuses({}) == {401})
        assert statuses({"authorization": f"Bearer {plain}"}) == {200}
        assert {get(port, "/api/overview")["worker"] for _ in range(24)} == {0, 1}
        ids = {completion(port, headers={"authorization": f"Bearer {plain}"}).request_id for _ in range(8)}
        for request_id in ids:
            assert record(port, request_id)["key"] == "bob", (
                "whichever worker wrote it, and whichever is asked"
            )
        assert process.stop()[0] == 0
