"""Content blocks of a Messages request, read as parts of the neutral form.

Source: the SDK's `content_block_param` and the types that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sluiceway.dialects.json_text import NOT_JSON, write_json
from sluiceway.errors import InvalidRequest
from sluiceway.translate.neutral import Call, CallResult, File, Image, Part, Text, Thinking
from sluiceway.translate.request_fields import Fields

SEALED_BY: Final = "messages"
"""The name of this dialect in `Thinking.sealed_by`: it alone opens `redacted_thinking`."""

Content = Text | Image | File
_P = TypeVar("_P", bound=Part)
_Readers = Mapping[str, Callable[[Fields], Sequence[_P]]]


def read_system(fields: Fields, name: str) -> list[Text]:
    """A system prompt: a string or text blocks."""
    return _read_blocks(fields, name, _OF_SYSTEM)


def read_turn(fields: Fields, name: str) -> list[Part]:
    """What a user or an assistant says: a string or blocks."""
    return _read_blocks(fields, name, _OF_TURN)


def _read_blocks(fields: Fields, name: str, readers: _Readers[_P]) -> list[_P]:
    """Each block by the reader of its type; a type without one is lost: `messages[3].content[0].type`."""
    parts: list[_P] = []
    for block in fields.blocks(name):
        read = readers.get(block.required_text("type"))
        if read is None:
            block.abandon("type")
            continue
        block.drop("cache_control")  # what Anthropic keeps in its cache changes no answer
        parts += read(block)
        block.close()
    return parts


def _read_text(block: Fields) -> list[Text]:
    block.drop("citations")  # of an earlier answer, see `neutral.Text`
    text = block.text("text")
    return [Text(text)] if text else []


def _read_image(block: Fields) -> list[Image]:
    source = block.required_inner("source")
    kind = source.required_text("type")
    image = None
    if kind == "base64":
        image = Image(media_type=source.required_text("media_type"), data=source.required_text("data"))
    elif kind == "url":
        image = Image(url=source.required_text("url"))
    return _with_source(source, image)


def _read_document(block: Fields) -> list[Content]:
    """A PDF is a file. What is plain text anyway is text: every model can read that, few take it as a file.

    Its title and context would be lost on the way, so `context` refuses; a title is a label.
    """
    if (citations := block.inner("citations")) is not None:
        if citations.flag("enabled"):
            block.lose("citations")  # the answer is asked to quote by page and character
        citations.close()
    source = block.required_inner("source")
    kind = source.required_text("type")
    if kind == "content":
        parts: list[Content] = [*_read_blocks(source, "content", _OF_DOCUMENT)]
        block.drop("title")
        source.close()
        return parts
    if kind == "text":
        block.drop("title")
        source.take("media_type")  # text/plain, always
        return _with_source(source, Text(source.required_text("data")))
    file = None
    if kind == "base64":
        media_type, data = source.required_text("media_type"), source.required_text("data")
        file = File(media_type=media_type, data=data, name=block.text("title"))
    elif kind == "url":
        file = File(url=source.required_text("url"), name=block.text("title"))
    return _with_source(source, file)


def _with_source(source: Fields, part: _P | None) -> list[Any]:
    """The part that was made of a source; none of one that only Anthropic can open (`file`)."""
    if part is None:
        source.abandon("type")
        return []
    source.close()
    return [part]


def _read_thinking(block: Fields) -> list[Thinking]:
    return [Thinking(text=block.text("thinking"), signature=block.text("signature"))]


def _read_redacted(block: Fields) -> list[Thinking]:
    return [Thinking(sealed=block.required_text("data"), sealed_by=SEALED_BY)]


def _read_call(block: Fields) -> list[Call]:
    _read_caller(block)
    path = block.path("input")
    value = block.json_object("input")
    try:
        arguments = write_json(value or {}).decode()
    except NOT_JSON:
        raise InvalidRequest(f"{path} can't be written as JSON", param=path) from None
    return [Call(block.required_text("id"), block.required_text("name"), arguments)]


def _read_caller(block: Fields) -> None:
    """`direct` is the model itself; any other caller is code that ran on Anthropic's side."""
    caller = block.inner("caller")
    if caller is None:
        return
    if caller.text("type") == "direct":
        caller.close()
    else:
        caller.abandon("type")


def _read_result(block: Fields) -> list[CallResult]:
    call_id = block.required_text("tool_use_id")
    parts = _read_blocks(block, "content", _OF_RESULT)
    return [CallResult(call_id, tuple(parts), failed=bool(block.flag("is_error")))]


_OF_SYSTEM: Final[_Readers[Text]] = {"text": _read_text}
_OF_DOCUMENT: Final[_Readers[Content]] = {"text": _read_text, "image": _read_image}
_OF_RESULT: Final[_Readers[Content]] = {**_OF_DOCUMENT, "document": _read_document}
_OF_TURN: Final[_Readers[Part]] = {
    **_OF_RESULT,
    "thinking": _read_thinking,
    "redacted_thinking": _read_redacted,
    "tool_use": _read_call,
    "tool_result": _read_result,
}
