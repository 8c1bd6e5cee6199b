"""Faults of content: what providers really send, and what SDKs and gateways trip over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sluiceway.errors import InvalidRequest
from sluiceway.mock.faults.base import fault
from sluiceway.mock.scene import Event, Part, Scene, Script

_ACCEPT = "Accepts it; an aggregated answer looks as if it had been right."


@fault(
    "no-done",
    expect="Chat: takes the answer as whole, since every choice had its finish reason. Else: reports a "
    "truncated answer.",
)
def no_done(scene: Scene) -> Script:
    """The stream ends properly, with its finish reason if it has one, but without its end marker: `[DONE]`,
    `message_stop`, `response.completed`.
    """
    return _without(scene, "end").response().script()


@fault(
    "no-finish",
    expect="Takes the answer as whole; a gateway does not invent a reason on the stream. Images: reports a "
    "truncated answer.",
)
def no_finish(scene: Scene) -> Script:
    """No event has a finish reason, but `[DONE]` or `message_stop` comes. Images: no picture is ever finished,
    `*.completed` does not come. Not for responses, whose end is its own reason.
    """
    return _without(scene, "finish").response().script()


def _without(scene: Scene, kind: str) -> Scene:
    events = tuple(event for event in scene.events if event.kind != kind)
    if len(events) == len(scene.events):
        raise InvalidRequest(f"This API has no event of the kind {kind!r} to leave out.", param="fault")
    return scene.tweak(events=events)


@fault("missing-tool-index", expect=_ACCEPT, tools=1)
def missing_tool_index(scene: Scene) -> Script:
    """Tool call deltas have no `index` (one call unless the knob says more). Chat only."""

    def without_index(choice: dict[str, Any]) -> None:
        for call in choice["delta"].get("tool_calls", ()):
            del call["index"]

    return _each_choice(scene, without_index).response().script()


@fault("repeated-tool-ids", expect=_ACCEPT, tools=1)
def repeated_tool_ids(scene: Scene) -> Script:
    """Every tool call delta repeats the call's `id`, `type` and function name. Chat only."""
    first: dict[tuple[int, int], dict[str, Any]] = {}

    def with_id(choice: dict[str, Any]) -> None:
        for call in choice["delta"].get("tool_calls", ()):
            begun = first.setdefault((choice["index"], call["index"]), call)
            call |= {"id": begun["id"], "type": begun["type"]}
            call["function"]["name"] = begun["function"]["name"]

    return _each_choice(scene, with_id).response().script()


@fault("role-null", expect=_ACCEPT)
def role_null(scene: Scene) -> Script:
    """Every delta after a choice's first has `role: null`. Chat only."""

    def null_role(choice: dict[str, Any]) -> None:
        choice["delta"].setdefault("role", None)

    return _each_choice(scene, null_role).response().script()


@fault("finish-empty", expect=_ACCEPT)
def finish_empty(scene: Scene) -> Script:
    """`finish_reason` is an empty string, not null, until the last chunk. Chat only."""

    def empty_reason(choice: dict[str, Any]) -> None:
        choice["finish_reason"] = choice["finish_reason"] or ""

    return _each_choice(scene, empty_reason).response().script()


def _each_choice(scene: Scene, change: Callable[[dict[str, Any]], None]) -> Scene:
    """Change every choice of every chunk in place: the chunks were made for this answer alone.

    Raises `InvalidRequest` where no event has choices, before anything is sent.
    """
    choices = [
        choice
        for event in scene.events
        if isinstance(event.data, dict)
        for choice in event.data.get("choices", ())
    ]
    if not choices:
        raise InvalidRequest("This fault is one of chat streams: no other API has choices.", param="fault")
    for choice in choices:
        change(choice)
    return scene


@fault("usage-none", expect="Reports no usage; never guesses one.", usage="off")
def usage_none(scene: Scene) -> Script:
    """No usage anywhere, although it was asked for."""
    yield from scene.response().script()


@fault("bad-json", expect="Reports an invalid answer; never a normal end.")
def bad_json(scene: Scene) -> Script:
    """One event in the middle has broken JSON, all others are well. A JSON answer is cut short, with a
    content-length that fits.
    """
    if scene.stream:
        middle = len(scene.events) // 2
        whole = scene.events[middle]
        text = msgspec.json.encode(whole.data).decode()
        broken = Event("token", text[: len(text) // 2], whole.name)
        events = (*scene.events[:middle], broken, *scene.events[middle:])
        yield from scene.tweak(events=events).as_stream().script()
    else:
        response = scene.as_json()
        yield from response.tweak(parts=(Part(response.halves(0)[0]),)).script()


@fault("json-instead-of-stream", expect="Makes a proper stream of it for a client that wants one.")
def json_instead_of_stream(scene: Scene) -> Script:
    """A plain JSON answer, also to `stream: true`."""
    yield from scene.as_json().script()


@fault("stream-instead-of-json", expect="Makes JSON of it for a client that wants JSON.")
def stream_instead_of_json(scene: Scene) -> Script:
    """An event stream, also without `stream: true`."""
    yield from scene.as_stream().script()


FAULTS = (
    no_done,
    no_finish,
    missing_tool_index,
    repeated_tool_ids,
    role_null,
    finish_empty,
    usage_none,
    bad_json,
    json_instead_of_stream,
    stream_instead_of_json,
)
