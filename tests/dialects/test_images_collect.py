"""An image stream becomes the JSON answer it stands for, or an error: never fewer images than asked for."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from chat_streams import small_stack
from hypothesis import given, settings
from hypothesis import strategies as st
from images_streams import (
    ABOUT,
    ANSWERS,
    COUNTED,
    DEEP,
    DONE,
    STREAMS,
    asking_for,
    blocks,
    collect,
    completed,
    event,
    images_in,
    partial,
)
from openai.types import ImagesResponse

from sluiceway.dialects.base import Usage
from sluiceway.dialects.images import IMAGE_GENERATIONS
from sluiceway.errors import EventTooLarge, GatewayError, UpstreamInvalid, UpstreamReported, UpstreamTruncated


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_stream_becomes_its_answer_wherever_it_is_cut(name: str) -> None:
    stream, request = STREAMS[name], images_in(name)
    assert collect(request, stream) == ANSWERS[name]
    assert collect(request, *(stream[at : at + 1] for at in range(len(stream)))) == ANSWERS[name]
    for cut in range(len(stream)):
        assert collect(request, stream[:cut], stream[cut:]) == ANSWERS[name]


@pytest.mark.parametrize("name", ANSWERS)
def test_the_official_sdk_takes_the_answer(name: str) -> None:
    parsed = ImagesResponse.model_validate(ANSWERS[name], strict=True)
    assert parsed.data is not None
    assert all(image.b64_json or image.url for image in parsed.data)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_cut_off_anywhere_is_an_error_or_the_whole_answer(name: str) -> None:
    stream = STREAMS[name]
    for cut in range(len(stream)):
        try:
            answer = collect(images_in(name), stream[:cut])
        except (UpstreamTruncated, UpstreamInvalid):
            continue
        assert answer == ANSWERS[name]


def test_a_real_error_becomes_the_error_with_the_upstreams_words() -> None:
    with pytest.raises(UpstreamReported) as caught:
        collect(asking_for(), STREAMS["error_midway"])
    assert caught.value.message == "Your request was rejected by the safety system."
    assert caught.value.code == "moderation_blocked"


@pytest.mark.parametrize(
    ("stream", "asked", "says"),
    [
        (b"", 1, "0 of 1 images came"),
        (STREAMS["truncated"], 1, "0 of 1 images came"),
        (partial() + completed() + partial(), 3, "1 of 3 images came"),
        (completed() + DONE, 2, "1 of 2 images came"),
    ],
)
def test_an_answer_that_lacks_an_image_says_how_many_came(stream: bytes, asked: int, says: str) -> None:
    with pytest.raises(UpstreamTruncated, match=says):
        collect(asking_for(asked), stream)


def test_nothing_after_the_last_image_is_part_of_the_answer() -> None:
    collector = IMAGE_GENERATIONS.collect(asking_for(), max_bytes=0)
    assert collector.feed(completed("YQ==") + completed("Yg=="))
    assert collector.ended
    assert not collector.feed(partial())
    assert not collector.feed(b"event: error\ndata: {}\n\n")
    assert [image["b64_json"] for image in json.loads(collector.result())["data"]] == ["YQ=="]


def test_comments_and_pings_are_no_progress_and_all_else_is() -> None:
    collector = IMAGE_GENERATIONS.collect(asking_for(), max_bytes=0)
    assert not collector.feed(b": x\n\n" + DONE + event({"type": "keepalive"}))
    assert collector.feed(partial())
    assert collector.feed(b"id: 1\n" + partial())
    assert collector.feed(event({"type": "image_generation.queued"}))
    assert collector.feed(b"data: {{{\n\n")


# ── what goes where ─────────────────────────────────────────────────────────────────────────────────


def test_an_image_keeps_what_is_its_own_and_the_answer_what_all_say() -> None:
    answer = collect(
        asking_for(2),
        completed("YQ==", revised_prompt="one", seed=1, model="m"),
        completed(None, url="https://x/b", seed=2, model="m", created_at=5),  # type: ignore[arg-type]
    )
    assert answer == {
        "created": 5,
        "data": [
            {"b64_json": "YQ==", "revised_prompt": "one", "seed": 1},
            {"b64_json": None, "url": "https://x/b", "seed": 2},
        ],
        "model": "m",
        **ABOUT,
        "usage": {
            "input_tokens": 16,
            "input_tokens_details": {"image_tokens": 6, "text_tokens": 10},
            "output_tokens": 80,
            "total_tokens": 96,
        },
    }


def test_what_the_images_differ_in_stays_with_each() -> None:
    answer = collect(asking_for(2), completed("YQ==", size="1x1"), completed("Yg==", size="2x2"))
    assert [image["size"] for image in answer["data"]] == ["1x1", "2x2"]
    assert "size" not in answer
    assert answer["quality"] == "high"


@pytest.mark.parametrize(
    ("indexes", "order"), [((2, 0, 1), "bca"), ((0, 0, 1), "abc"), ((1, None, 0), "abc")]
)
def test_images_are_ordered_by_index_only_where_each_has_its_own(indexes: Any, order: str) -> None:
    stream = b"".join(completed(name, index=index) for name, index in zip("abc", indexes, strict=True))
    assert "".join(image["b64_json"] for image in collect(asking_for(3), stream)["data"]) == order


def test_nothing_is_made_up() -> None:
    bare = event({"type": "image_edit.completed", "url": "https://x/a"})
    assert collect(asking_for(), bare) == {"data": [{"url": "https://x/a"}]}


def test_usage_is_known_before_the_end() -> None:
    collector = IMAGE_GENERATIONS.collect(asking_for(2), max_bytes=0)
    seen = []
    for block in (partial(), completed(), completed(usage=None)):
        collector.feed(block)
        seen.append(collector.usage)
    counted = Usage(input_tokens=8, output_tokens=40, total_tokens=48, image_tokens=3)
    assert seen == [None, counted, counted]


# ── what can't be an answer ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("data", [b"{{{", b"[1]"])
def test_a_final_image_that_cannot_be_read_is_none(data: bytes) -> None:
    with pytest.raises(UpstreamTruncated, match="0 of 1"):
        collect(asking_for(), b"event: image_generation.completed\ndata: " + data + b"\n\n")


@pytest.mark.parametrize(
    "fields", [{}, {"b64_json": ""}, {"b64_json": None, "url": None}, {"url": 5}, {"b64_json": ["x"]}]
)
def test_a_final_event_without_an_image_is_invalid(fields: dict[str, Any]) -> None:
    stream = partial() + event({"type": "image_edit.completed"} | fields)
    with pytest.raises(UpstreamInvalid, match="event 2 "):
        collect(asking_for(), stream)


def test_an_image_of_which_a_part_cannot_be_read_is_invalid() -> None:
    stream = completed(seed=0).replace(b'"seed":0', b'"seed":' + b"9" * 5000)
    with pytest.raises(UpstreamInvalid):
        collect(asking_for(), stream)


def test_any_error_event_ends_the_answer() -> None:
    for stream in (event({"error": {"message": "no"}}), b"event: error\ndata: no\n\n"):
        with pytest.raises(UpstreamReported, match="no"):
            collect(asking_for(2), completed() + stream)


def test_nesting_without_end_is_an_error_of_the_upstream() -> None:
    stream = completed(seed=0).replace(b'"seed":0', b'"seed":' + DEEP)
    with pytest.raises(GatewayError):
        collect(asking_for(), stream)


def test_an_answer_too_deep_to_be_written_is_the_upstreams_fault() -> None:
    deep = b"[" * 150 + b"]" * 150
    collector = IMAGE_GENERATIONS.collect(asking_for(), max_bytes=0)
    collector.feed(completed(seed=0).replace(b'"seed":0', b'"seed":' + deep))
    with small_stack(), suppress(UpstreamInvalid):
        collector.result()
    assert deep in collector.result()


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────


def test_partial_images_do_not_count_and_whole_ones_do() -> None:
    data = len(completed("A" * 1000).split(b"data: ")[1]) - 2
    collector = IMAGE_GENERATIONS.collect(asking_for(3), max_bytes=2 * data)
    for _ in range(9):
        collector.feed(partial("A" * 1000))
        collector.feed(b"id: 1\n" + partial("A" * 1000))
    collector.feed(completed("A" * 1000))
    collector.feed(completed("A" * 1000))
    with pytest.raises(EventTooLarge, match=rf"over stream.max_answer_bytes \({2 * data} bytes\)"):
        collector.feed(completed("A"))


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

PIECES = (
    partial(),
    completed(),
    completed().replace(b"event", b"x"),
    DONE,
    b": x\n\n",
    event({"usage": COUNTED}),
)


@given(st.lists(st.binary(max_size=80) | st.sampled_from(PIECES), max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_stream_at_all_makes_a_collector_raise_anything_else(pieces: list[bytes]) -> None:
    collector = IMAGE_GENERATIONS.collect(asking_for(2), max_bytes=500)
    with suppress(GatewayError):
        for block in blocks(pieces):
            collector.feed(block)
        json.loads(collector.result())
