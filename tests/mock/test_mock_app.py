"""Routing, errors, connections and the journal, over raw sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from mock_wire import ask, connected, header, payload, read_answer, request

from sluiceway.errors import InvalidRequest
from sluiceway.mock.app import MockProvider
from sluiceway.mock.settings import MockSettings
from sluiceway.mock.testing import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


def test_an_unknown_path_is_a_404_in_the_shape_of_openai(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(b"", "/v1/nonsense", "GET"))
        raw = read_answer(sock)
    assert raw.status == 404
    assert json.loads(raw.body)["error"]["message"] == "Unknown request URL: GET /v1/nonsense."


def test_a_wrong_method_is_a_405_that_says_what_is_allowed(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(b"", "/v1/chat/completions", "GET"))
        raw = read_answer(sock)
    assert raw.status == 405
    assert header(raw.head, b"allow") == "post"


def test_an_answer_to_head_has_no_body_and_leaves_the_connection_usable(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(b"", "/healthz", "HEAD"))
        raw = read_answer(sock, idle_s=0.5)
        assert raw.raw_body == b""
        assert raw.end == "open"
        sock.sendall(request(b"", "/healthz", "GET"))
        assert json.loads(read_answer(sock).body) == {"status": "ok"}


@pytest.mark.parametrize(
    ("body", "param"), [(b"{", None), (b'{"model":"m"}', "messages"), (payload("m?fault=sillent"), "fault")]
)
def test_a_bad_request_is_a_400_that_names_the_field(
    mock: RunningMock, body: bytes, param: str | None
) -> None:
    with connected(mock) as sock:
        sock.sendall(request(body))
        raw = read_answer(sock)
    assert raw.status == 400
    assert json.loads(raw.body)["error"]["param"] == param
    assert json.loads(raw.body)["error"]["type"] == "invalid_request_error"


def test_bad_embedding_requests_are_refused(mock: RunningMock) -> None:
    for body in (b"{", b'{"model":"m"}', b'{"model":"m","input":"a","dimensions":5000}'):
        with connected(mock) as sock:
            sock.sendall(request(body, "/v1/embeddings"))
            assert read_answer(sock).status == 400


def test_a_refused_body_is_not_read_as_the_next_request(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(b"GET /healthz HTTP/1.1\r\n\r\n", "/v1/nonsense"))
        raw = read_answer(sock, to_end=True)
    assert raw.data.count(b"HTTP/1.1 ") == 1
    assert raw.end == "fin"


def test_a_body_over_the_limit_is_a_413(mock: RunningMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluiceway.mock.exchange.MAX_JSON_BYTES", 1000)
    with connected(mock) as sock:
        sock.sendall(request(b" " * 1001))
        raw = read_answer(sock)
    assert raw.status == 413


def test_an_upload_is_counted_as_it_streams_and_not_held(mock: RunningMock) -> None:
    size = 20 * 1024 * 1024
    with connected(mock) as sock:
        sock.sendall(request(b"x" * size, "/v1/audio/transcriptions"))
        raw = read_answer(sock)
    assert json.loads(raw.body) == {"text": f"This upload had {size} bytes."}
    assert mock.last_ended().body_bytes == size
    assert len(mock.last_ended().body) == 64 * 1024


def test_a_connection_serves_one_request_after_another(mock: RunningMock) -> None:
    with connected(mock) as sock:
        answers = []
        for stream in (True, False, True):
            sock.sendall(request(payload(stream=stream)))
            answers.append(read_answer(sock))
    assert answers[0].raw_body == answers[2].raw_body
    assert json.loads(answers[1].body)["choices"][0]["message"]["content"] == answers[0].text
    assert len({record.peer for record in mock.requests[-3:]}) == 1


def test_pipelined_requests_are_answered_in_order(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(payload("m?ttft=0.1", seed=1, stream=False)) + request(b"", "/healthz", "GET"))
        raw = read_answer(sock, to_end=True, idle_s=1.0)
    assert raw.data.index(b"chat.completion") < raw.data.index(b'{"status":"ok"}')


def test_http_1_0_gets_no_chunks_and_a_closed_connection(mock: RunningMock) -> None:
    body = payload()
    with connected(mock) as sock:
        sock.sendall(request(body).replace(b"HTTP/1.1", b"HTTP/1.0"))
        raw = read_answer(sock, to_end=True)
    assert b"transfer-encoding" not in raw.head
    assert raw.datas[-1] == "[DONE]"
    assert raw.end == "fin"


def test_connection_close_is_honoured(mock: RunningMock) -> None:
    for stream in (True, False):
        raw = ask(mock, "mock-gpt", "connection: close", stream=stream, to_end=True)
        assert header(raw.head, b"connection") == "close"
        assert (raw.whole, raw.end) == (True, "fin")
        assert mock.last_ended().outcome == "complete"


def test_a_json_answer_comes_when_its_stream_would_have_ended(mock: RunningMock) -> None:
    started = time.monotonic()
    raw = ask(mock, "m?ttft=0.1&tps=100&tokens=11", stream=False)
    assert raw.times[0] - started > 0.19


def test_a_client_that_leaves_is_noticed_at_once(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(payload("m?tps=10&tokens=500")))
        sock.recv(1000)
    record = mock.last_ended()
    assert record.outcome == "aborted"
    assert record.aborted_at is not None
    assert record.first_byte_at is not None


def test_a_client_that_leaves_within_its_request_is_recorded(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(payload())[:-5])
        time.sleep(0.05)
    record = mock.last_ended()
    assert (record.outcome, record.first_byte_at) == ("aborted", None)


def test_a_client_that_does_not_read_stops_the_provider_from_writing(mock: RunningMock) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", mock.port))
        sock.sendall(request(payload("fault-endless-body")))
        written = -1
        while written <= 0 or written != mock.last.bytes_written:
            written = mock.last.bytes_written if mock.requests else 0
            time.sleep(0.2)
        assert written < 16 * 1024 * 1024
        sock.recv(65536)
        while mock.last.bytes_written == written:
            assert sock.recv(65536)
    assert mock.last_ended().outcome == "aborted"


def test_the_journal_is_readable_over_http_and_does_not_record_its_readers(mock: RunningMock) -> None:
    ask(mock, "mock-gpt", "x-test: seven")
    for _ in range(2):
        with connected(mock) as sock:
            sock.sendall(request(b"", "/_mock/requests", "GET"))
            shown = json.loads(read_answer(sock).body)
    latest = shown["requests"][-1]
    assert latest["path"] == "/v1/chat/completions"
    assert ["x-test", "seven"] in latest["headers"]
    assert json.loads(latest["body"])["model"] == "mock-gpt"
    assert latest["outcome"] == "complete"
    assert latest["received_at"] <= latest["first_byte_at"] <= latest["ended_at"] <= shown["now"]


def test_the_journal_can_be_emptied(mock: RunningMock) -> None:
    ask(mock)
    with connected(mock) as sock:
        sock.sendall(request(b"", "/_mock/requests", "DELETE"))
        assert json.loads(read_answer(sock).body) == {"requests": []}
    assert mock.requests == []
    assert mock.provider.journal.dropped == 0
    with pytest.raises(TimeoutError):
        mock.last_ended(timeout_s=0.01)


def test_a_provider_with_an_unknown_default_fault_does_not_start() -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'rst'"):
        MockProvider(MockSettings(fault="rts"))


def test_a_default_fault_holds_for_every_request() -> None:
    with running_mock(MockSettings(fault="http-500")) as broken:
        assert ask(broken).status == 500
    assert repr(broken.provider) == "<MockProvider 0 running, 1 recorded>"
