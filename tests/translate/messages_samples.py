"""Shared by the messages translator's tests: what conversations, answers and streams can be."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from neutral_samples import gather

from sluiceway.translate.messages import MESSAGES_TRANSLATOR
from sluiceway.translate.neutral import (
    Answer,
    Begin,
    Call,
    CallResult,
    Conversation,
    Delta,
    End,
    File,
    Image,
    JsonFormat,
    Message,
    PartBegin,
    PartDelta,
    PartEnd,
    PartSignature,
    Text,
    Thinking,
    Tokens,
    Tool,
)
from sluiceway.wire.sse import encode_event, parse_events

MODEL = "claude-opus-4-6"  # says both an effort and a budget, so all that the API has can be said to it


def read(request: dict[str, Any]) -> Conversation:
    """A request with the least that one needs."""
    return MESSAGES_TRANSLATOR.read_request({"model": MODEL, "max_tokens": 9, "messages": []} | request)


def ask(*messages: Message, **fields: Any) -> dict[str, Any]:
    """The request for a conversation, which is one word of a user's if nothing else is said."""
    said = {"model": MODEL, "messages": messages or (Message("user", (Text("Hi"),)),)} | fields
    return MESSAGES_TRANSLATOR.write_request(Conversation(**said))


def event(data: dict[str, Any]) -> bytes:
    return encode_event(json.dumps(data).encode(), event=data["type"].encode())


def deltas_of(stream: bytes, *, finish: bool = False) -> list[Delta]:
    """What the reader makes of a stream."""
    reader = MESSAGES_TRANSLATOR.read_stream()
    found = [delta for one in parse_events(stream) for delta in reader.feed(one)]
    return found + (reader.finish() if finish else [])


def stream_of(deltas: Iterable[Delta]) -> bytes:
    """What the writer makes of deltas."""
    writer = MESSAGES_TRANSLATOR.write_stream(include_usage=True)
    return b"".join(writer.feed(delta) for delta in deltas)


def data_of(stream: bytes) -> list[dict[str, Any]]:
    """The data of each event of a stream."""
    return [json.loads(one.data or b"") for one in parse_events(stream)]


def answer_of(deltas: Iterable[Delta]) -> Answer:
    """The answer that deltas stand for; fails where they break the contract of `neutral`."""
    return gather(deltas, sealed_by="messages")


# ── anything that the API can say ───────────────────────────────────────────────────────────────────

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
json_objects = st.dictionaries(
    words, st.recursive(st.none() | st.booleans() | st.integers() | words, st.lists, max_leaves=4), max_size=3
)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


texts = st.builds(Text, words)
calls = st.builds(Call, names, names, json_objects.map(compact))
thoughts = st.builds(Thinking, text=st.just("") | words, signature=words)
sealed = st.builds(Thinking, sealed=words, sealed_by=st.just("messages"))
images = st.builds(Image, media_type=st.just("image/png"), data=st.just("aGk=")) | st.builds(Image, url=words)
files = st.builds(File, url=words, name=st.just("") | words) | st.builds(
    File, media_type=st.just("application/pdf"), data=st.just("aGk="), name=words
)
results = st.builds(
    CallResult, names, st.lists(texts | images | files, max_size=2).map(tuple), failed=st.booleans()
)
said_by_user = st.tuples(
    st.lists(results, max_size=2), st.lists(texts | images | files, min_size=1, max_size=3)
).map(lambda both: Message("user", (*both[0], *both[1])))
said_by_assistant = st.lists(thoughts | sealed | texts | calls, min_size=1, max_size=3).map(
    lambda parts: Message("assistant", tuple(parts))
)


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[Message, ...]:
    """A system prompt, if any, and turns that alternate."""
    turns = draw(st.lists(st.tuples(said_by_user, said_by_assistant), min_size=1, max_size=2))
    messages = [message for turn in turns for message in turn]
    system = draw(st.lists(texts, max_size=2))
    first = [Message("system", tuple(system))] if system else []
    return (*first, *messages[: draw(st.integers(1, len(messages)))])


tools = st.builds(
    Tool,
    name=names,
    description=st.just("") | words,
    parameters=json_objects.map(lambda schema: {"type": "object"} | schema),
    strict=st.none() | st.booleans(),
)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    offered = tuple(draw(st.lists(tools, max_size=2)))
    thinking = draw(st.sampled_from(["no", "effort", "budget", "off"]))
    thinks = thinking in ("effort", "budget")
    choices = ["auto", "none"] if thinks else ["auto", "none", "required", "tool"]
    choice: Any = draw(st.sampled_from(choices)) if offered else None
    return Conversation(
        model=MODEL,
        messages=draw(dialogues()),
        stream=draw(st.booleans()),
        tools=offered,
        tool_choice=choice,
        tool_name=draw(names) if choice == "tool" else "",
        parallel_calls=draw(st.none() | st.booleans()) if choice not in (None, "none") else None,
        max_tokens=draw(st.integers(0, 10**6)),
        temperature=draw(st.none() if thinks else st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        json_format=draw(st.none() | st.builds(JsonFormat, schema=json_objects)),
        effort=draw(st.sampled_from(["low", "medium", "high", "xhigh"])) if thinking == "effort" else None,
        thinking_tokens={"budget": draw(st.integers(1, 10**5)), "off": 0}.get(thinking),
        show_thinking=thinks,
        user=draw(st.just("") | words),
    )


counts = st.integers(0, 1000)
tokens = st.builds(
    lambda fresh, output, cached, written, reasoning: Tokens(
        fresh + (cached or 0) + (written or 0), output, cached, written, reasoning
    ),
    st.integers(1, 1000),
    counts,
    st.none() | counts,
    st.none() | counts,
    st.none() | counts,
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    stops: list[Any] = ["end", "length", "calls", "stop_sequence", "pause", "refusal", None]
    stop = draw(st.sampled_from(stops))
    return Answer(
        id=draw(words),
        model=draw(words),
        parts=tuple(draw(st.lists(texts | thoughts | sealed | calls, max_size=4))),
        stop=stop,
        stop_sequence=draw(words) if stop == "stop_sequence" else None,
        tokens=draw(st.none() | tokens),
    )


def cut(draw: st.DrawFn, text: str) -> list[str]:
    """A text in one to three pieces, none of them empty."""
    at = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=2)))
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True) if text[a:b]]


@st.composite
def streamed(draw: st.DrawFn) -> tuple[Answer, list[Delta]]:
    """An answer and deltas that carry it; neighbouring calls are sometimes interleaved."""
    answer = draw(answers())
    deltas: list[Delta] = [Begin(answer.id, answer.model)]
    waiting: list[list[Delta]] = []  # of calls that are open side by side

    def weave() -> None:
        begun = [queue.pop(0) for queue in waiting]
        deltas.extend(begun)
        while any(waiting):
            open_queues = [queue for queue in waiting if queue]
            deltas.append(open_queues[draw(st.integers(0, len(open_queues) - 1))].pop(0))
        waiting.clear()

    for index, part in enumerate(answer.parts):
        if isinstance(part, Call):
            apart: bool = draw(st.booleans())
            if apart:
                weave()
            pieces = [PartDelta(index, piece) for piece in cut(draw, part.arguments)]
            waiting.append([PartBegin(index, "call", id=part.id, name=part.name), *pieces, PartEnd(index)])
            continue
        weave()
        deltas += part_deltas(draw, index, part)
    weave()
    deltas.append(End(answer.stop, answer.stop_sequence, answer.tokens))
    return answer, deltas


def part_deltas(draw: st.DrawFn, index: int, part: Any) -> list[Delta]:
    if isinstance(part, Text):
        kind, text, signature = "text", part.text, ""
    elif part.sealed:
        kind, text, signature = "sealed", part.sealed, ""
    else:
        kind, text, signature = "thinking", part.text, part.signature
    found: list[Delta] = [PartBegin(index, kind)]  # type: ignore[arg-type]
    found += [PartDelta(index, piece) for piece in cut(draw, text)]
    if signature:
        found.append(PartSignature(index, signature))
    return [*found, PartEnd(index)]
