"""A chat answer, whole, as a neutral one, and back.

Source: the SDK's `chat_completion`, and the providers named at each deviation from it.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.chat_chunk import read_finish_reason, read_index, read_usage
from sluiceway.dialects.json_text import NOT_JSON, write_json
from sluiceway.errors import UpstreamInvalid
from sluiceway.translate.chat_messages import THOUGHTS, legacy_call_id, write_call
from sluiceway.translate.neutral import Answer, Call, Refusal, Stop, Text, Thinking, Tokens

_STOP_OF: Final[dict[str, Stop]] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "calls",
    "function_call": "calls",
    "content_filter": "filter",
}
# A paused turn only comes of tools at Anthropic, which no chat client can ask for. A refusal in words of its
# own ends in `stop` at OpenAI; without such words, somebody's filter cut the answer.
_REASON_OF: Final[dict[Stop, str]] = {
    "end": "stop",
    "length": "length",
    "calls": "tool_calls",
    "filter": "content_filter",
    "stop_sequence": "stop",
    "refusal": "content_filter",
    "pause": "stop",
}


def read_answer(answer: dict[str, Any]) -> Answer:
    """See `neutral.Translator`. The first choice: of a translated request there is no other."""
    choices = answer.get("choices")
    found = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    choice = min(found, key=lambda one: read_index(one) or 0, default=None)
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        raise UpstreamInvalid("the upstream's answer has no choice with a message")
    refuse_pictures_and_speech(message)
    answer_id = text_of(answer, "id")
    calls = _read_calls(message, answer_id)
    thinking = next((text for name in THOUGHTS if (text := text_of(message, name))), "")
    thoughts, content = read_content(message.get("content"))
    refusal = text_of(message, "refusal")
    parts: list[Text | Thinking | Refusal | Call] = []
    parts += [Thinking(thinking + thoughts)] if thinking + thoughts else []
    parts += [Text(content)] if content else []
    parts += [Refusal(refusal)] if refusal else []
    return Answer(
        id=answer_id,
        model=text_of(answer, "model"),
        created=read_created(answer),
        parts=(*parts, *calls),
        stop=read_stop(read_finish_reason(choice), calls=bool(calls), refuses=bool(refusal)),
        tokens=read_tokens(answer.get("usage")),
    )


def read_stop(reason: str | None, *, calls: bool, refuses: bool) -> Stop | None:
    """Why it ended. Without a reason, of an answer that is whole: by what is in it, as aggregation does."""
    if reason is None and calls:
        return "calls"
    stop = _STOP_OF.get(reason or "stop")
    if stop == "end" and (refuses or calls):  # Gemini says `stop` of answers that call tools
        return "refusal" if refuses else "calls"
    return stop


def read_content(content: Any) -> tuple[str, str]:
    """Thoughts and text of a message's or delta's content: a string, or parts, as Mistral's models send."""
    if isinstance(content, str):
        return "", content
    thoughts, texts = "", ""
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts += part
        elif isinstance(part, dict) and part.get("type") == "thinking":
            thought = part.get("thinking")
            inner = thought if isinstance(thought, list) else [{"text": thought}]
            thoughts += "".join(text_of(one, "text") for one in inner if isinstance(one, dict))
        elif isinstance(part, dict):
            texts += text_of(part, "text")
    return thoughts, texts


def read_arguments(function: dict[str, Any]) -> str:
    """The arguments of a call: JSON text, also where an imitator sends the object itself."""
    arguments = function.get("arguments")
    if not isinstance(arguments, dict):
        return text_of(function, "arguments")
    try:
        return write_json(arguments).decode()
    except NOT_JSON:
        raise UpstreamInvalid("the arguments of a tool call in the upstream's answer are no JSON") from None


def refuse_pictures_and_speech(message: dict[str, Any]) -> None:
    """Of a message or delta: OpenAI's `audio`, and `images`, in which OpenRouter has what models draw.

    Raises `UpstreamInvalid`: without them the answer would be another one.
    """
    if message.get("audio"):
        raise UpstreamInvalid("the upstream's answer is spoken, which can't be carried over")
    if message.get("images"):
        raise UpstreamInvalid("the upstream's answer holds a picture, which can't be carried over")


def read_tokens(usage: Any) -> Tokens | None:
    """A `usage` object; None where it counts nothing."""
    counted = read_usage(usage)
    if counted is None:
        return None
    details = usage.get("prompt_tokens_details")
    tokens = Tokens(
        input=counted.input_tokens,
        output=counted.output_tokens,
        cached=counted.cached_tokens,
        cache_written=_count(details, "cache_write_tokens"),
        reasoning=counted.reasoning_tokens,
    )
    return None if tokens == Tokens() else tokens


def read_created(document: dict[str, Any]) -> int:
    """Unix seconds; 0 where they are not said, or not a number."""
    created = document.get("created")
    return int(created) if isinstance(created, int | float) and 0 <= created < 2**53 else 0


def text_of(fields: dict[str, Any], name: str) -> str:
    """A string member, `""` for anything else."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def call_id(answer_id: str, number: int) -> str:
    """The id of a call to which the upstream gave none: other APIs tie results to calls by it."""
    return f"call_{answer_id}_{number}"


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _read_calls(message: dict[str, Any], answer_id: str) -> tuple[Call, ...]:
    calls = []
    listed = message.get("tool_calls")
    for number, call in enumerate(listed if isinstance(listed, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not text_of(function, "name"):
            raise UpstreamInvalid("the upstream's answer has a tool call that calls no function")
        found = text_of(call, "id") or call_id(answer_id, number)
        calls.append(Call(found, text_of(function, "name"), read_arguments(function)))
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and text_of(legacy, "name"):
        name = text_of(legacy, "name")
        calls.append(Call(legacy_call_id(name), name, read_arguments(legacy)))
    return tuple(calls)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_answer(answer: Answer) -> dict[str, Any]:
    """See `neutral.Translator`. Sealed thoughts and signatures are left out: no chat client sends them back."""
    texts, thoughts, refusals, calls = [], [], [], []
    for part in answer.parts:
        match part:
            case Text(text):
                texts.append(text)
            case Thinking(text):
                thoughts.append(text)
            case Refusal(text):
                refusals.append(text)
            case Call():
                calls.append(write_call(part))
            case _:
                raise UpstreamInvalid("the upstream's answer holds a picture, which a chat answer can't")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) or None,
    }
    if thinking := "".join(thoughts):
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = calls
    reason = write_reason(answer.stop, calls=bool(calls), refuses=bool(refusals))
    written = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
    }
    usage = write_usage(answer.tokens)
    return written | ({} if usage is None else {"usage": usage})


def write_reason(stop: Stop | None, *, calls: bool, refuses: bool) -> str:
    """The finish reason."""
    if stop is None:
        return "tool_calls" if calls else "stop"
    return "stop" if stop == "refusal" and refuses else _REASON_OF[stop]


def write_usage(tokens: Tokens | None) -> dict[str, Any] | None:
    """The `usage`; None where input or output is not known."""
    if tokens is None or tokens.input is None or tokens.output is None:
        return None
    usage: dict[str, Any] = {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
    }
    taken = {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_written}
    if known := {name: count for name, count in taken.items() if count is not None}:
        usage["prompt_tokens_details"] = known
    if tokens.reasoning is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": tokens.reasoning}
    return usage
