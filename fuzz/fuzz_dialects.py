"""Fuzz all that reads an upstream's answer: followers, collectors, conversions, repairs and translations.

    python fuzz/fuzz_dialects.py -max_total_time=60

An input picks a dialect and spells a stream and an answer, mostly in the words of these APIs. Nothing that an
upstream sends may raise anything but a `GatewayError`, and no stream may be forwarded but in whole events.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports():
    import msgspec

    from sluiceway.dialects.base import Dialect, DialectRequest
    from sluiceway.dialects.chat import CHAT
    from sluiceway.dialects.images import IMAGE_EDITS, IMAGE_GENERATIONS
    from sluiceway.dialects.messages import MESSAGES
    from sluiceway.dialects.repair import REPAIRS, Repairer, restore_model
    from sluiceway.dialects.responses import RESPONSES
    from sluiceway.errors import GatewayError, UpstreamTruncated
    from sluiceway.translate.crossing import Translation
    from sluiceway.translate.table import SIDES
    from sluiceway.wire.sse import EventSplitter, parse_events

DIALECTS: list[Dialect] = [CHAT, RESPONSES, MESSAGES, IMAGE_GENERATIONS, IMAGE_EDITS]


def words_of(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


NAMES = words_of(
    "type id object model choices index delta message role content text thinking signature tool_calls function name "
    "arguments function_call finish_reason usage prompt_tokens input_tokens output_tokens error code response output "
    "item output_index summary encrypted_content content_block partial_json citation stop_reason status b64_json url "
    "created data sequence_number reasoning_content refusal obfuscation"
)
WORDS = words_of(
    "assistant stop length tool_calls text thinking tool_use text_delta input_json_delta thinking_delta "
    "message_start content_block_start content_block_delta content_block_stop message_delta message_stop ping error "
    "response.created response.output_item.added response.output_item.done response.output_text.delta "
    "response.function_call_arguments.delta response.completed response.incomplete response.failed message reasoning "
    "function_call output_text image_generation.partial_image image_generation.completed chat.completion.chunk "
    "chat.completion function a"
)
REQUEST = DialectRequest(body=b"{}", fields={}, model="m", stream=True)
REPAIRER = Repairer([restore_model("m"), *REPAIRS.values()])


def value_of(source: Any, depth: int) -> Any:
    """A JSON value in the words of these APIs."""
    kind = source.ConsumeIntInRange(0, 9)
    if depth == 0 or kind < 5:
        simple = [None, True, source.ConsumeIntInRange(-1, 3), 0.5, "", "{", WORDS[kind % len(WORDS)]]
        return (simple + WORDS)[source.ConsumeIntInRange(0, len(simple) + len(WORDS) - 1)]
    if kind == 5:
        return [value_of(source, depth - 1) for _ in range(source.ConsumeIntInRange(0, 2))]
    names = [
        NAMES[source.ConsumeIntInRange(0, len(NAMES) - 1)] for _ in range(source.ConsumeIntInRange(0, 4))
    ]
    return {name: value_of(source, depth - 1) for name in names}


def event_of(source: Any) -> bytes:
    """One event, with a name or without, and data that are mostly JSON."""
    if source.ConsumeIntInRange(0, 7) == 0:
        return bytes(source.ConsumeBytes(12)) + b"\n\n"
    data = msgspec.json.encode(value_of(source, 4))
    if source.ConsumeIntInRange(0, 9) == 0:
        data = data[: source.ConsumeIntInRange(0, len(data))]
    name = WORDS[source.ConsumeIntInRange(0, len(WORDS) - 1)].encode()
    return (b"event: " + name + b"\n" if source.ConsumeBool() else b"") + b"data: " + data + b"\n\n"


def check(data: bytes) -> None:
    """One input."""
    source = atheris.FuzzedDataProvider(data)
    dialect = DIALECTS[source.ConsumeIntInRange(0, len(DIALECTS) - 1)]
    events = [event_of(source) for _ in range(source.ConsumeIntInRange(0, 6))]
    answer = msgspec.json.encode(value_of(source, 5))
    splitter = EventSplitter(0)
    blocks = [REPAIRER.block(block) for event in events if (block := splitter.feed(event))]

    follower = dialect.follow(REQUEST, hide_usage=source.ConsumeBool())
    forwarded = [follower.feed(block) for block in blocks]
    for block, out in zip(blocks, forwarded, strict=True):
        whole = {event.raw for event in parse_events(block)}
        assert {event.raw for event in parse_events(out)} <= whole, "an event was made up or cut"
    assert parse_events(follower.error_event(UpstreamTruncated("x"))), "an error needs an event"

    collector = dialect.collect(REQUEST, max_bytes=0)
    with contextlib.suppress(GatewayError):
        for block in blocks:
            collector.feed(block)
        msgspec.json.decode(collector.result())
    for read in (dialect.read_answer, lambda body: dialect.explode(body, REQUEST, include_usage=True)):
        with contextlib.suppress(GatewayError):
            read(REPAIRER.json(answer))
    dialect.read_error(500, answer)

    if dialect.name in SIDES:
        client = list(SIDES.values())[source.ConsumeIntInRange(0, len(SIDES) - 1)]
        side = SIDES[dialect.name]
        crossing = Translation(REQUEST, REQUEST, client, side, include_usage=True, max_bytes=0)
        with contextlib.suppress(GatewayError):
            translated = crossing.follow()
            for block in blocks:
                translated.feed(block)
            if translated.complete():
                translated.rest()
            translated.error_event(UpstreamTruncated("x"))
        with contextlib.suppress(GatewayError):
            crossing.read_answer(answer)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
