"""Shared by the tests of translation: what the neutral form can hold, and streams gathered into their answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, Literal

from hypothesis import strategies as st

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
    Text,
    Thinking,
    Tokens,
    Tool,
)

AnswerPart = Text | Thinking | Refusal | Call | Image

# ── a stream and its answer ─────────────────────────────────────────────────────────────────────────


def gather(deltas: Iterable[Delta], *, sealed_by: str = "") -> Answer:
    """The answer that deltas stand for; fails where they break the contract of `neutral`.

    `sealed_by`: the dialect that sealed the stream's sealed thoughts, of which deltas say nothing.
    """
    begin, *middle, end = deltas
    assert isinstance(begin, Begin), "the first delta is a Begin"
    assert isinstance(end, End), "the last delta is an End"
    begun: list[PartBegin] = []
    words: list[list[str]] = []
    signatures: dict[int, str] = {}
    opened: set[int] = set()
    for delta in middle:
        match delta:
            case Begin() | End():
                raise AssertionError("a Begin or an End in the middle")
            case PartBegin(index, kind):
                assert index == len(begun), "part numbers have a gap"
                kinds = {begun[other].kind for other in opened}
                assert not kinds or {kind} == kinds == {"call"}, "only calls are open beside one another"
                assert kind == "call" or not (delta.id or delta.name), "only calls have ids and names"
                begun.append(delta)
                words.append([])
                opened.add(index)
            case PartDelta(index, text):
                assert index in opened, "a part grows that is not open"
                words[index].append(text)
            case PartSignature(index, signature):
                assert index in opened, "a part is signed that is not open"
                assert begun[index].kind == "thinking", "only thoughts are signed"
                assert index not in signatures, "a thought is signed once"
                signatures[index] = signature
            case PartEnd(index):
                assert index in opened, "a part ends that is not open"
                opened.remove(index)
    assert not opened, "a part never ended"
    whole = ("".join(said) for said in words)
    return Answer(
        id=begin.id,
        model=begin.model,
        parts=tuple(
            _part(part, text, signatures.get(part.index, ""), sealed_by)
            for part, text in zip(begun, whole, strict=True)
        ),
        stop=end.stop,
        created=begin.created,
        stop_sequence=end.stop_sequence,
        tokens=end.tokens or begin.tokens,
    )


def _part(begin: PartBegin, text: str, signature: str, sealed_by: str) -> AnswerPart:
    match begin.kind:
        case "text":
            return Text(text)
        case "thinking":
            return Thinking(text, signature)
        case "sealed":
            return Thinking(sealed=text, sealed_by=sealed_by)
        case "refusal":
            return Refusal(text)
        case "call":
            return Call(begin.id, begin.name, text)


def deltas_of(answer: Answer) -> list[Delta]:
    """The plainest stream of an answer: part after part, each in one piece. Pictures are not streamed."""
    deltas: list[Delta] = [Begin(answer.id, answer.model, answer.created)]
    for index, part in enumerate(answer.parts):
        begin, text, signature = _unpart(index, part)
        deltas += _part_deltas(begin, [text] if text else [], signature)
    return [*deltas, End(answer.stop, answer.stop_sequence, answer.tokens)]


@st.composite
def streamed(draw: st.DrawFn, answers: st.SearchStrategy[Answer]) -> tuple[Answer, list[Delta]]:
    """An answer and deltas that carry it, cut anyhow. Calls in a row are sometimes open side by side."""
    answer = draw(answers)
    early = draw(st.booleans())  # tokens come at the beginning, as from Anthropic, or at the end
    tokens = answer.tokens
    deltas: list[Delta] = [Begin(answer.id, answer.model, answer.created, tokens if early else None)]
    side_by_side: list[list[Delta]] = []
    for index, part in enumerate(answer.parts):
        begin, text, signature = _unpart(index, part)
        part_deltas = _part_deltas(begin, draw(cuttings(text)), signature)
        if side_by_side and not (begin.kind == "call" and draw(st.booleans())):
            deltas += _weave(draw, side_by_side)
        if begin.kind == "call":
            side_by_side.append(part_deltas)
        else:
            deltas += part_deltas
    deltas += _weave(draw, side_by_side)
    return answer, [*deltas, End(answer.stop, answer.stop_sequence, None if early else tokens)]


def cuttings(text: str) -> st.SearchStrategy[list[str]]:
    """A text in at most three pieces, none of them empty."""
    ends = st.sets(st.integers(1, max(1, len(text) - 1)), max_size=2).map(sorted)
    return ends.map(
        lambda at: [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True) if text[a:b]]
    )


def _weave(draw: st.DrawFn, queues: list[list[Delta]]) -> list[Delta]:
    """All deltas of calls that are open side by side: their beginnings in order, then any of the next."""
    woven = [queue.pop(0) for queue in queues]
    while waiting := [queue for queue in queues if queue]:
        woven.append(draw(st.sampled_from(waiting)).pop(0))
    queues.clear()
    return woven


def _part_deltas(begin: PartBegin, pieces: list[str], signature: str) -> list[Delta]:
    index = begin.index
    signed = [PartSignature(index, signature)] if signature else []
    return [begin, *(PartDelta(index, piece) for piece in pieces), *signed, PartEnd(index)]


def _unpart(index: int, part: AnswerPart) -> tuple[PartBegin, str, str]:
    match part:
        case Text(text):
            return PartBegin(index, "text"), text, ""
        case Refusal(text):
            return PartBegin(index, "refusal"), text, ""
        case Call(id, name, arguments):
            return PartBegin(index, "call", id, name), arguments, ""
        case Thinking(text, signature, sealed):
            kind: PartKind = "sealed" if sealed else "thinking"
            return PartBegin(index, kind), sealed or text, signature
        case Image():
            raise AssertionError("a stream holds no pictures")


# ── anything ────────────────────────────────────────────────────────────────────────────────────────

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
json_objects = st.dictionaries(
    words, st.recursive(st.none() | st.booleans() | st.integers() | words, st.lists, max_leaves=4), max_size=3
)

texts = st.builds(Text, words)
refusals = st.builds(Refusal, words)
thoughts = st.builds(Thinking, text=words)
signed_thoughts = st.builds(Thinking, text=words, signature=words)
calls = st.builds(Call, names, names, json_objects.map(json.dumps))
images = st.builds(Image, url=names.map("https://example.com/".__add__)) | st.builds(
    Image, media_type=st.just("image/png"), data=st.just("aGk=")
)
files = st.builds(File, media_type=st.just("application/pdf"), data=st.just("aGk="), name=words)
results = st.lists(texts, max_size=1).map(tuple)
tools = st.builds(
    Tool,
    name=names,
    description=st.just("") | words,
    parameters=json_objects,
    strict=st.none() | st.booleans(),
)
formats = st.builds(JsonFormat, name=names, schema=json_objects)
counts = st.integers(0, 10_000)
some_tokens = st.builds(
    Tokens, counts, counts, st.none() | counts, st.none() | counts, st.none() | counts
)  # fmt: skip


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """What all three APIs can say: turns that alternate, results of tools by themselves, plain settings."""
    messages = [Message("system", (draw(texts),))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        given = draw(st.lists(texts | images | files, min_size=1, max_size=3))
        messages.append(Message("user", tuple(given)))
        said = draw(st.lists(texts, max_size=1))
        called = draw(st.lists(calls, min_size=0 if said else 1, max_size=2, unique_by=lambda call: call.id))
        messages.append(Message("assistant", (*said, *called)))
        if called:
            found = [CallResult(call.id, draw(results)) for call in called]
            messages.append(Message("user", tuple(found)))
            messages.append(Message("assistant", (draw(texts),)))
    messages.append(Message("user", (draw(texts),)))
    offered = tuple(draw(st.lists(tools, max_size=2)))
    choices: st.SearchStrategy[Literal["auto", "none", "required", "tool"]]
    choices = st.sampled_from(["auto", "none", "required", "tool"])
    choice = draw(choices) if offered else None
    return Conversation(
        model=draw(names),
        messages=tuple(messages),
        stream=draw(st.booleans()),
        tools=offered,
        tool_choice=choice,
        tool_name=offered[0].name if choice == "tool" else "",
        parallel_calls=draw(st.none() | st.booleans()) if choice == "auto" else None,
        max_tokens=draw(st.integers(1, 10_000)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        json_format=draw(st.none() | formats),
        user=draw(st.just("") | words),
    )


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────────

WEATHER: Final = Tool(
    name="get_weather",
    description="The weather in a city, now.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)
OSLO: Final = Call("call_1", "get_weather", '{"city":"Oslo"}')
RIO: Final = Call("call_2", "get_weather", '{"city":"Rio"}')

CONVERSATIONS: Final[dict[str, Conversation]] = {
    "one word": Conversation(model="m", messages=(Message("user", (Text("Hi"),)),)),
    "settings": Conversation(
        model="m",
        messages=(Message("system", (Text("Be brief."),)), Message("user", (Text("Tell me a tale."),))),
        stream=True,
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        user="user-7",
    ),
    "tools": Conversation(
        model="m",
        messages=(
            Message("user", (Text("Is it warmer in Oslo or in Rio?"),)),
            Message("assistant", (Text("I look."), OSLO, RIO)),
            Message("user", (CallResult("call_1", (Text("3 °C"),)), CallResult("call_2", (Text("31 °C"),)))),
        ),
        tools=(WEATHER,),
        tool_choice="auto",
        parallel_calls=True,
    ),
    "a picture": Conversation(
        model="m",
        messages=(
            Message("user", (Text("What is it?"), Image(media_type="image/png", data="aGk="))),
            Message("assistant", (Text("A cat."),)),
            Message("user", (Text("And this?"), Image(url="https://example.com/dog.png"))),
        ),
    ),
    "a form": Conversation(
        model="m",
        messages=(Message("user", (Text("Name a city."),)),),
        json_format=JsonFormat(name="city", schema={"type": "object"}, strict=True),
    ),
}

ANSWERS: Final[dict[str, Answer]] = {
    "a word": Answer(
        id="a1", model="m", parts=(Text("Hello."),), stop="end", created=7, tokens=Tokens(input=3, output=2)
    ),
    "a thought": Answer(
        id="a2",
        model="m",
        parts=(Thinking("Two plus two."), Text("Four.")),
        stop="end",
        created=7,
        tokens=Tokens(input=30, output=20, cached=10, cache_written=5, reasoning=17),
    ),
    "calls": Answer(id="a3", model="m", parts=(Text("I look."), OSLO, RIO), stop="calls", created=7),
    "a refusal": Answer(id="a4", model="m", parts=(Refusal("I won't."),), stop="refusal", created=7),
    "cut": Answer(id="a5", model="m", parts=(Text("Once upon"),), stop="length", created=7),
}

STREAMS: Final[dict[str, list[Delta]]] = {name: deltas_of(answer) for name, answer in ANSWERS.items()} | {
    "calls side by side": [
        Begin("a3", "m", 7),
        PartBegin(0, "text"),
        PartDelta(0, "I "),
        PartDelta(0, "look."),
        PartEnd(0),
        PartBegin(1, "call", OSLO.id, OSLO.name),
        PartBegin(2, "call", RIO.id, RIO.name),
        PartDelta(2, '{"city":'),
        PartDelta(1, OSLO.arguments),
        PartDelta(2, '"Rio"}'),
        PartEnd(1),
        PartEnd(2),
        End("calls"),
    ],
    "a signed thought": [
        Begin("a6", "m", 7),
        PartBegin(0, "thinking"),
        PartDelta(0, "Hm."),
        PartSignature(0, "c2ln"),
        PartEnd(0),
        PartBegin(1, "sealed"),
        PartDelta(1, "c2VjcmV0"),
        PartEnd(1),
        PartBegin(2, "text"),
        PartDelta(2, "Yes."),
        PartEnd(2),
        End("stop_sequence", "\n", Tokens(1, 2)),
    ],
}
