"""Redaction as a whole: nothing secret is left, and bodies stay what they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redact_samples import (
    CHAT,
    ENCODED,
    FRAGMENTS,
    IMAGE_EVENTS,
    KEYS,
    MESSAGES,
    PICTURE,
    PICTURE_MARK,
    RESPONSES,
    RESPONSES_EVENTS,
    as_json,
)

from sluiceway.observe.redact import (
    CUT,
    EDGE_BYTES,
    Redactor,
    carries_credential,
    credentials_in,
    cut,
    is_cut,
    is_redacted,
    kind_of,
    without_mark,
)
from sluiceway.wire.sse import encode_event, parse_events

JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
FORM = b"multipart/form-data; boundary=xyz"

# Patterns that match what JSON is made of, wherever they may.
NASTY = (r"\d+", r'["\\{}:,]', "[a-c]+", r"\s", "n", ".{3}")

KNOWN = [b"nothing.to.see", b"word-word-word", b"00e9abcdefabc", *(key.encode() for key in KEYS)]

texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=5).map("".join)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            texts | st.sampled_from(["api_key", "b64_json", "data", "secret"]), inner, max_size=3
        )
        | inner.map(json.dumps)
    ),  # tool arguments are JSON in a string
    max_leaves=8,
)
redactors = st.builds(
    Redactor,
    st.lists(st.sampled_from(NASTY), max_size=3, unique=True),
    images=st.booleans(),
    known=st.lists(st.sampled_from(KNOWN), max_size=2),
)


def shape(value: Any) -> Any:
    """What JSON is, without what it says. Numbers may have become strings."""
    if isinstance(value, dict):
        return {"members": len(value)}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return value if value is None or isinstance(value, bool) else "a value"


# ── properties ──────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=400, deadline=None)
@given(values, redactors, st.booleans(), st.sampled_from([None, 1]))
def test_json_stays_json(value: Any, redactor: Redactor, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode(errors="surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:  # half a surrogate pair as itself is no JSON in the first place
        body = json.dumps(value).encode()
    redacted = redactor.body(body, JSON)
    now = json.loads(redacted.body)
    if not isinstance(value, dict):  # two names may have become one
        assert shape(now) == shape(value)
    if not redacted.replaced:
        assert redacted.body == body


@settings(max_examples=200, deadline=None)
@given(st.lists(values, min_size=1, max_size=4), redactors, st.sampled_from([b"", b"delta"]))
def test_a_stream_stays_the_same_events(contents: list[Any], redactor: Redactor, name: bytes) -> None:
    body = b"".join(encode_event(json.dumps(value).encode(), event=name) for value in contents)
    body += b": a comment\r\n\r\ndata: [DONE]\n\n"
    before, after = parse_events(body), parse_events(redactor.body(body, EVENTS).body)
    assert len(before) == len(after)
    for event in after[: len(contents)]:
        assert event.data is not None
        json.loads(event.data)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(max_size=20) | st.sampled_from([f.encode(errors="replace") for f in FRAGMENTS])).map(
        b"".join
    ),
    redactors,
    st.sampled_from([JSON, EVENTS, FORM, b"", b"audio/mpeg", b"text/plain"]),
)
def test_whatever_comes_is_taken(body: bytes, redactor: Redactor, content_type: bytes) -> None:
    redacted = redactor.body(body, content_type)
    assert redacted.replaced or redacted.body == body


around = st.lists(st.sampled_from(["\n", "é", '"', "\\", " ", "word", "\x00", "{", "😀"])).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(KEYS)), around, around, st.booleans())
def test_no_key_is_left_in_json(key: str, before: str, after: str, ascii_only: bool) -> None:
    text = f"{before} {key} {after}"
    value = {"a": text, "b": json.dumps({"c": text}), text: [f"\n{key}"]}
    redacted = Redactor().body(json.dumps(value, ensure_ascii=ascii_only).encode(), JSON)
    assert key.splitlines()[-1][-16:].encode() not in redacted.body
    assert redacted.replaced == 4


# ── the four APIs ───────────────────────────────────────────────────────────────────────────────────


def test_a_chat_request() -> None:
    body = as_json(CHAT)
    expected = body.replace(ENCODED.encode(), PICTURE_MARK.encode()).replace(
        b"sk-proj-Abc123Def456Ghi789Jkl012", b"[redacted:api-key]"
    )
    assert Redactor().body(body, JSON) == (expected, 2)


def test_a_responses_request() -> None:
    body = as_json(RESPONSES)
    expected = (
        body.replace(ENCODED.encode(), PICTURE_MARK.encode())
        .replace(b"any-thing at all", b"[redacted:secret]")
        .replace(b'"short"', b'"[redacted:secret]"')
    )
    assert Redactor().body(body, JSON) == (expected, 4)


def test_a_messages_request() -> None:
    redacted = Redactor().body(as_json(MESSAGES), JSON)
    value = json.loads(redacted.body)
    assert value["mcp_servers"][0] == {
        "url": "https://mcp.example/",
        "authorization_token": "[redacted:secret]",
    }
    sources = [block["source"]["data"] for block in value["messages"][0]["content"]]
    assert sources[0] == PICTURE_MARK
    assert sources[1].startswith("<image 8 bytes, sha256 ")
    assert sources[2] == "JVBERi0xLjQK"
    assert value["messages"][1] == MESSAGES["messages"][1]
    assert redacted.replaced == 3


def test_streams_of_images_and_of_responses() -> None:
    redacted = Redactor().body(IMAGE_EVENTS.encode(), EVENTS)
    assert redacted == (IMAGE_EVENTS.replace(ENCODED, PICTURE_MARK).encode(), 2)
    redacted = Redactor().body(RESPONSES_EVENTS.encode(), EVENTS)
    expected = RESPONSES_EVENTS.replace(ENCODED, PICTURE_MARK).replace(
        "AKIAABCDEFGH01234567", "[redacted:aws-key]"
    )
    assert redacted == (expected.encode(), 2)


def test_a_form_with_a_file() -> None:
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'
        b"bob@example.com, sk-proj-Abc123Def456Ghi789\r\n"
        b'--xyz\r\nContent-Disposition: form-data; name="image"; filename="bob@example.com"\r\n'
        b"Content-Type: image/png\r\n\r\n" + PICTURE + b"\r\n--xyz--\r\n"
    )
    redacted = Redactor([r"\w+@[\w.]+"]).body(body, FORM)
    assert redacted.replaced == 3
    assert redacted.body == body.replace(PICTURE, PICTURE_MARK.encode()).replace(
        b"bob@example.com, sk-proj-Abc123Def456Ghi789", b"[redacted], [redacted:api-key]"
    )


def test_images_stay_where_the_operator_wants_them() -> None:
    for body in (as_json(MESSAGES), IMAGE_EVENTS.encode()):
        assert ENCODED.encode() in Redactor(images=True).body(body, b"").body


def test_known_credentials_are_taken_out_of_bodies() -> None:
    redactor = Redactor(known=[b"the-upstreams-own-key"])
    redacted = redactor.body(
        b'{"error":"wrong key: the-upstreams-own-key, not mine.is-this-one"}',
        JSON,
        known=[b"mine.is-this-one"],
    )
    assert redacted.body == b'{"error":"wrong key: [redacted:credential], not [redacted:credential]"}'


# ── headers and paths ───────────────────────────────────────────────────────────────────────────────


def test_headers_that_carry_credentials_are_dropped_and_others_are_searched() -> None:
    headers = [
        (b"authorization", b"Bearer mine"),
        (b"x-api-key", b"mine"),
        (b"api-key", b"mine"),
        (b"cookie", b"session=mine"),
        (b"proxy-authorization", b"Basic mine"),
        (b"x-goog-api-key", b"mine"),
        (b"x-amz-security-token", b"mine"),
        (b"x-auth-token", b"mine"),
        (b"cf-access-client-secret", b"mine"),
        (b"user-agent", b"OpenAI/Python 3"),
        (b"x-custom", b"it is sk-proj-Abc123Def456Ghi789 \xe9"),
    ]
    assert Redactor().headers(headers) == (
        ("user-agent", "OpenAI/Python 3"),
        ("x-custom", "it is [redacted:api-key] é"),
    )


@pytest.mark.parametrize(
    "name",
    [
        b"anthropic-version",
        b"anthropic-beta",
        b"openai-organization",
        b"x-stainless-os",
        b"idempotency-key",
        b"accept",
    ],
)
def test_ordinary_headers_are_kept(name: bytes) -> None:
    assert not carries_credential(name)


def test_credentials_in_headers_are_known_without_their_scheme() -> None:
    headers = [(b"authorization", b"Bearer one"), (b"x-api-key", b" two "), (b"accept", b"three")]
    assert credentials_in(headers) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (b"/v1/messages?beta=true", "/v1/messages?beta=true"),
        (b"/v1/x?key=abc&alt=sse", "/v1/x?key=[redacted:credential]&alt=sse"),
        (b"/v1/x?a=1&access_token=abc", "/v1/x?a=1&access_token=[redacted:credential]"),
        (b"/v1/files/sk-proj-Abc123Def456Ghi789", "/v1/files/[redacted:api-key]"),
    ],
)
def test_paths_keep_their_query_without_credentials(path: bytes, kept: str) -> None:
    assert Redactor().path(path) == kept


@pytest.mark.parametrize("piece", [b"?key", b"&", b"key", b"&key=", b"?"])
def test_a_long_query_is_gone_through(piece: bytes) -> None:
    Redactor().path(b"/v1/x?" + piece * (200_000 // len(piece)))


# ── kinds ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"", JSON, "json"),
        (b"", b"application/problem+json", "json"),
        (b"", EVENTS, "events"),
        (b"", FORM, "form"),
        (b"{}", b"text/html", "text"),
        (b' {"a":1}', b"", "json"),
        (b"[1]", b"", "json"),
        (b"data: x\n\n", b"", "events"),
        (b": hello\n\n", b"", "events"),
        (b"event: x\n\n", b"", "events"),
        (b"\xff\xfb", b"", "text"),
        (b"", b"", "text"),
    ],
)
def test_what_a_body_is_is_told_by_its_type_or_by_how_it_begins(
    body: bytes, content_type: bytes, kind: str
) -> None:
    assert kind_of(body, content_type) == kind


# ── cutting ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_body_that_fits_is_not_cut() -> None:
    assert cut(b"12345", "text", 5, unseen=False) == b"12345"
    assert not is_cut(b"12345")


def test_a_body_that_is_cut_says_so_and_keeps_to_its_limit() -> None:
    body = cut(b"x" * 100, "json", 50, unseen=False)
    assert body == b"x" * 45 + CUT
    assert is_cut(body)
    assert without_mark(body) == b"x" * 45


def test_a_stream_is_cut_between_two_events() -> None:
    events = b"data: one\n\ndata: two\n\ndata: three\n\n"
    body = cut(events, "events", 32, unseen=False)
    assert body == b"data: one\n\ndata: two\n\n: [cut]\n\n"
    assert is_cut(body)
    assert without_mark(body) == b"data: one\n\ndata: two\n\n"
    assert [event.data for event in parse_events(body)] == [b"one", b"two", None]


@pytest.mark.parametrize("limit", range(12))
def test_a_small_limit_is_kept_to(limit: int) -> None:
    for kind in ("events", "text"):
        assert len(cut(b"data: one\n\n" * 9, kind, limit, unseen=False)) <= limit


@pytest.mark.parametrize("key", sorted(KEYS))
def test_half_a_key_at_the_edge_of_what_was_seen_is_left_out(key: str) -> None:
    whole = b"x " * EDGE_BYTES + key.encode()
    for end in range(2 * EDGE_BYTES, len(whole)):
        body = cut(Redactor().body(whole[:end], b"text/plain").body, "text", 10**6, unseen=True)
        assert set(without_mark(body)) == {ord("x"), ord(" ")}
        assert is_cut(body)


def test_what_was_replaced_can_be_told() -> None:
    assert is_redacted(b'{"a":"[redacted:api-key]"}')
    assert is_redacted(b'{"a":"[redacted]"}')
    assert is_redacted(PICTURE_MARK.encode())
    assert not is_redacted(b'{"a":"<image>"}')
