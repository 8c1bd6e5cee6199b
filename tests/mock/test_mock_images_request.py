"""Reading forms and JSON: what is accepted, and what is refused with a name."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.errors import InvalidRequest
from sluiceway.mock.images_request import ImagesRequest, Kind, Uploads, read_images_request

FORM = "multipart/form-data; boundary=frontier"


def form(*parts: tuple[str, bytes], end: bytes = b"--frontier--\r\n") -> bytes:
    """A form of parts, each what its content-disposition says and its data."""
    body = b""
    for disposition, data in parts:
        body += b"--frontier\r\ncontent-disposition: form-data; " + disposition.encode() + b"\r\n\r\n"
        body += data + b"\r\n"
    return body + end


PROMPT = ('name="prompt"', "flüsse".encode())
IMAGE = ('name="image"; filename="a.png"', b"\x89PNG\r\n--front")
SECOND = ('name="image[]"; filename="b.png"', b"B")


def read(kind: Kind, body: bytes, content_type: str = FORM) -> tuple[ImagesRequest, Uploads]:
    return read_images_request(kind, body, content_type)


def test_a_form_has_fields_images_in_order_and_a_mask() -> None:
    mask = ('name="mask"; filename="m.png"', b"M")
    body = form(
        PROMPT, SECOND, mask, IMAGE, ('name="n"', b"2"), ('name="stream"', b"true"), ('name="user"', b"u")
    )
    request, uploads = read("edit", body)
    assert (request.prompt, request.n, request.stream) == ("flüsse", 2, True)
    assert uploads == Uploads((b"B", IMAGE[1]), b"M")


def test_an_image_may_come_without_a_file_name() -> None:
    _, uploads = read("variation", form(('name="image"', b"\x89PNG")))
    assert uploads.images == (b"\x89PNG",)


def test_a_large_file_stays_whole() -> None:
    data = bytes(range(256)) * 20_000
    _, uploads = read("variation", form(('name="image"; filename="a.png"', data)))
    assert uploads.images == (data,)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(PROMPT, IMAGE, end=b""), FORM),
        (form(PROMPT, IMAGE)[:40], FORM),
        (b"", FORM),
        (b"not a form", FORM),
        (form(("filename=nameless", b"x")), FORM),
        (form(PROMPT, IMAGE), "multipart/form-data"),
        (form(PROMPT, IMAGE), "multipart/form-data; boundary=" + "x" * 300),
    ],
)
def test_a_form_that_is_not_whole_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(InvalidRequest, match="multipart"):
        read("edit", body, content_type)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "p"}, "image"),
        ({"prompt": "p", "images": []}, "image"),
        ({"prompt": "p", "images": "x"}, "images"),
        ({"prompt": "p", "images": [{"file_id": "file-1"}]}, "images[0]"),
        ({"prompt": "p", "images": [{"image_url": "https://example.com/a.png"}]}, "images[0]"),
        ({"prompt": "p", "images": [{"image_url": "data:image/png;base64,é"}]}, "images[0]"),
        ({"prompt": "p", "images": [{"image_url": "data:,"}, {}]}, "images[0]"),
        ({"prompt": "p", "images": [{"image_url": "data:;base64,QQ=="}], "mask": {"file_id": "f"}}, "mask"),
        ({"prompt": 1, "images": [{"image_url": "data:;base64,QQ=="}]}, "prompt"),
        ({"prompt": "x" * 32_001, "images": [{"image_url": "data:;base64,QQ=="}]}, "prompt"),
    ],
)
def test_an_edit_in_json_names_the_field_at_fault(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("edit", json.dumps(fields).encode(), "application/json")
    assert caught.value.param == param


def test_null_is_the_same_as_nothing() -> None:
    fields = {"prompt": "p", "n": None, "size": None, "stream": None, "output_format": None}
    request, uploads = read("generation", json.dumps(fields).encode(), "application/json")
    assert (request, uploads) == (ImagesRequest(prompt="p"), Uploads())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b'{"prompt": "\xff"}'])
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read("generation", body, "application/json")


@given(
    st.binary(max_size=300), st.sampled_from([FORM, "multipart/form-data; boundary=", "application/json", ""])
)
def test_no_body_raises_anything_but_an_invalid_request(body: bytes, content_type: str) -> None:
    for data in (body, form(PROMPT, IMAGE)[: len(body)] + body):
        with contextlib.suppress(InvalidRequest):
            read("edit", data, content_type)
