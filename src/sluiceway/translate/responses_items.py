"""The `input` of a Responses request as messages, and back.

The API has a flat list of items, where an assistant's turn is several: its thoughts, its words and each of
its calls. Read, they are one message, so that a writer of another API need not gather them; and so are
the results of calls that come in a row.

Source: the SDK's `response_input_item_param` and the types that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

import msgspec

from sluiceway.errors import InvalidRequest
from sluiceway.translate.neutral import Call, CallResult, File, Image, Message, Part, Refusal, Text, Thinking
from sluiceway.translate.request_fields import Fields, Notes

SEALED_BY: Final = "responses"
"""The name of this dialect in `Thinking.sealed_by`: it alone opens `encrypted_content`."""

BARE_FILE: Final = "application/pdf"
"""What file data without a data URL's head is taken for: the one kind that all models with files read."""

UNNAMED_FILE: Final = "document.pdf"
"""A file's name where the client gave none: OpenAI takes no file data without one."""

PARAGRAPHS: Final = "\n\n"
"""Between the parts of a summary, which are paragraphs of their own."""

_Content = Text | Refusal | Image | File

_ROLES: Final[dict[str, Literal["system", "user", "assistant"]]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",  # OpenAI's newer word for it
}

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


class _Said(msgspec.Struct, frozen=True):
    """What one item says. `joins`: items in a row with the same are one message, `""` for none."""

    role: Literal["system", "user", "assistant"]
    parts: list[Part]
    joins: Literal["", "assistant", "results"] = ""


def read_items(value: Any, notes: Notes) -> list[Message]:
    """The value of `input`: a user's text, or items. An item of a type without a neutral form is lost:
    `input[3].type`. Raises `InvalidRequest`."""
    if isinstance(value, str):
        return [Message("user", (Text(value),))]
    if not isinstance(value, list):
        raise InvalidRequest("input must be a string or a list of items", param="input")
    found: list[_Said] = []
    for number, item in enumerate(value):
        said = _read_item(item, Fields(item, f"input[{number}]", notes))
        if said is None or (said.joins and not said.parts):
            continue
        if said.joins and found and found[-1].joins == said.joins:
            found[-1].parts.extend(said.parts)
        else:
            found.append(said)
    return [Message(said.role, tuple(said.parts)) for said in found]


def _read_item(value: dict[str, Any], item: Fields) -> _Said | None:
    """A message may leave out its type. Without a role, that is a reference to what OpenAI has stored."""
    kind = item.text("type") or ("message" if "role" in value else "item_reference")
    read = _ITEMS.get(kind)
    if read is None:
        item.abandon("type")
        return None
    # The provider's own label and bookkeeping: no model reads them.
    item.drop("status", *(() if kind == "reasoning" else ("id",)))
    said = read(item)
    item.close()
    return said


def _read_message(item: Fields) -> _Said:
    path = item.path("role")
    role = _ROLES.get(item.required_text("role"))
    if role is None:
        raise InvalidRequest(f"{path} must be user, assistant, system or developer", param=path)
    item.drop("phase")  # whether it is a final answer or on the way to one: a label for OpenAI's models
    if role == "system":
        return _Said(role, _read_content(item, "content", _OF_TEXT))
    if role == "user":
        return _Said(role, _read_content(item, "content", _OF_INPUT))
    return _Said(role, _read_content(item, "content", _OF_OUTPUT), joins="assistant")


def _read_reasoning(item: Fields) -> _Said:
    """`summary` is what OpenAI shows of a thought, `content` what open models do."""
    shown: list[Part] = []
    for name in ("summary", "content"):
        shown += _read_content(item, name, _OF_TEXT)
    sealed = item.text("encrypted_content")
    thinking = Thinking(
        text=PARAGRAPHS.join(part.text for part in shown if isinstance(part, Text)),
        sealed=sealed,
        sealed_by=SEALED_BY if sealed else "",
        id=item.text("id"),
    )
    return _Said("assistant", [thinking] if thinking.text or sealed else [], joins="assistant")


def _read_call(item: Fields) -> _Said:
    refuse_programs(item)
    call = Call(item.required_text("call_id"), item.required_text("name"), item.text("arguments"))
    return _Said("assistant", [call], joins="assistant")


def _read_result(item: Fields) -> _Said:
    refuse_programs(item)
    item.drop("name")  # of the function, which the call says
    content = _read_content(item, "output", _OF_INPUT)
    parts = tuple(part for part in content if isinstance(part, Text | Image | File))
    return _Said("user", [CallResult(item.required_text("call_id"), parts)], joins="results")


def refuse_programs(fields: Fields) -> None:
    """Of a call, result or tool: direct and waited for is all that others know. Code that calls tools on
    OpenAI's side, and tools that answer later, are lost."""
    caller = fields.inner("caller")
    if caller is not None:
        if caller.text("type") == "direct":
            caller.close()
        else:
            caller.abandon("type")
    if fields.flag("async"):
        fields.lose("async")


_Readers = dict[str, Callable[[Fields], Part | None]]


def _read_content(fields: Fields, name: str, readers: _Readers) -> list[Part]:
    """Content parts, or a string; empty text says nothing, and Anthropic refuses it."""
    parts: list[Part] = []
    for part in fields.blocks(name):
        read = readers.get(part.required_text("type"))
        if read is None:
            part.abandon("type")
            continue
        part.drop("prompt_cache_breakpoint")
        said = read(part)
        part.close()
        if said is not None:
            parts.append(said)
    return parts


def _read_text(part: Fields) -> Text | None:
    part.drop("annotations", "logprobs")  # of an earlier answer, see `neutral.Text`
    text = part.text("text")
    return Text(text) if text else None


def _read_refusal(part: Fields) -> Refusal | None:
    text = part.text("refusal")
    return Refusal(text) if text else None


def _read_image(part: Fields) -> Image | None:
    if part.text("file_id"):
        part.abandon("file_id")  # only OpenAI has that file
        return None
    path = part.path("image_url")
    url = part.required_text("image_url")
    detail = part.text("detail")
    if url.startswith(("https://", "http://")):
        return Image(url=url, detail=detail)
    media_type, data = _read_data_url(url, path)
    return Image(media_type=media_type, data=data, detail=detail)


def _read_file(part: Fields) -> File | None:
    if part.text("file_id"):
        part.abandon("file_id")
        return None
    part.drop("detail")  # how finely OpenAI renders the pages
    name = part.text("filename")
    url = part.text("file_url")
    if url:
        return File(url=url, name=name)
    path = part.path("file_data")
    data = part.required_text("file_data")
    if not data.startswith("data:"):
        return File(media_type=BARE_FILE, data=data, name=name)
    media_type, data = _read_data_url(data, path)
    return File(media_type=media_type, data=data, name=name)


def _read_data_url(url: str, path: str) -> tuple[str, str]:
    """Media type and base64 of a data URL (RFC 2397)."""
    head, comma, data = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64") and comma and data):
        raise InvalidRequest(f"{path} must be an http(s) URL or a data URL in base64", param=path)
    return head.removeprefix("data:").partition(";")[0], data


# A string stands for a part of the type "text"; clients that know chat better than this API send it, too.
_OF_TEXT: Final[_Readers] = dict.fromkeys(
    ("text", "input_text", "output_text", "summary_text", "reasoning_text"), _read_text
)
_OF_INPUT: Final[_Readers] = {**_OF_TEXT, "input_image": _read_image, "input_file": _read_file}
_OF_OUTPUT: Final[_Readers] = {**_OF_TEXT, "refusal": _read_refusal}
_ITEMS: Final[dict[str, Callable[[Fields], _Said]]] = {
    "message": _read_message,
    "reasoning": _read_reasoning,
    "function_call": _read_call,
    "function_call_output": _read_result,
}

# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_items(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The items for messages. Raises `InvalidRequest` for what the API can't say.

    Thoughts are left out unless OpenAI can open them. That a result is one of a failed call has no field
    of its own here: its text tells.
    """
    items: list[dict[str, Any]] = []
    for message in messages:
        spoken: list[_Content] = []
        for part in message.parts:
            item = _write_item(part)
            if item is not None:
                items += _write_message(message.role, spoken)
                spoken = []
                items.append(item)
            elif isinstance(part, _Content):
                spoken.append(part)
        items += _write_message(message.role, spoken)
    return items


def _write_item(part: Part) -> dict[str, Any] | None:
    """A part that is an item of its own; None for the others, and for thoughts that OpenAI can't open."""
    match part:
        case Call(id, name, arguments):
            return {"type": "function_call", "call_id": id, "name": name, "arguments": arguments}
        case CallResult(id, parts):
            return {"type": "function_call_output", "call_id": id, "output": _write_content(parts) or ""}
        case Thinking(sealed_by="responses"):
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            item = {"type": "reasoning", "summary": summary, "encrypted_content": part.sealed}
            return item | ({"id": part.id} if part.id else {})
    return None


def _write_message(role: str, spoken: list[_Content]) -> list[dict[str, Any]]:
    """Messages that say this.

    An assistant's texts are messages of their own, with a string each: as a list of parts they would need
    ids and a status to be what the API defines, and imitators (vLLM) insist on them.
    """
    if role != "assistant":
        content = _write_content(spoken)
        return [{"type": "message", "role": role, "content": content}] if spoken else []
    items = []
    for part in spoken:
        match part:
            case Text(text):
                content = text
            case Refusal(text):
                content = [{"type": "refusal", "refusal": text}]
            case _:
                raise InvalidRequest("an assistant can't have said pictures or files", param="messages")
        items.append({"type": "message", "role": "assistant", "content": content})
    return items


def _write_content(parts: Iterable[_Content]) -> str | list[dict[str, Any]]:
    """One text as a string, which is how every imitator of the API can read it."""
    content = [_write_part(part) for part in parts]
    if len(content) == 1 and content[0]["type"] == "input_text":
        return str(content[0]["text"])
    return content


def _write_part(part: _Content) -> dict[str, Any]:
    match part:
        case Text(text) | Refusal(text):
            return {"type": "input_text", "text": text}
        case Image():
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            # OpenAI itself can do without the detail, but its types, by which vLLM checks, cannot.
            return {"type": "input_image", "detail": part.detail or "auto", "image_url": url}
        case File(url=""):
            data = f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_file", "filename": part.name or UNNAMED_FILE, "file_data": data}
        case File():
            return {"type": "input_file", "file_url": part.url} | (
                {"filename": part.name} if part.name else {}
            )
