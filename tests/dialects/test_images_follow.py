"""Followers of image streams: pictures pass as they are, and only the last one that was asked for ends."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images_streams import (
    COUNTED,
    DONE,
    STREAMS,
    asking_for,
    blocks,
    completed,
    event,
    images_in,
    partial,
)
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent, ImageGenPartialImageEvent

from sluiceway.dialects.base import Follower, Usage
from sluiceway.dialects.images import IMAGE_GENERATIONS
from sluiceway.dialects.images_event import is_partial
from sluiceway.errors import UpstreamTruncated
from sluiceway.wire.sse import parse_events

USAGE = Usage(input_tokens=8, output_tokens=40, total_tokens=48, image_tokens=3)
PING = event({"type": "keepalive", "sequence_number": 3})
ERROR = event({"type": "error", "error": {"message": "no", "code": "moderation_blocked"}})


def follow(images: int = 1) -> Follower:
    return IMAGE_GENERATIONS.follow(asking_for(images), hide_usage=False)


def run(name: str, *pieces: bytes) -> tuple[bytes, Any, bool, Any]:
    """What a client gets of a golden stream, and what was noted on the way."""
    follower = IMAGE_GENERATIONS.follow(images_in(name), hide_usage=False)
    out = b"".join(follower.feed(block) for block in blocks(pieces))
    assert follower.rest() == b""
    return out, follower.usage, follower.ended, follower.error and follower.error.message


# ── real streams ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_comes_to_the_same_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    whole = run(name, stream)
    assert whole[2] == (name != "truncated")
    assert run(name, *(stream[at : at + 1] for at in range(len(stream)))) == whole
    for cut in range(len(stream)):
        assert run(name, stream[:cut], stream[cut:]) == whole


@pytest.mark.parametrize("name", ["generation", "three_partials", "three_images", "edit", "url", "crlf_ids"])
def test_a_proper_stream_passes_byte_for_byte(name: str) -> None:
    assert run(name, STREAMS[name])[0] == STREAMS[name]


def test_only_what_proves_nothing_is_left_out() -> None:
    stream = STREAMS["comments_and_pings"]
    shown = [each.raw for each in parse_events(stream) if each.data and each.event != b"keepalive"]
    assert len(shown) == 2
    assert run("comments_and_pings", stream)[0] == b"".join(shown)
    without_names = STREAMS["without_event_lines"]
    assert run("without_event_lines", without_names)[0] == without_names.removesuffix(DONE)


def test_nothing_after_the_last_image_belongs_to_the_answer() -> None:
    stream = STREAMS["final_before_all_partials"]
    first_two = b"".join(each.raw for each in parse_events(stream)[:2])
    assert run("final_before_all_partials", stream)[0] == first_two


def test_usage_is_that_of_all_images_together() -> None:
    assert run("three_images", STREAMS["three_images"])[1] == Usage(
        input_tokens=33, output_tokens=5488, total_tokens=5521, image_tokens=0
    )
    assert run("url", STREAMS["url"])[1] is None


def test_a_real_error_is_forwarded_and_noted() -> None:
    out, _, ended, message = run("error_midway", STREAMS["error_midway"])
    assert out == STREAMS["error_midway"]
    assert ended
    assert message == "Your request was rejected by the safety system."


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_image_that_was_asked_for_ends_the_stream() -> None:
    follower = follow(3)
    for left in (2, 1, 0):
        assert not follower.complete()
        assert follower.feed(completed()) == completed()
        assert follower.ended == (left == 0)
    assert follower.complete()
    assert follower.feed(completed()) == b""
    assert follower.usage == Usage(input_tokens=24, output_tokens=120, total_tokens=144, image_tokens=9)


@pytest.mark.parametrize(
    "stream", [b"", partial(), DONE, completed(), partial() + completed() + partial(index=1)]
)
def test_an_answer_that_lacks_an_image_is_not_complete(stream: bytes) -> None:
    follower = follow(2)
    follower.feed(stream)
    assert not follower.complete()
    assert not follower.ended


def test_done_never_hides_the_error_that_says_what_is_missing() -> None:
    follower = follow()
    assert follower.feed(partial() + DONE) == partial()
    assert not follower.ended
    assert follower.feed(DONE) == b""
    assert not follower.progressed


@pytest.mark.parametrize("prefix", ["image_generation", "image_edit", "image_variation", "x"])
@pytest.mark.parametrize("named", [True, False])
def test_an_image_is_an_image_whatever_its_event_is_called(prefix: str, named: bool) -> None:
    follower = follow()
    sketch = event({"type": f"{prefix}.partial_image", "b64_json": "eA=="}, None if named else "")
    final = event(
        {"type": f"{prefix}.completed", "b64_json": "eA==", "usage": COUNTED}, None if named else ""
    )
    assert follower.feed(sketch) == sketch
    assert not follower.complete()
    assert follower.feed(final) == final
    assert follower.ended
    assert follower.usage == USAGE


def test_an_event_of_another_name_is_what_its_data_say() -> None:
    follower = follow()
    assert follower.feed(completed().replace(b"event: image_generation.completed", b"event: message"))
    assert follower.ended


@pytest.mark.parametrize("data", [b"{{{", b"[1]", b'"image_generation.completed"', b'{"b64_json":'])
def test_a_final_image_that_cannot_be_read_is_forwarded_and_proves_nothing(data: bytes) -> None:
    broken = b"event: image_generation.completed\ndata: " + data + b"\n\n"
    follower = follow()
    assert follower.feed(broken) == broken
    assert not follower.ended


def test_an_image_is_counted_however_oddly_its_text_is_encoded() -> None:
    follower = follow()
    odd = completed(revised_prompt="x").replace(b'"x"', b'"\\ud83d"')
    assert follower.feed(odd) == odd
    assert follower.ended
    assert follower.usage == USAGE


# ── partial images ──────────────────────────────────────────────────────────────────────────────────


def test_a_partial_image_is_not_even_read() -> None:
    """Neither of these is JSON, which nobody here finds out; and a large one is not copied."""
    for line_end in (b"\n", b"\r\n"):
        broken = b'event: image_edit.partial_image\ndata: {"b64_json": \xff\xfe nonsense'.replace(
            b"\n", line_end
        )
        follower = follow()
        assert follower.feed(broken + 2 * line_end) == broken + 2 * line_end
        assert follower.error is None
    large = partial("A" * 3_000_000)
    assert follow().feed(large) is large


def test_a_partial_image_is_known_only_where_it_is_alone() -> None:
    alone = partial()
    assert is_partial(alone)
    assert is_partial(alone.replace(b"event: image_generation", b"event: x"))
    data = alone.index(b"data")
    for other in (
        b"",
        completed(),
        alone + completed(),
        alone.replace(b".partial_image\n", b".partial_imagery\n"),
        alone.replace(b"event: image_generation", b"id: 1\nevent: image_generation"),
        alone + b": x\n\n",
        alone.replace(b"\n", b"\r\n"),
        alone[:-1] + b"event: error\n\n",
        alone[:-2] + b"\revent: error\n\n",
        alone[:data] + b"event: error\n" + alone[data:],
        b"event: image_edit.partial_image\n\n",
        b"event: image_edit.partial_image\ndata:\n\n",
        b"event: image_edit.partial_image\ndata: {",
    ):
        assert not is_partial(other)


# ── events of other kinds ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "silent",
    [
        b": x\n\n",
        b"\n",
        b"data:\n\n",
        b"event: x\n\n",
        DONE,
        PING,
        PING.split(b"\n", 1)[1],
        event({"type": "ping"}),
    ],
)
def test_what_proves_nothing_is_not_progress(silent: bytes) -> None:
    follower = follow()
    assert follower.feed(silent) == b""
    assert not follower.progressed
    assert follower.feed(partial() + silent + completed()) == partial() + completed()


def test_unknown_events_pass() -> None:
    queued = event({"type": "image_generation.in_progress", "position": 4})
    assert follow().feed(queued) is queued


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (ERROR, "no"),
        (event({"error": {"message": "no"}}), "no"),
        (event({"error": "no"}), "no"),
        (event({"object": "error", "message": "no"}), "no"),
        (event({"type": "image_generation.completed", "error": {"message": "no"}}), "no"),
        (b"event: error\ndata: not json\n\n", "not json"),
        (b'event: error\ndata: {"error":{"message":"no"},"n":' + b"9" * 5000 + b"}\n\n", "no"),
        (b"event: error\ndata: {}\n\n", "the upstream reported an error without a message"),
    ],
)
def test_an_error_is_known_in_every_shape(stream: bytes, message: str) -> None:
    follower = follow()
    assert follower.feed(stream) == stream
    assert follower.error is not None
    assert follower.error.message == message
    assert follower.complete()


def test_an_error_ends_the_stream_as_it_does_for_the_official_sdks() -> None:
    follower = follow()
    assert follower.feed(partial() + ERROR + completed()) == partial() + ERROR
    assert follower.ended
    assert follower.feed(event({"error": "later"})) == b""
    assert follower.usage is None
    assert follower.error is not None
    assert (follower.error.message, follower.error.code) == ("no", "moderation_blocked")


def test_our_own_error_is_one_named_event_with_openais_object_in_it() -> None:
    (only,) = parse_events(follow().error_event(UpstreamTruncated("It\nstopped.")))
    assert only.event == b"error"
    assert json.loads(only.data or b"") == {
        "type": "error",
        "error": {
            "message": "It\nstopped.",
            "type": "upstream_error",
            "param": None,
            "code": "upstream_truncated",
        },
    }
    told = follow()
    assert told.feed(only.raw) == only.raw
    assert told.error is not None


@pytest.mark.parametrize(
    ("name", "position", "model"),
    [
        ("generation", 0, ImageGenCompletedEvent),
        ("three_partials", 1, ImageGenPartialImageEvent),
        ("edit", 1, ImageEditCompletedEvent),
    ],
)
def test_the_official_sdk_takes_the_golden_events(name: str, position: int, model: Any) -> None:
    model.model_validate_json(parse_events(STREAMS[name])[position].data or b"", strict=True)


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

KINDS = {
    "partial": partial(),
    "edited": partial().replace(b"generation", b"edit"),
    "crlf": partial().replace(b"\n", b"\r\n"),
    "id": b"id: 1\n" + partial(),
    "unnamed": partial().split(b"\n", 1)[1],
    "final": completed(),
    "final unnamed": completed().split(b"\n", 1)[1],
    "queued": event({"type": "image_generation.queued"}),
    "bad": b"event: image_generation.completed\ndata: {{{\n\n",
    "error": ERROR,
    "comment": b": x\n\n",
    "ping": PING,
    "empty": b"data:\n\n",
    "done": DONE,
}
SILENT = {"comment", "ping", "empty", "done"}


@given(
    st.lists(st.sampled_from(sorted(KINDS)), max_size=10),
    st.lists(st.integers(min_value=0, max_value=2000), max_size=5),
    st.integers(min_value=1, max_value=3),
)
@settings(max_examples=80, deadline=None)
def test_any_stream_is_its_events_less_the_silent_ones_up_to_the_last_image(
    kinds: list[str], cuts: list[int], images: int
) -> None:
    ends = [at for at, kind in enumerate(kinds) if kind.startswith("final")][images - 1 : images]
    ends += [kinds.index("error")] if "error" in kinds else []
    shown = kinds[: min(ends, default=len(kinds)) + 1]
    stream = b"".join(KINDS[kind] for kind in kinds)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    follower = follow(images)
    out = b"".join(follower.feed(block) for block in blocks([stream[a:b] for a, b in pairwise(edges)]))
    assert out == b"".join(KINDS[kind] for kind in shown if kind not in SILENT)
    assert follower.ended == follower.complete() == bool(ends)
    assert (follower.usage is not None) == any(kind.startswith("final") for kind in shown)
    assert (follower.error is not None) == ("error" in shown)


@given(st.lists(st.binary(max_size=80) | st.sampled_from(sorted(KINDS.values())), max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_stream_at_all_makes_a_follower_raise(pieces: list[bytes]) -> None:
    follower = follow(2)
    for block in blocks(pieces):
        follower.feed(block)
    follower.complete()
