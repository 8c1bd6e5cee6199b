"""Responses as transcripts: what a script would do, without a socket."""

from __future__ import annotations

import pytest

from sluiceway.mock.scene import Act, Event, Framing, Part, Response, Wait, json_response

TWO = (Part(b"one", 0.5), Part(b"four"))


def test_an_event_has_its_name_id_and_line_end() -> None:
    event = Event("token", {"a": "é\u2028"}, name="delta")
    assert event.encode() == 'event: delta\ndata: {"a":"é\u2028"}\n\n'.encode()
    assert (
        event.encode(newline=b"\r\n", id="7")
        == 'id: 7\r\nevent: delta\r\ndata: {"a":"é\u2028"}\r\n\r\n'.encode()
    )
    assert Event("end", "[DONE]").encode() == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("framing", "header", "first", "ending"),
    [
        (Framing.CHUNKED, b"transfer-encoding: chunked", b"3\r\none\r\n", [b"0\r\n\r\n", Act.DONE]),
        (Framing.LENGTH, b"content-length: 7", b"one", [Act.DONE]),
        (Framing.UNTIL_CLOSE, b"connection: close", b"one", [Act.LAST]),
    ],
)
def test_a_response_is_delivered_in_its_framing(
    framing: Framing, header: bytes, first: bytes, ending: list[object]
) -> None:
    script = list(Response(framing=framing, parts=TWO, lead_s=0.1).script())
    assert script[:2] == [Wait(0.1), b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n"]
    assert script[2:4] == [Wait(0.5, steady=True), first]
    assert script[6:] == ending


def test_a_closing_response_says_so_and_does_so() -> None:
    response = json_response(404, {}).tweak(closing=True)
    assert b"HTTP/1.1 404 Not Found\r\n" in response.head()
    assert b"connection: close\r\n" in response.head()
    assert list(response.end()) == [Act.LAST]


def test_an_empty_part_is_not_taken_for_the_last_chunk() -> None:
    assert Response().framed(b"") == b""


def test_halves_are_those_of_the_next_part_and_empty_after_the_last() -> None:
    response = Response(parts=TWO)
    assert response.halves(1) == (b"fo", b"ur")
    assert response.halves(2) == (b"", b"")
    assert len(list(response.until(1))) == 4
