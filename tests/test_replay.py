"""Replay: a captured request is sent again and its answer compared; a captured answer is played at its own pace."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
import trustme
import typer
import uvloop
from typer.testing import CliRunner, Result

from sluiceway.cli_replay import add_replay
from sluiceway.config.settings import Settings
from sluiceway.mock.scene import Act, Wait
from sluiceway.mock.server import make_server
from sluiceway.mock.testing import running_mock
from sluiceway.observe.captured import Captured
from sluiceway.observe.redact import Redactor
from sluiceway.replay import (
    Answer,
    Original,
    Player,
    Refused,
    answer_script,
    check_answer,
    check_request,
    compare,
    headers_for,
    send,
    target_of,
)

REQUEST = {"model": "mock-gpt", "stream": True, "messages": [{"role": "user", "content": "hello"}]}


def captured(**fields: Any) -> Captured:
    base: dict[str, Any] = {
        "request_id": "req_1",
        "started": 1.0,
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": (("content-type", "application/json"), ("host", "gateway"), ("user-agent", "me")),
        "request": msgspec.json.encode(REQUEST),
        "response": b"data: one\n\ndata: two\n\ndata: [DONE]\n\n",
        "response_type": "text/event-stream",
        "timing": ((20.0, 11), (120.5, 11), (121.0, 14)),
    }
    base |= fields
    sizes = {"request_size": len(base["request"]), "response_size": len(base["response"])}
    return Captured(**(sizes | base))


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, body, ((1.0, len(body)),))


@contextlib.contextmanager
def playing(original: Original) -> Iterator[str]:
    """Serve the answer on a port of its own; gives the base URL."""
    server = make_server(Player(original), signals=False)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/v1"
    finally:
        server.should_exit = True
        thread.join(30)


# ── what may be replayed ────────────────────────────────────────────────────────────────────────────


def test_what_was_kept_whole_may_be_replayed() -> None:
    check_request(captured())
    check_answer(captured())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"request": b'{"a":"[redacted:api-key]"}', "redacted": 1},
            "something was taken out of this request",
        ),
        (
            {"request": b'{"a":"[cut]', "request_size": 5000},
            "only 11 of 5000 bytes of this request were kept",
        ),
        ({"request": b"", "request_size": 5000}, "only 0 of 5000 bytes"),
    ],
)
def test_a_request_that_is_not_as_it_was_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_request(captured(**fields))
    check_answer(captured(**fields))  # which is whole


def test_an_answer_that_is_not_as_it_was_is_refused() -> None:
    with pytest.raises(Refused, match="something was taken out of this answer"):
        check_answer(captured(response=b"data: [redacted]\n\n", redacted=1))
    with pytest.raises(Refused, match="of this answer were kept"):
        check_answer(captured(response=b"data: x\n\n: [cut]\n\n", response_size=900))


def test_words_that_look_like_a_replacement_are_none_where_nothing_was_replaced() -> None:
    check_request(captured(request=b'{"a":"[redacted]"}'))


# ── sending ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("http://127.0.0.1:8787", "/v1/messages?beta=true", "http://127.0.0.1:8787/v1/messages?beta=true"),
        ("http://127.0.0.1:8787/", "/v1/models", "http://127.0.0.1:8787/v1/models"),
        ("https://api.openai.com/v1", "/v1/responses", "https://api.openai.com/v1/responses"),
        ("https://x.example/openai/v1/", "/v1/responses", "https://x.example/openai/v1/responses"),
    ],
)
def test_a_request_goes_where_an_sdk_with_that_base_url_sends_it(base: str, path: str, target: str) -> None:
    assert target_of(base, path) == target


def test_headers_are_those_of_the_client_but_for_what_belongs_to_the_connection() -> None:
    one = captured(
        headers=(
            ("content-type", "application/json"),
            ("host", "gateway"),
            ("content-length", "9"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-sluiceway-total-s", "20"),
            ("x-sluiceway-capture", "on"),
            ("anthropic-version", "2023-06-01"),
        )
    )
    expected = [
        (b"content-type", b"application/json"),
        (b"x-sluiceway-total-s", b"20"),
        (b"anthropic-version", b"2023-06-01"),
    ]
    assert headers_for(one, "") == expected
    assert headers_for(one, "sk-1") == [*expected, (b"authorization", b"Bearer sk-1")]
    messages = msgspec.structs.replace(one, path="/v1/messages")
    assert headers_for(messages, "sk-1") == [*expected, (b"x-api-key", b"sk-1")]


def test_a_request_is_sent_as_it_was_and_its_answer_comes_piece_by_piece() -> None:
    pieces: list[bytes] = []
    with running_mock() as mock:
        got = send(captured(), mock.base_url, key="sk-1", took=pieces.append)
        asked = mock.last_ended()
    assert got.status == 200
    assert got.body == b"".join(pieces)
    assert got.body.endswith(b"data: [DONE]\n\n")
    assert [size for _, size in got.timing] == [len(piece) for piece in pieces]
    assert not got.broken
    assert json.loads(asked.body) == REQUEST
    assert asked.header("authorization") == "Bearer sk-1"
    assert asked.header("user-agent") == "me"
    assert asked.header("accept-encoding") is None


def test_an_answer_that_breaks_off_is_noticed() -> None:
    body = msgspec.json.encode({**REQUEST, "model": "fault-rst"})
    with running_mock() as mock:
        assert send(captured(request=body), mock.base_url, took=lambda _: None).broken


def test_a_server_that_is_not_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match=f"no connection to 127.0.0.1:{port}: connection refused"):
        send(captured(), f"http://127.0.0.1:{port}", took=lambda _: None)
    with pytest.raises(Refused, match="no URL of a server"):
        send(captured(), "ftp://x", took=lambda _: None)


def answering(listener: socket.socket, reply: bytes) -> threading.Thread:
    """Take one connection and say that, whatever is asked."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_what_is_no_http_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = answering(listener, b"SSH-2.0-x\r\n\r\n")
        with pytest.raises(OSError, match="the answer is no HTTP"):
            send(captured(), f"http://127.0.0.1:{listener.getsockname()[1]}", took=lambda _: None)
        thread.join(30)


def test_a_request_is_sent_by_tls_if_the_certificate_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with (
        socket.create_server(("127.0.0.1", 0)) as plain,
        context.wrap_socket(plain, server_side=True) as listener,
    ):
        thread = answering(listener, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        assert send(captured(), url, took=lambda _: None).body == b"{}"
        thread.join(30)


# ── comparing ───────────────────────────────────────────────────────────────────────────────────────


def test_the_same_bytes_are_the_same() -> None:
    original = Original(captured(), 200)
    compared = compare(original, answer(original.captured.response))
    assert (compared.same_status, compared.same_bytes, compared.same_but_ids) == (True, True, True)
    assert not compare(original, answer(b"", 502)).same_status
    assert compare(Original(captured()), answer(b"", 502)).same_status  # nobody knows the status then


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (
            b'data: {"id":"chatcmpl-1","created":1,"x":"y"}\n\ndata: [DONE]\n\n',
            b': heartbeat\n\ndata: {"id":"chatcmpl-2","created":99,"x":"y"}\r\n\r\ndata: [DONE]\n\n',
        ),
        (
            b'event: message_start\ndata: {"message":{"id": "msg_1"}}\n\n',
            b'event: ping\ndata: {"type": "ping"}\n\nevent: message_start\ndata: {"message":{"id": "msg_2"}}\n\n',
        ),
        (
            b'data: {"item_id":"a","tool_call_id":"b","system_fingerprint":"c","obfuscation":"d"}\n\n',
            b'data: {"item_id":"e","tool_call_id":"f","system_fingerprint":null,"obfuscation":""}\n\n',
        ),
    ],
)
def test_answers_that_differ_in_names_and_times_alone_are_the_same_but_for_these(
    then: bytes, now: bytes
) -> None:
    compared = compare(Original(captured(response=then)), answer(now))
    assert (compared.same_bytes, compared.same_but_ids, compared.first_difference) == (False, True, None)


def test_the_first_event_that_differs_is_named() -> None:
    then = captured(response=b"data: one\n\ndata: two\n\ndata: three\n\n")
    assert compare(Original(then), answer(b"data: one\n\ndata: 2\n\ndata: three\n\n")).first_difference == 2
    assert compare(Original(then), answer(b"data: one\n\ndata: two\n\n")).first_difference == 3
    assert compare(Original(then), answer(then.response + b"data: four\n\n")).first_difference == 4


def test_images_are_compared_by_their_hashes() -> None:
    events = 'data: {"b64_json":"aGVsbG8=","created":%d}\n\n'
    kept = Redactor().body((events % 1).encode(), b"text/event-stream")
    then = captured(response=kept.body, redacted=kept.replaced)
    assert compare(Original(then), answer((events % 2).encode())).same_but_ids
    assert not compare(Original(then), answer((events % 2).replace("aGV", "bGV").encode())).same_but_ids


def test_json_answers_are_compared_as_a_whole() -> None:
    then = captured(response=b'{"id":"a","x":1}', response_type="application/json")
    assert compare(Original(then), answer(b'{"id":"b","x":1}')).same_but_ids
    compared = compare(Original(then), answer(b'{"id":"a","x":2}'))
    assert (compared.same_but_ids, compared.first_difference) == (False, None)


# ── playing ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_the_same_pieces_each_at_its_own_time() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    one = captured(timing=((20.0, 11), (145.0, 11), (145.5, 14)))
    assert list(answer_script(Original(one, 200))) == [
        Wait(0.02, steady=True),
        head + b"b\r\ndata: one\n\n\r\n",
        Wait(0.125, steady=True),
        b"b\r\ndata: two\n\n\r\n",
        Wait(0.0005, steady=True),
        b"e\r\ndata: [DONE]\n\n\r\n",
        b"0\r\n\r\n",
        Act.DONE,
    ]


def test_an_answer_without_chunks_ends_with_its_connection() -> None:
    steps = list(answer_script(Original(captured(), 200), chunked=False))
    assert steps[1] == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: one\n\n"
    )
    assert steps[-2:] == [b"data: [DONE]\n\n", Act.LAST]


def test_a_status_without_a_name_can_be_played() -> None:
    steps = list(answer_script(Original(captured(response=b"{}", timing=((1.0, 2),)), 529), closing=True))
    assert isinstance(steps[1], bytes)
    assert steps[1].startswith(b"HTTP/1.1 529 \r\n")
    assert steps[-1] is Act.LAST


def test_an_answer_without_a_body_is_only_a_head() -> None:
    empty = captured(response=b"", timing=(), response_type="")
    head = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert list(answer_script(Original(empty, 204))) == [head, Act.DONE]
    steps = list(answer_script(Original(empty, 200)))
    assert steps[1:] == [b"0\r\n\r\n", Act.DONE]


def test_an_answer_that_was_cut_breaks_off_there() -> None:
    one = captured(response=b"data: one\n\n: [cut]\n\n", response_size=36)
    steps = list(answer_script(Original(one, 200)))
    assert steps[-1] is Act.CLOSE
    assert len(steps) == 3


def test_pieces_and_body_need_not_agree() -> None:
    """Of a redacted body they do not; and of a long one not all pieces are told."""
    few = captured(response=b"abcdef", timing=((10.0, 2), (20.0, 2)))
    assert [step for step in answer_script(Original(few)) if isinstance(step, Wait)] == [
        Wait(0.01, steady=True),
        Wait(0.01, steady=True),
    ]
    none = captured(response=b"abcdef", timing=())
    assert b"6\r\nabcdef\r\n" in b"".join(
        step for step in answer_script(Original(none)) if isinstance(step, bytes)
    )


def test_a_client_gets_the_captured_answer_byte_for_byte_whatever_it_asks_at_the_captured_pace() -> None:
    one = captured(timing=((20.0, 11), (170.0, 11), (171.0, 14)))
    with playing(Original(one, 200)) as base_url:
        for path in ("/v1/chat/completions", "/anything"):
            got = send(msgspec.structs.replace(one, path=path), base_url, took=lambda _: None)
            assert (got.status, got.body, got.broken) == (200, one.response, False)
            assert got.timing[0][0] >= 20.0
            assert got.timing[-1][0] >= 170.0
            assert len(got.timing) >= 2


def test_several_clients_and_connections_that_are_kept_are_served() -> None:
    one = captured()
    with playing(Original(one, 200)) as base_url:
        port = int(base_url.split(":")[2].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(3):
            connection.request("POST", "/v1/chat/completions", b"{}" * 1000)
            assert connection.getresponse().read() == one.response
        connection.close()


def test_a_real_client_reads_the_captured_answer() -> None:
    with running_mock() as mock:
        got = send(captured(), mock.base_url, took=lambda _: None)
    one = captured(response=got.body, timing=got.timing)
    with playing(Original(one, 200)) as base_url, openai.OpenAI(base_url=base_url, api_key="any") as client:
        stream = client.chat.completions.create(
            model="whatever", stream=True, messages=[{"role": "user", "content": "x"}]
        )
        played = [chunk.id for chunk in stream]
    assert len(played) == got.body.count(b"data: {")
    assert set(played) == {json.loads(got.body.split(b"\n")[0].removeprefix(b"data: "))["id"]}


def test_a_cut_answer_is_broken_off_for_the_client() -> None:
    one = captured(response=b"data: one\n\n: [cut]\n\n", response_size=36)
    with playing(Original(one, 200)) as base_url:
        got = send(one, base_url, took=lambda _: None)
    assert (got.body, got.broken) == (b"data: one\n\n", True)


# ── the command line ────────────────────────────────────────────────────────────────────────────────


class Command:
    """`sluiceway replay`, with a store of these originals."""

    def __init__(self, *originals: Original) -> None:
        self._kept = {original.captured.request_id: original for original in originals}
        self._app = typer.Typer()
        add_replay(self._app, self._find)

        @self._app.command("other")
        def other() -> None: ...

    def _find(self, settings: Settings, request_id: str) -> Original | None:
        return self._kept.get(request_id)

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(self._app, ["replay", *arguments])


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLUICEWAY_CONFIG", raising=False)
    monkeypatch.delenv("SLUICEWAY_KEY", raising=False)
    Path("sluiceway.toml").write_text('[[upstreams]]\nname = "a"\nbase_url = "http://127.0.0.1:9"\n')


def test_the_answer_is_on_stdout_and_the_comparison_on_stderr() -> None:
    with running_mock() as mock:
        first = send(captured(), mock.base_url, took=lambda _: None)
        original = Original(captured(response=first.body, timing=first.timing), 200)
        done = Command(original)("req_1", "--url", mock.base_url, "--timing")
    assert done.exit_code == 0, done.output
    assert done.stdout_bytes == first.body
    assert "status  200\n" in done.stderr
    assert "answer  the same bytes" in done.stderr
    assert f"bytes   {len(first.body)}, then {len(first.body)}" in done.stderr
    assert "longest silence" in done.stderr
    assert "piece          then                now" in done.stderr


def test_another_answer_is_exit_code_1() -> None:
    with running_mock() as mock:
        done = Command(Original(captured(), 502))("req_1", "--url", mock.base_url)
    assert done.exit_code == 1
    assert "status  200, then 502" in done.stderr
    assert "answer  another one, from event 1 on" in done.stderr


def test_answers_of_different_lengths_are_listed_side_by_side() -> None:
    with running_mock() as mock:
        done = Command(Original(captured(timing=((20.0, 11),)), 200))(
            "req_1", "--url", mock.base_url, "--timing"
        )
        none = Command(Original(captured(timing=()), 200))("req_1", "--url", mock.base_url)
    rows = done.stderr.split("piece")[-1].splitlines()[1:]
    assert rows[0].split()[:5] == ["1", "20.0", "ms", "11", "B"]
    assert all(row.split()[0] == str(number) for number, row in enumerate(rows, 1))
    assert "  then  none" in none.stderr


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_KEY", "sk-from-the-environment")
    with running_mock() as mock:
        done = Command(Original(captured(), 200))("req_1", "--url", mock.base_url)
        assert mock.last_ended().header("authorization") == "Bearer sk-from-the-environment"
    assert "sk-from-the-environment" not in done.output


def test_without_a_url_it_goes_to_this_gateway() -> None:
    with running_mock() as mock:
        Path("sluiceway.toml").write_text(
            f'[server]\nport = {mock.port}\n[[upstreams]]\nname = "a"\nbase_url = "http://127.0.0.1:9"\n'
        )
        Command(Original(captured(), 200))("req_1")
        assert mock.last_ended().path == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("req_2",), "nothing was captured of req_2"),
        (("req_1",), "something was taken out of this request"),
        (("req_1", "--serve", "--port", "0"), "something was taken out of this answer"),
        (("req_1", "--config", "nowhere.toml"), "nowhere.toml"),
        (("req_1", "--force", "--url", "http://127.0.0.1:9"), "refused"),
    ],
)
def test_what_can_not_be_replayed_is_exit_code_2_and_a_reason(arguments: tuple[str, ...], why: str) -> None:
    one = captured(request=b'"[redacted]"', response=b"data: [redacted]\n\n", redacted=2)
    done = Command(Original(one, 200))(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert why in done.stderr


def test_a_redacted_request_is_sent_if_it_is_forced() -> None:
    one = captured(request=msgspec.json.encode({**REQUEST, "user": "[redacted]"}), redacted=1)
    with running_mock() as mock:
        done = Command(Original(one, 200))("req_1", "--url", mock.base_url, "--force")
        assert json.loads(mock.last_ended().body)["user"] == "[redacted]"
    assert "something was taken out of what was kept" in done.stderr


_SERVING = """
import msgspec, sys, typer
from sluiceway.cli_replay import add_replay
from sluiceway.observe.captured import Captured
from sluiceway.observe.redact import Redactor
from sluiceway.replay import Original

original = Original(msgspec.json.decode(sys.stdin.buffer.read(), type=Captured), 200)
app = typer.Typer()
add_replay(app, lambda settings, request_id: original)
app.command("other")(lambda: None)
app()
"""


def test_the_answer_is_played_until_the_command_is_ended() -> None:
    command = [sys.executable, "-c", _SERVING, "replay", "req_1", "--serve", "--port", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(msgspec.json.encode(captured()))
        process.stdin.close()
        line = process.stderr.readline().decode()
        assert line.startswith("Playing the answer to POST /v1/chat/completions on http://127.0.0.1:")
        got = send(captured(), line.split()[-1], took=lambda _: None)
        process.terminate()
        process.wait(30)
    assert got.body == captured().response
