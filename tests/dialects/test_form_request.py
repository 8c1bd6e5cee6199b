"""Forms are read in place: short fields by value and place, files not at all; what is no form says so."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images_streams import FORM, form, part

from sluiceway.dialects.form_request import (
    HEADER_MAX_BYTES,
    HEADERS_MAX,
    PARTS_MAX,
    VALUE_MAX_BYTES,
    FormFields,
    FormRequest,
    changed_form,
    read_form,
    read_media_type,
)
from sluiceway.dialects.images import IMAGE_EDITS
from sluiceway.errors import InvalidRequest

WANTED = frozenset({"model", "stream"})
FILE = part(
    "image",
    b"\r\n--frontie\r\n-frontier--\x00\r\n--",
    filename='a "b".png',
    headers=b"Content-Type: image/png\r\n",
)


def read(body: bytes, boundary: bytes = b"frontier") -> FormFields:
    return read_form(body, boundary, WANTED)


def request(body: bytes) -> FormRequest:
    found = IMAGE_EDITS.read_request(body, FORM)
    assert isinstance(found, FormRequest)
    return found


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "media_type", "boundary"),
    [
        (b"", b"", b""),
        (b"application/json", b"application/json", b""),
        (b"Multipart/Form-Data; charset=utf-8; Boundary=aB", b"multipart/form-data", b"aB"),
        (b'multipart/form-data;boundary="a;b c"', b"multipart/form-data", b"a;b c"),
        (b"multipart/form-data; boundary=", b"multipart/form-data", b""),
    ],
)
def test_a_media_type_is_read_in_lower_case_and_its_boundary_as_it_is(
    header: bytes, media_type: bytes, boundary: bytes
) -> None:
    assert read_media_type(header) == (media_type, boundary)


def test_wanted_fields_come_with_their_place_and_all_else_is_skipped() -> None:
    body = form(FILE, part("model", b"m\r\n1"), part("prompt", b"x"), part("stream", b"true"))
    found = read(body)
    assert found.values == {"model": b"m\r\n1", "stream": b"true"}
    for name, (start, end) in found.spans.items():
        assert body[start:end] == found.values[name]
    assert body[: found.first_part] == b"--frontier\r\n"


def test_a_wanted_field_that_comes_twice_is_refused_and_others_may_come_often() -> None:
    body = form(part("model", b"a"), FILE, part("prompt", b"x"), FILE, part("prompt", b"y"))
    assert read(body).values == {"model": b"a"}
    with pytest.raises(InvalidRequest, match="model comes twice") as caught:
        read(form(part("model", b"a"), FILE, part("model", b"a")))
    assert caught.value.param == "model"


def test_an_empty_value_has_a_place_too() -> None:
    body = form(part("stream", b""), part("model", b"", headers=b"X-Empty:\r\n"), FILE)
    found = read(body)
    assert found.values == {"stream": b"", "model": b""}
    start, end = found.spans["stream"]
    assert start == end
    assert body[:start].endswith(b'name="stream"\r\n\r\n')
    start, end = found.spans["model"]
    assert start == end
    assert body[:start].endswith(b"X-Empty:\r\n\r\n")


def test_a_file_is_no_field_whatever_its_name() -> None:
    assert read(form(part("model", b"m", filename=""), part("stream", b"1", filename="s"))).values == {}


@pytest.mark.parametrize(
    "disposition",
    [
        b"content-disposition:form-data;name=model",
        b'CONTENT-DISPOSITION:  Form-Data ; Name="model"',
        b"Content-Type: text/plain\r\nContent-Disposition: form-data; x=y; name=model",
    ],
)
def test_a_parts_head_may_be_written_in_any_way(disposition: bytes) -> None:
    assert read(b"\r\n--frontier\r\n" + disposition + b"\r\n\r\nm\r\n--frontier--").values == {"model": b"m"}


def test_what_follows_the_last_boundary_is_nobodys_business() -> None:
    assert read(form(part("model", b"m")) + b"--frontier\r\nepilogue").values == {"model": b"m"}


def test_a_large_file_costs_next_to_nothing() -> None:
    """30 MB in which every other line begins nearly as the boundary does."""
    body = form(part("image", b"\r\n--frontieR\r\n-" * 2_000_000, filename="a.png"), part("model", b"m"))
    began = time.thread_time()
    assert read(body).values == {"model": b"m"}
    assert time.thread_time() - began < 2.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"\r\n--frontier\r\n", "more than 64 parts"),
        (b"\r\n--frontierx", "begins as its boundary does, at byte 24"),
        (b"\r\n--frontier ", "begins as its boundary does, at byte 24"),
        (b"\r\n--frontier" + b" " * 9_000_000, "begins as its boundary does, at byte 24"),
        (b"\r\n--frontier-x", "begins as its boundary does, at byte 24"),
        (b"\r\n\r\n", "last boundary is missing"),
        (b"\r\na: b", "header count"),
        (b"\r\r", "LF"),
        (b" ", "header size"),
        (b"a", "header size"),
        (b"\r\na", "header size"),
    ],
)
def test_no_form_takes_long_to_be_refused(text: bytes, says: str) -> None:
    """The gateway does nothing else meanwhile, and byte by byte this much would take it seconds."""
    body = b"--frontier\r\nname:value" + text * (10_000_000 // len(text))
    began = time.thread_time()
    with pytest.raises(InvalidRequest, match=says):
        read(body)
    assert time.thread_time() - began < 1.0


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────

WHOLE = form(FILE, part("model", b"m"))


@pytest.mark.parametrize("cut", range(len(WHOLE) - len("\r\n")))
def test_a_form_that_was_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(InvalidRequest, match="form"):
        read(WHOLE[:cut])


@pytest.mark.parametrize(
    ("body", "boundary", "says"),
    [
        (WHOLE, b"", "names no boundary"),
        (WHOLE, b"other", "not a valid multipart/form-data body"),
        (WHOLE, b"x" * 300, "not a valid multipart/form-data body"),
        (b'{"model":"m"}', b"frontier", "not a valid multipart/form-data body"),
        (WHOLE.replace(b"\r\n", b"\n"), b"frontier", "not a valid multipart/form-data body"),
        (form(b"bad header: x\r\n\r\nm\r\n"), b"frontier", "not a valid multipart/form-data body"),
        (b"", b"frontier", "its last boundary is missing"),
        (b"--frontier--\r\n", b"frontier", "without a field"),
        (form(b"\r\nm\r\n"), b"frontier", "part 1 of the form has no name"),
        (
            form(FILE, b"Content-Disposition: form-data\r\n\r\nm\r\n"),
            b"frontier",
            "part 2 of the form has no name",
        ),
        (
            form(b"Content-Disposition: attachment; name=model\r\n\r\nm\r\n"),
            b"frontier",
            "part 1 of the form has no name",
        ),
        (form(b"Content-Disposition:\r\n\r\nm\r\n"), b"frontier", "part 1 of the form has no name"),
    ],
)
def test_what_is_no_form_says_why(body: bytes, boundary: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read(body, boundary)


def test_limits_hold_and_do_not_bite_below() -> None:
    fits = form(*[FILE] * (PARTS_MAX - 1), part("model", b"m" * VALUE_MAX_BYTES))
    assert len(read(fits).values["model"]) == VALUE_MAX_BYTES
    with pytest.raises(InvalidRequest, match="more than 64 parts"):
        read(form(*[FILE] * (PARTS_MAX + 1)))
    with pytest.raises(InvalidRequest, match="model must have at most 4096 bytes") as caught:
        read(form(part("model", b"m" * (VALUE_MAX_BYTES + 1))))
    assert caught.value.param == "model"
    long = "x" * (HEADER_MAX_BYTES - 60)
    assert read(form(part("image", b"", filename=long))).values == {}
    with pytest.raises(InvalidRequest, match="header size"):
        read(form(part("image", b"", filename=long + "x" * 60)))
    with pytest.raises(InvalidRequest, match="header count"):
        read(form(part("image", b"", headers=b"X: y\r\n" * HEADERS_MAX)))


# ── changing ────────────────────────────────────────────────────────────────────────────────────────


def test_a_form_in_which_nothing_changes_is_the_clients_own_bytes() -> None:
    body = form(part("model", b"m"), part("stream", b"1"), FILE)
    assert changed_form(request(body), model="m", force_stream=True) is body
    assert changed_form(request(body), model=None, force_stream=False) is body


def test_a_value_is_replaced_in_its_place() -> None:
    def made(model: bytes, stream: bytes) -> bytes:
        return form(FILE, part("model", model), FILE, part("stream", stream), FILE)

    both = request(made(b"m", b"false"))
    assert changed_form(both, model="longer-name", force_stream=True) == made(b"longer-name", b"true")
    assert changed_form(request(made(b"m", b"")), model=None, force_stream=True) == made(b"m", b"true")
    assert changed_form(both, model="x", force_stream=False) == made(b"x", b"false")


def test_a_missing_stream_field_is_put_in_front_of_all_others() -> None:
    body = b"\r\n" + form(FILE, part("model", b"m")) + b"epilogue"
    changed = changed_form(request(body), model=None, force_stream=True)
    assert changed == b"\r\n" + form(part("stream", b"true"), FILE, part("model", b"m")) + b"epilogue"
    assert request(changed).stream


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

PARTS = st.lists(
    st.tuples(
        st.sampled_from(["prompt", "image[]", "model", "stream"]),
        st.binary(max_size=12).filter(lambda value: b"frontier" not in value),
    ),
    max_size=5,
)


@given(
    PARTS, st.integers(0, 5), st.integers(0, 6), st.text(min_size=1, max_size=8), st.booleans(), st.booleans()
)
@settings(max_examples=100, deadline=None)
def test_a_changed_form_is_the_same_form_but_for_what_was_changed(
    others: list[tuple[str, bytes]], at: int, stream_at: int, model: str, streams: bool, force: bool
) -> None:
    def made(model: bytes, stream: bytes | None) -> bytes:
        parts = [part(name, value, filename="f") for name, value in others]
        parts.insert(at, part("model", model))
        if stream is not None:
            parts.insert(stream_at, part("stream", stream))
        return form(*parts)

    changed = changed_form(request(made(b"m", b"0" if streams else None)), model=model, force_stream=force)
    if force and not streams:
        assert changed == b"--frontier\r\n" + part("stream", b"true") + made(model.encode(), None)
    else:
        assert changed == made(model.encode(), (b"true" if force else b"0") if streams else None)


PIECES = st.sampled_from(
    [
        b"--frontier",
        b"--",
        b"\r\n",
        b"\r",
        b"\n",
        b":",
        b" ",
        b"Content-Disposition: form-data",
        b'; name="model"',
        b"; filename=",
        b'"',
        b"m",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=6), max_size=14).map(b"".join), st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_nothing_at_all_raises_anything_but_what_the_client_can_mend(
    body: bytes, content_type: bytes
) -> None:
    for kind in (FORM, content_type, b"multipart/form-data; boundary=" + content_type):
        with suppress(InvalidRequest):
            IMAGE_EDITS.read_request(body, kind)
