"""JSON answers before a dialect looks closer."""

from __future__ import annotations

import pytest

from sluiceway.dialects.json_answer import read_object, read_success
from sluiceway.errors import UpstreamInvalid, UpstreamReported


def test_an_object_is_read_as_leniently_as_clients_read_it() -> None:
    assert read_object(b'{"a": "\\ud83d"}') == {"a": "\ud83d"}
    assert read_success(b'{"error": null}') == {"error": None}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"<html>", b"{" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        read_object(body)


def test_an_error_object_is_no_success() -> None:
    with pytest.raises(UpstreamReported, match="boom"):
        read_success(b'{"error": {"message": "boom"}}')
