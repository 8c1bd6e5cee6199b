"""The data of images is replaced by its size and hash, in every API; what is no image stays."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redact_samples import (
    CHAT,
    ENCODED,
    IMAGE_EVENTS,
    MESSAGES,
    PICTURE,
    PICTURE_MARK,
    RESPONSES,
    RESPONSES_EVENTS,
    as_json,
)

from sluiceway.observe.redact_images import find_files, find_images, form_parts
from sluiceway.observe.redact_spans import SLICE, splice

FORM_TYPE = b"multipart/form-data; boundary=xyz"
FORM = (
    b'--xyz\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na cat\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    + PICTURE
    + b'\r\n--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nMP3\r\n--xyz--\r\n'
)


def redacted(body: bytes) -> bytes:
    return splice(body, find_images(body, lambda: None))[0]


def mark(data: bytes, kind: str = "image") -> bytes:
    return f"<{kind} {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}>".encode()


@pytest.mark.parametrize("value", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_a_request_keeps_all_but_its_images(value: object) -> None:
    body = as_json(value)
    assert redacted(body) == body.replace(ENCODED.encode(), PICTURE_MARK.encode())


def test_sources_of_messages_are_images_if_they_say_so() -> None:
    body = as_json(MESSAGES)
    small = base64.b64decode("AAECAwQFBgc=")
    expected = body.replace(ENCODED.encode(), PICTURE_MARK.encode()).replace(b"AAECAwQFBgc=", mark(small))
    assert redacted(body) == expected
    assert b"JVBERi0xLjQK" in expected


@pytest.mark.parametrize("events", [IMAGE_EVENTS, RESPONSES_EVENTS], ids=["images", "responses"])
def test_a_stream_keeps_all_but_its_images(events: str) -> None:
    assert redacted(events.encode()) == events.replace(ENCODED, PICTURE_MARK).encode()


def test_an_answer_of_the_images_api_keeps_all_but_its_images() -> None:
    answer = {"created": 1, "data": [{"b64_json": ENCODED}, {"b64_json": None, "url": "https://x/y.png"}]}
    body = json.dumps(answer, indent=2).encode()
    assert redacted(body) == body.replace(ENCODED.encode(), PICTURE_MARK.encode())


def test_escapes_and_other_alphabets_of_base64_are_seen_through() -> None:
    data = bytes(range(256)) * 3
    for encoded in (
        base64.b64encode(data).decode().replace("/", "\\/"),
        base64.urlsafe_b64encode(data).decode(),
        base64.encodebytes(data).decode().replace("\n", "\\n"),
        base64.b64encode(data).decode().rstrip("="),
    ):
        body = b'{"url":"data:image\\/jpeg;base64,%b"}' % encoded.encode()
        assert redacted(body) == b'{"url":"data:image\\/jpeg;base64,%b"}' % mark(data)


def test_an_image_in_json_within_json_is_found() -> None:
    body = json.dumps({"arguments": json.dumps({"b64_json": ENCODED})}).encode()
    assert json.loads(json.loads(redacted(body))["arguments"]) == {"b64_json": PICTURE_MARK}


def test_an_image_within_text_ends_where_its_base64_does() -> None:
    body = f"![x](data:image/png;base64,{ENCODED}) and on".encode()
    assert redacted(body) == f"![x](data:image/png;base64,{PICTURE_MARK}) and on".encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"url":"data:text/plain;base64,aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ="}',
        b'{"input_audio":{"data":"UklGR","format":"wav"}}',
        b'{"data":[{"embedding":"AAECAwQFBgcAAQIDBAUGBw=="}],"media_type":"image/png"}',
        b'{"text":";base64, is how data: URLs say image/png"}',
        b'{"b64_json":null,"data":7}',
        b'{"encrypted_content":"gAAAAABoZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v"}',
    ],
)
def test_what_is_no_image_stays(body: bytes) -> None:
    assert redacted(body) == body


@given(st.binary(min_size=1, max_size=200), st.integers(-3, 3))
def test_size_and_hash_are_those_of_the_bytes_wherever_slices_end(data: bytes, shift: int) -> None:
    repeats = (SLICE * 3 // 4 + shift) // len(data) + 1
    image = data * repeats
    body = b'{"b64_json":"%b"}' % base64.b64encode(image)
    assert redacted(body) == b'{"b64_json":"%b"}' % mark(image)


# ── forms ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_files_of_a_form_are_replaced_and_its_fields_stay() -> None:
    expected = FORM.replace(PICTURE, mark(PICTURE)).replace(b"MP3", mark(b"MP3", "file"))
    assert splice(FORM, find_files(FORM, FORM_TYPE, lambda: None))[0] == expected


def test_a_form_that_is_cut_off_shows_nothing_of_its_file() -> None:
    for end in range(len(FORM)):
        body = splice(FORM[:end], find_files(FORM[:end], FORM_TYPE, lambda: None))[0]
        assert b"PNG" not in body


def test_a_form_without_a_boundary_has_no_parts() -> None:
    assert list(form_parts(FORM, b"multipart/form-data")) == []
    assert list(form_parts(b"", FORM_TYPE)) == []


# ── hostile bodies: none takes long, which the suite's time limit would notice ──────────────────────


@pytest.mark.parametrize(
    "piece",
    [
        b";base64,",
        b"data:image/png;base64,",
        b"data:image/png,;base64,",
        b'"iVBORw0KGgo',
        b'"data":"',
        b'"data":"A"',
        b'b64_json":"',
        b"\\",
        b"\\n",
        b'"/9j/',
        b"data:",
        b'{"media_type":"image"',
    ],
)
def test_a_megabyte_of_beginnings_is_gone_through(piece: bytes) -> None:
    redacted(piece * (1_000_000 // len(piece)))
    redacted(b'{"b64_json":"' + piece * (1_000_000 // len(piece)))


@pytest.mark.parametrize("piece", [b"--xyz", b"\r\n--xyz\r\n", b"--xyz\r\n\r\n", b"filename", b"\r\n"])
def test_a_megabyte_of_boundaries_is_gone_through(piece: bytes) -> None:
    body = b"--xyz\r\n" + piece * (1_000_000 // len(piece))
    splice(body, find_files(body, FORM_TYPE, lambda: None))
