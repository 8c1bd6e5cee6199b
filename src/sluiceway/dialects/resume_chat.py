"""Going on with a broken chat stream: what the client has, the next request, and one stream made of two.

What the client sees is one answer: `id`, `created` and `model` stay those of the first stream. Everything
else is as the second upstream says it: its `system_fingerprint`, its finish reason, and its usage, which counts the
continuation alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.chat_chunk import read_index
from sluiceway.dialects.json_request import TRUE, Fields, read_fields
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.dialects.openai_errors import read_frame_error
from sluiceway.dialects.resume_text import (
    Overlap,
    Partial,
    Prefill,
    join_text,
    mark_last,
    read_value,
    with_answer,
)
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

# ── what the client has ─────────────────────────────────────────────────────────────────────────────

_ENVELOPE: Final = ("id", "created", "model")

# What a delta may have beside text. Thoughts are not sent to the next upstream: they are another model's, and
# there is no common form for them.
_BESIDE_TEXT: Final = frozenset({"role", "reasoning_content", "reasoning", "reasoning_details"})


def read_partial(sent: Iterable[bytes]) -> Partial | None:
    """See `resume.partial_answer`. Unsafe: tool calls, refusals, audio, annotations (their positions count from the
    beginning of the text), logprobs, a choice other than the first, and whatever else is no text."""
    envelope: dict[str, Any] = {}
    texts: list[str] = []
    for block in sent:
        for event in parse_events(block):
            if (
                event.data
                and not event.data.isspace()
                and not _take_chunk(event, event.data, envelope, texts)
            ):
                return None
    text = join_text(texts)
    return None if text is None else Partial(text=text, envelope=envelope)


def _take_chunk(event: SseEvent, data: bytes, envelope: dict[str, Any], texts: list[str]) -> bool:
    """False where the answer can't be continued; `[DONE]` is among what is no JSON."""
    try:
        chunk = read_json(data)
    except NOT_JSON:
        return False
    if not isinstance(chunk, dict) or read_frame_error(event, chunk) is not None:
        return False
    for name in _ENVELOPE:
        if chunk.get(name) and name not in envelope:
            envelope[name] = chunk[name]
    choices = chunk.get("choices") or []
    return isinstance(choices, list) and all(_take_choice(choice, texts) for choice in choices)


def _take_choice(choice: Any, texts: list[str]) -> bool:
    if not isinstance(choice, dict) or read_index(choice) not in (None, 0):
        return False
    if choice.get("finish_reason") or choice.get("logprobs"):
        return False
    delta = choice.get("delta") or {}
    if not isinstance(delta, dict) or (not delta and choice.get("message")):
        return False  # a whole message in a chunk is understood by some clients, and not by others
    for name, value in delta.items():
        if name == "content" and isinstance(value, str):
            texts.append(value)
        elif value and name not in _BESIDE_TEXT:
            return False
    return True


# ── the next request ────────────────────────────────────────────────────────────────────────────────

_CONTINUE: Final[Fields] = {"continue_final_message": TRUE, "add_generation_prompt": msgspec.Raw(b"false")}

# What a continuation can't give. Probabilities: those of the two parts would not fit together. Audio, searches: more
# than text. `echo`: vLLM would repeat what it was given. The rest are grammars (vLLM, SGLang, llama.cpp), which
# begin anew with the continuation, though half of what they describe is written already.
_UNSAFE: Final = (
    "logprobs", "top_logprobs", "prompt_logprobs", "audio", "web_search_options", "echo",
    "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs",
    "regex", "ebnf", "grammar", "json_schema",
)  # fmt: skip


def resume(request: DialectRequest, partial: Partial, prefill: Prefill) -> DialectRequest | None:
    """See `resume.resumed_request`."""
    fields = request.fields
    if "messages" not in fields or not _asks_for_text(fields):
        return None
    messages = with_answer(fields["messages"], partial.text, extend=prefill != "prefix")
    if messages is None:
        return None
    fields = _mark(fields | {"messages": messages}, prefill)
    return msgspec.structs.replace(request, body=msgspec.json.encode(fields), fields=fields)


def mark(body: bytes, prefill: Prefill) -> bytes:
    """See `resume.mark_translated`."""
    return msgspec.json.encode(_mark(read_fields(body), prefill))


def _mark(fields: Fields, prefill: Prefill) -> Fields:
    """DeepSeek (https://api-docs.deepseek.com/guides/chat_prefix_completion) and Mistral
    (https://docs.mistral.ai/guides/prefix/) want the message marked, vLLM and what follows it the request; there
    the two members exclude each other, and the second one is on unless it is turned off."""
    match prefill:
        case "prefix":
            return fields | {"messages": mark_last(fields["messages"])}
        case "continue_final_message":
            return fields | _CONTINUE
        case _:
            return fields


def _asks_for_text(fields: Fields) -> bool:
    """One answer in text, or calls of tools if the model likes."""
    try:
        read = {name: read_value(fields, name) for name in fields if name not in ("messages", "tools")}
    except NOT_JSON:
        return False
    form = read.get("response_format") or {"type": "text"}
    return (
        read.get("n") in (None, 1)
        and isinstance(form, dict)
        and form.get("type") == "text"
        and read.get("modalities") in (None, [], ["text"])
        # A choice that is forced is no text from its first token on.
        and all(read.get(name) in (None, "auto", "none") for name in ("tool_choice", "function_call"))
        and all(read.get(name) in (None, False, 0) for name in _UNSAFE)
    )


# ── one stream of two ───────────────────────────────────────────────────────────────────────────────


class ChatSplice:
    """See `resume.Splice`."""

    __slots__ = ("_envelope", "_overlap")

    def __init__(self, partial: Partial, overlap: Overlap) -> None:
        self._envelope = partial.envelope
        self._overlap = overlap

    def feed(self, event: SseEvent) -> bytes:
        """See `resume.Splice`. A chunk with nothing left in it is dropped: its text was repeated, or it had no more
        than the role, which OpenAI's SDK would join to `assistantassistant`."""
        try:
            chunk = read_json(event.data or b"")
        except NOT_JSON:
            chunk = None  # `[DONE]`, mostly
        if not isinstance(chunk, dict) or read_frame_error(event, chunk) is not None:
            return self._rest_of_text() + event.raw
        choices = chunk.get("choices")
        choices = (
            [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
        )
        rest = self._rest_of_text() if any(map(_ends_text, choices)) else b""
        left = [self._take(choice) for choice in choices]
        if left and not any(left) and not chunk.get("usage"):
            return rest
        data = write_json(chunk | self._envelope)
        return rest + encode_event(data, event=event.event, id=event.id)

    def _take(self, choice: dict[str, Any]) -> bool:
        """Take out what the client has already; false where nothing is left."""
        delta = choice.get("delta")
        if isinstance(delta, dict):
            delta.pop("role", None)
            text = delta.get("content")
            if isinstance(text, str):
                delta["content"] = self._overlap.take(text)
            if any(delta.values()):
                return True
        return any(choice.get(name) for name in ("finish_reason", "logprobs", "message"))

    def _rest_of_text(self) -> bytes:
        text = self._overlap.release()
        if not text:
            return b""
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        chunk = self._envelope | {"object": "chat.completion.chunk", "choices": [choice]}
        return encode_event(write_json(chunk))


def _ends_text(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    calls = isinstance(delta, dict) and (delta.get("tool_calls") or delta.get("function_call"))
    return bool(calls or choice.get("finish_reason"))
