"""Shared by the responses translator's tests: what conversations, answers and streams can be."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from neutral_samples import gather
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

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
    PartKind,
    PartSignature,
    Refusal,
    Stop,
    Text,
    Thinking,
    Tokens,
    Tool,
)
from sluiceway.translate.responses import RESPONSES_TRANSLATOR
from sluiceway.wire.sse import encode_event, parse_events

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def read(*items: dict[str, Any], **fields: Any) -> Conversation:
    """A request with these items, and the least that one needs."""
    return RESPONSES_TRANSLATOR.read_request({"model": "m", "input": list(items)} | fields)


def ask(*messages: Message, **fields: Any) -> dict[str, Any]:
    """The request for a conversation, which is one word of a user's if nothing else is said."""
    said = {"model": "m", "messages": messages or (Message("user", (Text("Hi"),)),)} | fields
    return RESPONSES_TRANSLATOR.write_request(Conversation(**said))


def event(kind: str, **data: Any) -> bytes:
    return encode_event(json.dumps({"type": kind} | data).encode(), event=kind.encode())


def deltas_of(*stream: bytes, finish: bool = False) -> list[Delta]:
    """What the reader makes of a stream."""
    reader = RESPONSES_TRANSLATOR.read_stream()
    found = [delta for one in parse_events(b"".join(stream)) for delta in reader.feed(one)]
    return found + (reader.finish() if finish else [])


def stream_of(deltas: Iterable[Delta]) -> bytes:
    """What the writer makes of deltas."""
    writer = RESPONSES_TRANSLATOR.write_stream(include_usage=True)
    return b"".join(writer.feed(delta) for delta in deltas)


def data_of(stream: bytes) -> list[dict[str, Any]]:
    """The data of each event of a stream, in which name, type and number must be as the API has them."""
    events = parse_events(stream)
    found = [json.loads(one.data or b"") for one in events]
    assert [one.event.decode() for one in events] == [data["type"] for data in found]
    assert [data["sequence_number"] for data in found] == list(range(len(found)))
    return found


def answer_of(deltas: Iterable[Delta]) -> Answer:
    """The answer that deltas stand for; fails where they break the contract of `neutral`."""
    return gather(deltas, sealed_by="responses")


# ── anything that the API can say ───────────────────────────────────────────────────────────────────

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
json_objects = st.dictionaries(
    words, st.recursive(st.none() | st.booleans() | st.integers() | words, st.lists, max_leaves=4), max_size=3
)

texts = st.builds(Text, words)
refusals = st.builds(Refusal, words)
calls = st.builds(Call, names, names, st.just("") | words | json_objects.map(json.dumps))
sealed = st.builds(
    Thinking, text=st.just("") | words, sealed=words, sealed_by=st.just("responses"), id=st.just("") | names
)
details = st.sampled_from(["low", "high", "auto"])
images = st.builds(Image, url=names.map("https://example.com/".__add__), detail=details) | st.builds(
    Image, media_type=st.just("image/png"), data=st.just("aGk="), detail=details
)
files = st.builds(File, url=words, name=st.just("") | words) | st.builds(
    File, media_type=st.just("application/pdf"), data=st.just("aGk="), name=words
)
contents = st.lists(texts | images | files, min_size=1, max_size=3).map(tuple)
results = st.builds(CallResult, names, st.just(()) | contents)

said_by_user = contents.map(lambda parts: Message("user", parts))
said_by_system = st.lists(texts, min_size=1, max_size=2).map(lambda parts: Message("system", tuple(parts)))
said_by_assistant = st.lists(sealed | texts | refusals | calls, min_size=1, max_size=4).map(
    lambda parts: Message("assistant", tuple(parts))
)
given_by_tools = st.lists(results, min_size=1, max_size=2).map(lambda parts: Message("user", tuple(parts)))
instructions = texts.map(lambda text: Message("system", (text,)))


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[Message, ...]:
    """Messages in any order, except that an assistant's, and results, are not twice in a row."""
    first = draw(st.lists(instructions, max_size=1))
    messages = [draw(said_by_user)]
    kinds = [said_by_user, said_by_system, said_by_assistant, given_by_tools]
    last = said_by_user
    for _ in range(draw(st.integers(0, 4))):
        last = draw(st.sampled_from([one for one in kinds if one is not last or one is said_by_user]))
        messages.append(draw(last))
    return (*first, *messages)


tools = st.builds(
    Tool,
    name=names,
    description=st.just("") | words,
    parameters=st.none() | json_objects,
    strict=st.booleans(),
)
formats = st.just(JsonFormat()) | st.builds(
    JsonFormat,
    name=names,
    schema=json_objects,
    strict=st.none() | st.booleans(),
    description=st.just("") | words,
)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    choice: Any = draw(st.sampled_from([None, "auto", "none", "required", "tool"]))
    return Conversation(
        model=draw(words),
        messages=draw(dialogues()),
        stream=draw(st.booleans()),
        tools=tuple(draw(st.lists(tools, max_size=2))),
        tool_choice=choice,
        tool_name=draw(names) if choice == "tool" else "",
        parallel_calls=draw(st.none() | st.booleans()),
        max_tokens=draw(st.none() | st.integers(0, 10**6)),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        json_format=draw(st.none() | formats),
        effort=draw(st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh"])),
        show_thinking=draw(st.booleans()),
        user=draw(st.just("") | words),
    )


counts = st.integers(0, 1000)
tokens = st.builds(Tokens, counts, counts, counts, counts, counts)


def _identity(part: Any) -> Any:
    """No two calls of one answer have the same id."""
    return part.id if isinstance(part, Call) else object()


@st.composite
def answers(draw: st.DrawFn, *, thoughts: st.SearchStrategy[Thinking]) -> Answer:
    kinds = texts | refusals | calls | thoughts
    parts = tuple(draw(st.lists(kinds, max_size=5, unique_by=_identity)))
    if any(isinstance(part, Call) for part in parts):
        whole: Stop = "calls"
    else:
        whole = "refusal" if any(isinstance(part, Refusal) for part in parts) else "end"
    return Answer(
        id=draw(words),
        model=draw(words),
        parts=parts,
        stop=draw(st.sampled_from([whole, "length", "filter"])),
        created=draw(counts),
        tokens=draw(st.none() | tokens),
    )


def cut(draw: st.DrawFn, text: str) -> list[str]:
    """A text in one to three pieces, none of them empty."""
    at = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=2)))
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True) if text[a:b]]


@st.composite
def streamed(draw: st.DrawFn) -> tuple[Answer, list[Delta]]:
    """An answer and deltas that carry it; neighbouring calls are sometimes interleaved."""
    answer = draw(answers(thoughts=st.builds(Thinking, text=words)))
    begun_with = draw(st.booleans())  # tokens: at the beginning, as Anthropic's, or at the end
    deltas: list[Delta] = [
        Begin(answer.id, answer.model, answer.created, answer.tokens if begun_with else None)
    ]
    waiting: list[list[Delta]] = []  # of calls that are open side by side

    def weave() -> None:
        deltas.extend([queue.pop(0) for queue in waiting])
        while any(waiting):
            ready: st.SearchStrategy[list[Delta]] = st.sampled_from([queue for queue in waiting if queue])
            deltas.append(draw(ready).pop(0))
        waiting.clear()

    for index, part in enumerate(answer.parts):
        if isinstance(part, Call):
            alone = draw(st.booleans())
            if waiting and alone:
                weave()
            waiting.append(_deltas(draw, PartBegin(index, "call", part.id, part.name), part.arguments))
            continue
        weave()
        assert isinstance(part, Text | Thinking | Refusal)
        kinds: dict[type, PartKind] = {Text: "text", Thinking: "thinking", Refusal: "refusal"}
        deltas += _deltas(draw, PartBegin(index, kinds[type(part)]), part.text)
    weave()
    deltas.append(End(answer.stop, tokens=None if begun_with else answer.tokens))
    return answer, deltas


def _deltas(draw: st.DrawFn, begin: PartBegin, text: str) -> list[Delta]:
    index = begin.index
    signature = [PartSignature(index, "sig")] if begin.kind == "thinking" and draw(st.booleans()) else []
    return [begin, *(PartDelta(index, piece) for piece in cut(draw, text)), *signature, PartEnd(index)]
