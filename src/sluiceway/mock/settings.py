"""The knobs of the simulated provider, and how one request turns them.

A request turns a knob with a header `x-mock-<knob>: value`, or in the model's name, which survives
every proxy: `mock-gpt?ttft=0.5&tps=50&fault=rst`. Header beats model name beats the provider's own
settings. A knob that does not exist is an error, since a test with a typo must not pass.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from sluiceway.errors import InvalidRequest

HEADER_PREFIX = "x-mock-"
FAULT_MODEL_PREFIX = "fault-"
MAX_TOKENS = 10_000  # of one choice: a whole answer is made at once, and may block the loop for some 100 ms
MAX_WAIT_S = 3600.0

Seconds = Annotated[float, Meta(ge=0, le=MAX_WAIT_S)]
Count = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Calls = Annotated[int, Meta(ge=0, le=16)]


class MockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider answers, unless a request says otherwise. The descriptions are the documentation."""

    ttft: Annotated[Seconds, Meta(description="Seconds of silence before the first token.")] = 0.0
    tps: Annotated[
        float,
        Meta(
            ge=0,
            description="Tokens per second after the first; 0 sends as fast as the client reads. "
            "A JSON answer comes when its stream would have ended.",
        ),
    ] = 0.0
    jitter: Annotated[
        float,
        Meta(ge=0, le=1, description="How uneven the tokens come: 0.3 varies each gap by up to 30 %."),
    ] = 0.0
    tokens: Annotated[
        Count,
        Meta(description="Length of the answer. The request's own `max_tokens` or its like may cut it."),
    ] = 24
    reasoning: Annotated[
        Count,
        Meta(description="Tokens of thought before the answer. At 0, messages with `thinking` still get 8."),
    ] = 0
    tools: Annotated[
        Calls | None,
        Meta(
            description="Number of parallel tool calls. Unset: one if the request has tools. "
            "After a tool's result the answer is always text, so that agents come to an end."
        ),
    ] = None
    usage: Annotated[
        Literal["auto", "on", "off", "in_choices", "every"],
        Meta(
            description="Usage on streams. `auto`: in a last chunk, if `stream_options.include_usage` asks "
            "for it. `on`: always. `in_choices`: in the chunk with the finish reason. `every`: in each "
            "chunk, counting up. `off`: never, nor in JSON answers. Outside of chat, all but `off` are one."
        ),
    ] = "auto"
    echo: Annotated[
        bool, Meta(description="Answer with the text of the last user message, word by word.")
    ] = False
    seed: Annotated[
        int | None,
        Meta(
            description="The same seed gives the same words and ids, in every API. Unset: the request's "
            "`seed`, else one made from its messages."
        ),
    ] = None
    stamps: Annotated[
        bool,
        Meta(
            description="Each event says in `mock_due_ms` when it was due: milliseconds since the answer began. "
            "So a client sees how late it came, without a clock in common."
        ),
    ] = False
    fault: Annotated[
        str, Meta(description="What goes wrong: `NAME` or `NAME:ARG` from the table of faults.")
    ] = ""


LIFELIKE = MockSettings(ttft=0.3, tps=40.0, jitter=0.3, tokens=60)  # for people who watch, not for tests


def knobs() -> dict[str, str]:
    """Every knob's name and description, in order."""
    hints = get_type_hints(MockSettings, include_extras=True)
    return {name: _description(hints[name]) for name in MockSettings.__struct_fields__}


def _description(hint: Any) -> str:
    return next(str(meta.description) for meta in hint.__metadata__ if getattr(meta, "description", None))


def settings_for(defaults: MockSettings, model: str, headers: Mapping[str, str]) -> tuple[str, MockSettings]:
    """The model's plain name and the settings for one request.

    `headers`: names in lower case. Raises `InvalidRequest` for a knob that does not exist or a value
    that it can't take, with the knob as `param`.
    """
    name, _, suffix = model.partition("?")
    changes: dict[str, str] = {}
    if name.startswith(FAULT_MODEL_PREFIX):
        changes["fault"] = name.removeprefix(FAULT_MODEL_PREFIX)
    changes.update(parse_qsl(suffix, keep_blank_values=True))
    for header, value in headers.items():
        if header.startswith(HEADER_PREFIX):
            changes[header.removeprefix(HEADER_PREFIX)] = value
    if not changes:
        return name, defaults
    known = msgspec.structs.asdict(defaults)
    for knob in changes:
        if knob not in known:
            raise InvalidRequest(f"No knob is called {knob!r}{nearest(knob, known)}.", param=knob)
    try:
        return name, msgspec.convert(known | changes, MockSettings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).rpartition(" - at `$.")
        knob = where.rstrip("`")
        raise InvalidRequest(f"{knob}={changes.get(knob)!r}: {reason}.", param=knob) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"`, or the known names where none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"
