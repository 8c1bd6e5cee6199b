"""The messages of a chat request as a conversation's, and back.

Source: the SDK's `chat_completion_message_param` and the types that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sluiceway.errors import InvalidRequest
from sluiceway.translate.neutral import (
    Call,
    CallResult,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Text,
    Thinking,
)
from sluiceway.translate.request_fields import Fields

THOUGHTS: Final = ("reasoning_content", "reasoning")
"""What providers call a message's thoughts (DeepSeek and many others; OpenRouter): one text, either way."""

_WEB: Final = ("https://", "http://")

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def read_messages(messages: Iterable[Fields]) -> tuple[Message, ...]:
    """The turns. Results of tools that follow one another are one message. Raises `InvalidRequest`."""
    found: list[Message] = []
    results: list[Part] = []
    for message in messages:
        role = message.required_text("role")
        if role in ("tool", "function"):
            results.append(_read_result(message, role))
            message.close()
            continue
        if results:
            found.append(Message("user", tuple(results)))
            results = []
        message.drop("name")  # tells users of one role apart; no other API has it
        if role in ("system", "developer"):
            found.append(Message("system", tuple(_read_content(message))))
        elif role == "user":
            found.append(Message("user", tuple(_read_content(message))))
        elif role == "assistant":
            found.append(Message("assistant", tuple(_read_assistant(message))))
        else:
            path = message.path("role")
            known = "system, developer, user, assistant, tool or function"
            raise InvalidRequest(f"{path} must be {known}", param=path)
        message.close()
    if results:
        found.append(Message("user", tuple(results)))
    return tuple(found)


def legacy_call_id(name: str) -> str:
    """The id of a call in the old form, `function_call`, which has none: a function is called once a turn."""
    return f"call_{name}"


def _read_result(message: Fields, role: str) -> CallResult:
    if role == "function":
        call_id = legacy_call_id(message.required_text("name"))
    else:
        call_id = message.required_text("tool_call_id")
        message.drop("name")
    parts = tuple(part for part in _read_content(message) if isinstance(part, Text | Image | File))
    return CallResult(call_id, parts)


def _read_assistant(message: Fields) -> Iterator[Part]:
    for name in THOUGHTS:
        if text := message.text(name):
            yield Thinking(text)
            message.drop(*THOUGHTS)  # the other name says the same
    message.drop("reasoning_details")  # the same again, in OpenRouter's own form
    yield from _read_content(message)
    if refusal := message.text("refusal"):
        yield Refusal(refusal)
    message.drop("annotations")  # where the answer's words came from: not sent back by other APIs
    for call in message.inners("tool_calls"):
        if call.text("type") not in ("", "function"):
            call.abandon("type")
            continue
        call_id = call.required_text("id")
        function = call.required_inner("function")
        yield Call(call_id, function.required_text("name"), function.text("arguments"))
        function.close()
        call.drop("index")
        call.close()
    legacy = message.inner("function_call")
    if legacy is not None:
        name = legacy.required_text("name")
        yield Call(legacy_call_id(name), name, legacy.text("arguments"))
        legacy.close()


def _read_content(message: Fields) -> Iterator[Text | Image | File | Refusal]:
    for part in message.blocks("content"):
        kind = part.required_text("type")
        if kind == "text":
            if text := part.text("text"):  # empty, it says nothing, and Anthropic refuses it
                yield Text(text)
        elif kind == "refusal":
            if text := part.text("refusal"):
                yield Refusal(text)
        elif kind == "image_url":
            yield from _read_image(part.required_inner("image_url"))
        elif kind == "file":
            yield from _read_file(part.required_inner("file"))
        else:
            part.abandon("type")  # input_audio, and what is yet to come
            continue
        part.drop("cache_control", "prompt_cache_breakpoint")  # Anthropic's, as OpenRouter takes it; OpenAI's
        part.close()


def _read_image(image: Fields) -> Iterator[Image]:
    url, detail = image.required_text("url"), image.text("detail")
    if url.startswith(_WEB):
        yield Image(url=url, detail=detail)
    else:
        media_type, data = _read_data_url(url, image.path("url"))
        yield Image(media_type=media_type, data=data, detail=detail)
    image.close()


def _read_file(file: Fields) -> Iterator[File]:
    if file.text("file_id"):
        file.abandon("file_id")
        return
    path = file.path("file_data")
    data, name = file.required_text("file_data"), file.text("filename")
    if data.startswith(_WEB):  # OpenRouter's way
        yield File(url=data, name=name)
    else:
        media_type = "application/pdf"  # the only kind of file that the API documents
        if data.startswith("data:"):
            media_type, data = _read_data_url(data, path)
        yield File(media_type=media_type, data=data, name=name)
    file.close()


def _read_data_url(url: str, path: str) -> tuple[str, str]:
    """RFC 2397: media type and data, which must be in base64, as images are everywhere."""
    head, _, data = url.partition(",")
    media_type = head.removeprefix("data:").partition(";")[0]
    if not (head.startswith("data:") and head.endswith(";base64") and media_type and data):
        raise InvalidRequest(f"{path} must be a URL, or a data: URL in base64", param=path)
    return media_type, data


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The messages. Raises `InvalidRequest` for a file that is only a URL.

    Left out, since the API has no place for it: thoughts (some upstreams refuse them, none asks for them),
    and whether a tool failed, which its text tells. Pictures and files among a tool's results follow in a
    message of the user's, since a `tool` message holds text alone.
    """
    written: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        path = f"messages[{number}]"
        if message.role == "assistant":
            written += _write_assistant(message)
            continue
        seen: list[Part] = []
        for part in message.parts:
            if isinstance(part, CallResult):
                text = "".join(inner.text for inner in part.parts if isinstance(inner, Text))
                written.append({"role": "tool", "tool_call_id": part.id, "content": text})
                seen += [inner for inner in part.parts if not isinstance(inner, Text)]
            else:
                seen.append(part)
        if seen:
            written.append({"role": message.role, "content": _write_content(seen, path)})
    return written


def _write_assistant(message: Message) -> Iterator[dict[str, Any]]:
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    calls = [part for part in message.parts if isinstance(part, Call)]
    if not texts and not refusals and not calls:
        return
    written: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None}
    if refusals:
        written["refusal"] = "".join(refusals)
    if calls:
        # Upstreams parse the arguments of earlier calls, and the empty text that stands for none is no JSON.
        written["tool_calls"] = [
            write_call(call if call.arguments else Call(call.id, call.name, "{}")) for call in calls
        ]
    yield written


def write_call(call: Call) -> dict[str, Any]:
    """A tool call, as requests and answers have it."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _write_content(parts: list[Part], path: str) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text  # the form that every imitator can read
    return [_write_part(part, path) for part in parts]


def _write_part(part: Part, path: str) -> dict[str, Any]:
    match part:
        case Image():
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": url} | detail}
        case File():
            if part.url:
                raise InvalidRequest(f"{path} has a file by URL, which this model can't be given", param=path)
            data = f"data:{part.media_type};base64,{part.data}"
            return {"type": "file", "file": {"filename": part.name or "file", "file_data": data}}
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text}
        case _:
            raise InvalidRequest(f"{path} has a part that does not belong to its role", param=path)
