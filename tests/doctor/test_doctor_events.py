"""Bytes and their times become events and theirs."""

from __future__ import annotations

import gzip
import zlib

import pytest
from doctor_seen import DONE, HEARTBEAT, STREAM_HEADERS, answered, chunk, error_body, streamed

from sluiceway.doctor.events import error_of, read_stream, text_of_json


def test_an_event_came_when_its_last_byte_did() -> None:
    first = chunk("one ", 0)
    stream = read_stream(streamed([(0.1, first[:9]), (0.2, first[9:]), (0.3, chunk("two", 100) + DONE)]))
    assert [(event.at_s, event.due_ms) for event in stream.events] == [(0.2, 0), (0.3, 100), (0.3, None)]
    assert (stream.text, stream.ended, stream.broken, stream.error) == ("one two", True, "", None)


def test_heartbeats_are_seen_in_either_form_and_are_no_events() -> None:
    pieces = [(1.0, HEARTBEAT), (2.0, b": heartbeat\n"), (3.0, b": heartbeat\n"), (4.0, chunk("x") + DONE)]
    stream = read_stream(streamed(pieces))
    assert stream.heartbeats == (1.0, 2.0, 3.0)
    assert len(stream.events) == 2


def test_a_colon_in_the_middle_of_a_line_is_no_heartbeat() -> None:
    event = chunk("x")
    cut = event.index(b":") if event.startswith(b"data") else 0
    assert read_stream(streamed([(1.0, event[:cut]), (2.0, event[cut:])])).heartbeats == ()


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
def test_compressed_streams_are_read(coding: str, compress: object) -> None:
    assert callable(compress)
    body = compress(chunk("hello") + DONE)
    headers = [*STREAM_HEADERS, ("content-encoding", coding)]
    stream = read_stream(streamed([(0.1, body[:12]), (0.2, body[12:])], headers=headers))
    assert (stream.text, stream.ended) == ("hello", True)


def test_a_compression_that_nobody_asked_for_is_told() -> None:
    stream = read_stream(streamed([(0.1, b"xx")], headers=[("content-encoding", "br")]))
    assert "br, which was not accepted" in stream.broken


def test_an_event_that_is_not_json_is_told_by_its_number() -> None:
    stream = read_stream(streamed([(0.1, chunk("x") + b"data: {oops\n\n" + DONE)]))
    assert stream.broken == "event 2 is not JSON of a chat answer"
    assert len(stream.events) == 3


def test_an_error_event_is_read() -> None:
    stream = read_stream(
        streamed([(0.1, b'data: {"error": {"message": "no", "code": "upstream_truncated"}}\n\n')])
    )
    assert stream.error == ("upstream_truncated", "no")


def test_a_json_answer_is_read() -> None:
    assert text_of_json(answered(200, {"choices": [{"message": {"content": "hello"}}]})) == "hello"
    assert text_of_json(answered(200, b"<html>")) is None
    assert text_of_json(answered(200, {"choices": []})) is None


def test_an_error_body_is_told_from_pages_and_other_json() -> None:
    assert error_of(answered(400, error_body("invalid_request", "why"))) == ("invalid_request", "why")
    assert error_of(answered(400, {"error": {"type": "overloaded_error"}})) == ("overloaded_error", "")
    assert error_of(answered(404, b"<html>")) is None
    assert error_of(answered(200, {"status": "ok"})) is None
    assert error_of(answered(400, {"error": "no"})) is None
