"""A JSON answer with images becomes a proper stream, in which nothing that came is lost."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images_streams import ABOUT, ANSWERS, COUNTED, DEEP, asking_for, collect
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent

from sluiceway.dialects.base import Dialect
from sluiceway.dialects.images import IMAGE_EDITS, IMAGE_GENERATIONS, IMAGE_VARIATIONS
from sluiceway.errors import GatewayError, UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import parse_events


def explode(answer: Any, images: int = 1, dialect: Dialect = IMAGE_GENERATIONS) -> bytes:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return dialect.explode(body, asking_for(images), include_usage=True)


def documents(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.data or b"") for event in parse_events(stream)]


@pytest.mark.parametrize("name", ANSWERS)
def test_collecting_the_stream_gives_the_answer_back(name: str) -> None:
    answer = ANSWERS[name]
    images = len(answer["data"])
    assert collect(asking_for(images), explode(answer, images)) == answer


@pytest.mark.parametrize("name", ANSWERS)
def test_a_follower_finds_the_stream_complete(name: str) -> None:
    images = len(ANSWERS[name]["data"])
    follower = IMAGE_GENERATIONS.follow(asking_for(images), hide_usage=False)
    stream = explode(ANSWERS[name], images)
    assert follower.feed(stream) == stream
    assert follower.ended
    assert follower.error is None
    assert follower.usage == IMAGE_GENERATIONS.read_answer(json.dumps(ANSWERS[name]).encode())


@pytest.mark.parametrize(
    ("dialect", "prefix", "model"),
    [
        (IMAGE_GENERATIONS, "image_generation", ImageGenCompletedEvent),
        (IMAGE_EDITS, "image_edit", ImageEditCompletedEvent),
        (IMAGE_VARIATIONS, "image_edit", ImageEditCompletedEvent),
    ],
)
def test_each_image_is_one_event_that_the_official_sdk_takes(
    dialect: Dialect, prefix: str, model: Any
) -> None:
    answer = {"created": 7, "data": [{"b64_json": "YQ=="}, {"b64_json": "Yg=="}], **ABOUT, "usage": COUNTED}
    stream = explode(answer, 2, dialect)
    assert [event.event.decode() for event in parse_events(stream)] == [f"{prefix}.completed"] * 2
    parsed = [model.model_validate(document, strict=True) for document in documents(stream)]
    assert [event.type for event in parsed] == [f"{prefix}.completed"] * 2
    assert [event.b64_json for event in parsed] == ["YQ==", "Yg=="]
    assert [event.created_at for event in parsed] == [7, 7]
    assert [event.usage.total_tokens for event in parsed] == [0, 48], "so the sum is the answer's"
    assert [event.usage.input_tokens_details.text_tokens for event in parsed] == [0, 5]


def test_an_answer_without_usage_gets_none() -> None:
    for usage in ({}, {"usage": None}):
        (only,) = documents(explode({"created": 7, "data": [{"b64_json": "YQ=="}], **usage}))
        assert only == {"type": "image_generation.completed", "created_at": 7, "b64_json": "YQ=="}


def test_a_url_stays_a_url_and_unknown_members_stay() -> None:
    item = {"url": "https://x/a", "revised_prompt": "é", "seed": 5, "size": "2x2"}
    (only,) = documents(explode({"data": [item], "size": "auto", "cost": {"usd": 0.25}}))
    assert only == {"type": "image_generation.completed", **item, "cost": {"usd": 0.25}}


@pytest.mark.parametrize("rest", [[], [{}, None], [{"b64_json": ""}, {"error": {"message": "blocked"}}]])
def test_images_that_came_are_sent_before_the_error_that_says_how_many_are_missing(rest: list[Any]) -> None:
    stream = explode({"created": 7, "data": [{"b64_json": "YQ=="}, *rest], "usage": COUNTED}, 3)
    first, last = documents(stream)
    assert (first["b64_json"], first["usage"]) == ("YQ==", COUNTED)
    assert last["type"] == "error"
    assert last["error"]["code"] == "upstream_truncated"
    assert "1 of 3 images came" in last["error"]["message"]
    follower = IMAGE_GENERATIONS.follow(asking_for(3), hide_usage=False)
    assert follower.feed(stream) == stream
    assert follower.error is not None


def test_more_images_than_were_asked_for_all_come() -> None:
    assert len(documents(explode({"data": [{"b64_json": "YQ=="}] * 3}, 1))) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"x"',
        b"{}",
        b'{"data":null}',
        b'{"data":{}}',
        b'{"data":[]}',
        b'{"data":[{}]}',
        b'{"data":["x"]}',
        b'{"data":[{"b64_json":7}]}',
        b'{"choices":[]}',
        pytest.param(b'{"data":' + DEEP + b"}", id="deep"),
    ],
)
def test_what_holds_no_image_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        explode(body)


def test_an_error_object_is_the_upstreams_error() -> None:
    with pytest.raises(UpstreamReported, match="boom"):
        explode({"error": {"message": "boom"}})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.fixed_dictionaries(
    {"b64_json": st.text(min_size=1, max_size=6)},
    optional={"revised_prompt": st.text(max_size=5), "seed": st.integers(), "extra": VALUES},
)
COUNTS = st.dictionaries(
    st.sampled_from(["input_tokens", "output_tokens", "total_tokens"]), st.integers(0, 10**6)
)


@given(
    st.lists(ITEMS, min_size=1, max_size=3),
    st.fixed_dictionaries(
        {"created": st.integers(0, 2**40)},
        optional={
            "size": st.text(max_size=5),
            "quality": VALUES,
            "model": st.text(max_size=5),
            "usage": st.builds(lambda flat, inner: flat | {"input_tokens_details": inner}, COUNTS, COUNTS),
        },
    ),
)
@settings(max_examples=80, deadline=None)
def test_any_answer_survives_being_a_stream(items: list[dict[str, Any]], rest: dict[str, Any]) -> None:
    answer = rest | {"data": items}
    assert collect(asking_for(len(items)), explode(answer, len(items))) == answer


@given(
    st.binary(max_size=60) | VALUES.map(lambda value: json.dumps({"data": [value], "usage": value}).encode())
)
@settings(max_examples=100, deadline=None)
def test_no_body_at_all_raises_anything_else(body: bytes) -> None:
    for read in (lambda: explode(body), lambda: IMAGE_GENERATIONS.read_answer(body)):
        with suppress(GatewayError):
            read()
