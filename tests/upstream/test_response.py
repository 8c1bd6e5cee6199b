"""What a head says of the body to come."""

from __future__ import annotations

import pytest

from sluiceway.errors import UpstreamInvalid
from sluiceway.upstream.response import read_head
from sluiceway.wire.http import Headers

GZIP: Headers = [(b"a", b"b"), (b"content-encoding", b"gzip"), (b"content-length", b"30")]


@pytest.mark.parametrize(
    ("status", "headers", "no_body", "length", "until_eof"),
    [
        (200, [(b"content-length", b"5")], False, 5, False),
        (200, [(b"transfer-encoding", b"Chunked")], False, None, False),
        (200, [], False, None, True),
        (204, [], False, 0, False),
        (304, [(b"content-length", b"5")], False, 0, False),
        (200, [(b"content-length", b"5")], True, 5, False),
        (200, [], True, None, False),
    ],
)
def test_how_a_body_ends_follows_from_status_and_headers(
    status: int, headers: Headers, no_body: bool, length: int | None, until_eof: bool
) -> None:
    framing = read_head(status, headers, no_body=no_body)
    assert framing.head.headers == headers
    assert framing.head.length == length
    assert framing.until_eof is until_eof
    assert framing.decoder is None


def test_a_body_that_will_be_decoded_is_announced_as_it_will_be_delivered() -> None:
    framing = read_head(200, GZIP, no_body=False)
    assert framing.head.headers == [(b"a", b"b")]
    assert framing.head.length is None
    assert framing.decoder is not None
    assert not framing.until_eof


def test_identity_is_a_word_too_many() -> None:
    framing = read_head(200, [(b"content-encoding", b"Identity"), (b"content-length", b"3")], no_body=False)
    assert framing.head.headers == [(b"content-length", b"3")]
    assert framing.head.length == 3
    assert framing.decoder is None


@pytest.mark.parametrize("coding", [b"br", b"gzip, br"])
def test_a_body_that_can_not_be_decoded_is_announced_as_it_came(coding: bytes) -> None:
    headers = [(b"content-encoding", coding), (b"content-length", b"30")]
    framing = read_head(200, headers, no_body=False)
    assert framing.head.headers == headers
    assert framing.head.length == 30
    assert framing.decoder is None


def test_an_answer_to_head_is_announced_as_it_came() -> None:
    framing = read_head(200, GZIP, no_body=True)
    assert framing.head.headers == GZIP
    assert framing.decoder is None


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip", b"identity"])
def test_transfer_codings_that_nobody_asked_for_are_refused(coding: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        read_head(200, [(b"transfer-encoding", coding)], no_body=False)
