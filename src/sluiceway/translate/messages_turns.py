"""The messages of a conversation, written as the turns and the system prompt of a Messages request.

What the API asks for, and how it is met:

- System text stands in front: every system message moves there, from the middle of a conversation too.
- Turns alternate: messages of one role in a row become one turn, the results of tools first in theirs.
- No text is empty or blank: such text is left out, and so is a turn that has nothing else.
- Thoughts are proven: those without a signature, and those that another API sealed, are left out.

Images' `detail` is OpenAI's own and left out. Source: the SDK's `content_block_param` and its types.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Any, Final

from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.errors import InvalidRequest
from sluiceway.translate.messages_blocks import SEALED_BY
from sluiceway.translate.neutral import Call, CallResult, File, Image, Message, Part, Refusal, Text, Thinking

Block = dict[str, Any]
Turn = dict[str, Any]

_NOT_IN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")


def write_system(messages: Iterable[Message]) -> str | list[Block] | None:
    """The system prompt: a string where it is one text, else blocks; None where there is none."""
    return _content(
        [block for message in messages if message.role == "system" for block in _blocks(message, "messages")]
    )


def write_turns(messages: Iterable[Message]) -> list[Turn]:
    """The turns. Raises `InvalidRequest` for what the API can't say, and where there is no turn at all."""
    turns: list[tuple[str, list[Block]]] = []
    for number, message in enumerate(messages):
        if message.role == "system":
            continue
        blocks = _blocks(message, f"messages[{number}]")
        if turns and turns[-1][0] == message.role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((message.role, blocks))
    if not turns:
        raise InvalidRequest("the conversation needs a message of the user's", param="messages")
    return [{"role": role, "content": _content(sorted(blocks, key=_rank))} for role, blocks in turns]


def continues_calls_without_thoughts(turns: list[Turn]) -> bool:
    """The last turn gives results of calls, and the turn that made the calls does not begin with a thought."""
    if len(turns) < 2 or _first_type(turns[-1]) != "tool_result":
        return False
    return _first_type(turns[-2]) not in ("thinking", "redacted_thinking")


def call_id(text: str) -> str:
    """The id of a call, in the characters that Anthropic takes, `[a-zA-Z0-9_-]+`; one that fits stays.

    The same for call and result. A digest keeps apart what would become equal (`a.b`, `a:b`).
    """
    if text and not _NOT_IN_ID.search(text):
        return text
    digest = hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{_NOT_IN_ID.sub('_', text)}_{digest}"


def read_arguments(arguments: str) -> dict[str, Any] | None:
    """The arguments of a call as an object, empty for none; None where they are no JSON object."""
    if not arguments.strip():
        return {}
    try:
        value = read_json(arguments.encode("utf-8", "surrogatepass"))
    except NOT_JSON:
        return None
    return value if isinstance(value, dict) else None


def _content(blocks: list[Block]) -> str | list[Block] | None:
    """One text as a string, which is how every imitator of the API can read it."""
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return str(blocks[0]["text"])
    return blocks or None


def _rank(block: Block) -> int:
    return 0 if block["type"] == "tool_result" else 1


def _first_type(turn: Turn) -> Any:
    content = turn["content"]
    return "text" if isinstance(content, str) else content[0]["type"]


def _blocks(message: Message, path: str) -> list[Block]:
    written = (_write_part(part, path) for part in message.parts)
    return [block for block in written if block is not None]


def _write_part(part: Part, path: str) -> Block | None:
    """One part, None where the API has nothing to say for it. `path` names the message."""
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text} if text.strip() else None
        case Image():
            return _write_image(part)
        case File():
            return _write_file(part, path)
        case Thinking():
            return _write_thinking(part)
        case Call():
            return _write_call(part, path)
        case CallResult():
            return _write_result(part, path)


def _write_image(image: Image) -> Block:
    if image.url:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    source = {"type": "base64", "media_type": image.media_type, "data": image.data}
    return {"type": "image", "source": source}


def _write_file(file: File, path: str) -> Block:
    """A document: PDF as it is, plain text as text; of no other kind does the API take the bytes."""
    source: dict[str, Any]
    if file.url:
        source = {"type": "url", "url": file.url}
    elif file.media_type == "application/pdf":
        source = {"type": "base64", "media_type": file.media_type, "data": file.data}
    elif file.media_type == "text/plain":
        source = {"type": "text", "media_type": "text/plain", "data": _decode(file.data, path)}
    else:
        kind = file.media_type or "of unknown type"
        raise InvalidRequest(f"a file must be PDF or plain text for this model, not {kind}", param=path)
    return {"type": "document", "source": source} | ({"title": file.name} if file.name else {})


def _decode(data: str, path: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        raise InvalidRequest("a file of plain text is not UTF-8 in base64", param=path) from None


def _write_thinking(thinking: Thinking) -> Block | None:
    if thinking.signature:
        return {"type": "thinking", "thinking": thinking.text, "signature": thinking.signature}
    if thinking.sealed and thinking.sealed_by == SEALED_BY:
        return {"type": "redacted_thinking", "data": thinking.sealed}
    return None


def _write_call(call: Call, path: str) -> Block:
    value = read_arguments(call.arguments)
    if value is None:
        raise InvalidRequest(
            f"the arguments of the call {call.id!r} of {call.name!r} are not a JSON object", param=path
        )
    return {"type": "tool_use", "id": call_id(call.id), "name": call.name, "input": value}


def _write_result(result: CallResult, path: str) -> Block:
    written = (_write_part(part, path) for part in result.parts)
    content = _content([block for block in written if block is not None])
    block: Block = {"type": "tool_result", "tool_use_id": call_id(result.id)}
    if content is not None:
        block["content"] = content
    return block | ({"is_error": True} if result.failed else {})
