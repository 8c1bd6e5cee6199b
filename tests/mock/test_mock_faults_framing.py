"""Faults of form, seen from a raw socket: the bytes are odd, the answer is the same."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

import pytest
from mock_wire import ask, content, dechunk, header

from sluiceway.mock.faults.framing import split_inside
from sluiceway.mock.testing import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def plain(mock: RunningMock) -> bytes:
    """The body of the same answer without a fault."""
    return ask(mock).body


def test_a_body_is_split_within_characters_and_line_ends() -> None:
    assert list(split_inside("a🌊é\r\n".encode())) == [
        b"a\xf0",
        b"\x9f",
        b"\x8c",
        b"\x8a\xc3",
        b"\xa9\r",
        b"\n",
    ]


def test_split_utf8_cuts_every_write_inside(mock: RunningMock, plain: bytes) -> None:
    raw = ask(mock, "mock-gpt?fault=split-utf8")
    assert raw.body == plain.replace(b"\n", b"\r\n")
    pieces = [dechunk(read + b"0\r\n\r\n")[0] for read in raw.reads[1:] if read[:1] != b"0"]
    assert len(pieces) > 40  # the reader saw the cuts, it was not only sent them
    assert all(piece[-1] == 0x0D or piece[-1] >= 0x80 for piece in pieces[:-1])
    whole = ask(mock, "fault-split-utf8", stream=False)
    assert json.loads(whole.body)["choices"][0]["message"]["content"]


def test_byte_by_byte_writes_single_bytes(mock: RunningMock, plain: bytes) -> None:
    raw = ask(mock, "mock-gpt?fault=byte-by-byte")
    assert raw.body == plain
    assert len(raw.reads) > 100


@pytest.mark.parametrize(("fault", "newline"), [("crlf", b"\r\n"), ("cr", b"\r")])
def test_line_ends_are_replaced(mock: RunningMock, plain: bytes, fault: str, newline: bytes) -> None:
    assert ask(mock, f"mock-gpt?fault={fault}").body == plain.replace(b"\n", newline)
    assert ask(mock, f"fault-{fault}", stream=False).whole


def test_no_final_blank_line(mock: RunningMock, plain: bytes) -> None:
    assert ask(mock, "mock-gpt?fault=no-final-blank-line").body == plain[:-1]
    assert ask(mock, "fault-no-final-blank-line", stream=False).whole


@pytest.mark.parametrize("stream", [True, False])
def test_bom_comes_first(mock: RunningMock, stream: bool) -> None:
    body = ask(mock, "mock-gpt?fault=bom", stream=stream).body
    assert body == b"\xef\xbb\xbf" + ask(mock, stream=stream).body


def test_ids_are_on_every_event(mock: RunningMock, plain: bytes) -> None:
    body = ask(mock, "mock-gpt?fault=ids").body
    events = body.split(b"\n\n")[:-1]
    assert [event.split(b"\n")[0] for event in events] == [b"id: mock-%d" % i for i in range(len(events))]
    assert b"\n\n".join(event.partition(b"\n")[2] for event in events) + b"\n\n" == plain


def test_one_big_chunk_has_all_events(mock: RunningMock, plain: bytes) -> None:
    raw = ask(mock, "mock-gpt?fault=one-big-chunk")
    assert raw.raw_body == b"%x\r\n%b\r\n0\r\n\r\n" % (len(plain), plain)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("coding", "bits"), [("gzip", 31), ("deflate", 15)])
def test_compression_nobody_asked_for(mock: RunningMock, coding: str, bits: int, stream: bool) -> None:
    raw = ask(mock, f"mock-gpt?fault={coding}", stream=stream)
    assert header(raw.head, b"content-encoding") == coding
    assert zlib.decompress(raw.body, bits) == ask(mock, stream=stream).body


def test_each_compressed_event_can_be_read_when_it_comes(mock: RunningMock) -> None:
    raw = ask(mock, "mock-gpt?fault=gzip&ttft=0.05&tps=50&tokens=5")
    head, first = raw.reads[:2]
    assert head.endswith(b"\r\n\r\n")
    assert zlib.decompressobj(31).decompress(dechunk(first)[0]).startswith(b"data: {")


def test_br_label_is_on_junk(mock: RunningMock) -> None:
    raw = ask(mock, "fault-br-label")
    assert header(raw.head, b"content-encoding") == "br"
    assert b"data:" not in raw.body
    with pytest.raises(UnicodeDecodeError):
        raw.body.decode()


def test_wrong_content_type_is_on_a_good_stream(mock: RunningMock, plain: bytes) -> None:
    raw = ask(mock, "mock-gpt?fault=wrong-content-type")
    assert header(raw.head, b"content-type") == "text/plain"
    assert raw.body == plain


def test_1xx_responses_come_before_the_real_one(mock: RunningMock, plain: bytes) -> None:
    raw = ask(mock, "mock-gpt?fault=1xx", to_end=True, idle_s=1.0)
    first, second, head, rest = raw.data.split(b"\r\n\r\n", 3)
    assert first.startswith(b"HTTP/1.1 103 ")
    assert second.startswith(b"HTTP/1.1 102 ")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert dechunk(rest) == (plain, True)


@pytest.mark.parametrize("stream", [True, False])
def test_empty_body_is_whole_and_empty(mock: RunningMock, stream: bool) -> None:
    raw = ask(mock, "fault-empty-body", stream=stream)
    assert (raw.status, raw.body, raw.whole) == (200, b"", True)


def test_the_answer_survives_all_forms(mock: RunningMock) -> None:
    raw = ask(mock, "mock-gpt?fault=ids")
    assert content(raw.chunks) == ask(mock).text
