"""The text of a broken answer: put at the end of the next request, and taken off what that one answers.

Shared by the dialects that can go on with a broken answer, see `resume`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from sluiceway.dialects.json_request import Fields
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json

Prefill = Literal["off", "plain", "prefix", "continue_final_message"]
"""How an upstream is asked to go on with an answer, as `UpstreamSettings.prefill` explains it."""

ECHO_CHARS_MIN: Final = 16
"""Of text that an upstream may repeat before it goes on. Of less it can't be told whether it is repeated, or
whether the answer does say it twice (`ha`, `ha`), so that such an answer is not continued there."""


class Partial(msgspec.Struct, frozen=True):
    """What the client has of an answer that broke.

    `text`: all of it, never blank; thoughts are not in it. `envelope`: of a chat stream, the members that every
    chunk repeats (`id`, `created`, `model`). `blocks`: of a messages stream, how many content blocks were begun;
    `open_block`: the index of the one that was not ended, which is a text.
    """

    text: str
    envelope: dict[str, Any] = {}
    blocks: int = 0
    open_block: int | None = None


class Overlap:
    """What of the continuation's text the client has already; see `take`.

    White space at the end is not sent to the upstream (see `with_answer`), so that it mostly says it again. And
    where `echoes`, it may first repeat the whole text that it was given: Mistral does with `prefix: true`
    (vercel/ai#3256, SillyTavern/SillyTavern#2557), DeepSeek does not.
    """

    __slots__ = ("_echo", "_repeated", "_space")

    def __init__(self, text: str, *, echoes: bool) -> None:
        said = text.rstrip()
        self._echo = said if echoes else ""  # what may still turn out to be repeated
        self._repeated = 0  # characters of it that were, and are held
        self._space = text[len(said) :]

    def take(self, text: str) -> str:
        """The next piece of the continuation's text: what of it is new to the client, as far as is known."""
        if self._echo:
            if self._echo.startswith(text, self._repeated):
                self._repeated += len(text)
                if self._repeated == len(self._echo):
                    self._echo = ""
                return ""
            left = self._echo[self._repeated :]
            text = text[len(left) :] if text.startswith(left) else self._echo[: self._repeated] + text
            self._echo = ""
        if self._space and text:
            same = _common(self._space, text)
            self._space = self._space[same:] if same == len(text) else ""
            text = text[same:]
        return text

    def release(self) -> str:
        """The text has ended: what was held of it, which was no repetition after all."""
        held, self._echo = self._echo[: self._repeated], ""
        return held


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def join_text(pieces: Iterable[str]) -> str | None:
    """The pieces as one text; None where it is blank, or ends in the middle of a character.

    Providers in JavaScript cut emoji into halves (RFC 8259 section 8.2); whole ones are joined here.
    """
    text = "".join(pieces)
    try:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None
    return None if not text or text.isspace() else text


def read_value(fields: Fields, name: str) -> Any:
    """A member of a request, None where it is missing. Raises one of `NOT_JSON`."""
    return read_json(bytes(fields[name])) if name in fields else None


_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_object = msgspec.json.Decoder(Fields).decode


def with_answer(messages: msgspec.Raw, text: str, *, extend: bool) -> msgspec.Raw | None:
    """The conversation of a request, with `text` as the assistant's last message; None where that can't be.

    Chat and messages write such a message alike. Where the last one is the assistant's already, that is, the
    client had begun the answer itself, the text is added to it if `extend`. Other messages stay byte for byte.

    White space at the end is left out. Anthropic refuses it ("final assistant content cannot end with trailing
    whitespace"; https://docs.claude.com/en/docs/prefill-claudes-response), and of any model it takes the
    first token: those for words in the middle of a line begin with their space.
    """
    try:
        turns = _read_list(messages)
        last = _read_object(turns[-1])
        if read_value(last, "role") != "assistant":
            return _write([*turns, _write({"role": "assistant", "content": text.rstrip()})])
        if not extend or any(
            name not in ("role", "content") and bytes(last[name]) != b"null" for name in last
        ):
            return None
        content = _add(read_value(last, "content"), text)
    except (*NOT_JSON, IndexError):
        return None
    return None if content is None else _write([*turns[:-1], _write(last | {"content": _write(content)})])


def mark_last(messages: msgspec.Raw) -> msgspec.Raw:
    """The conversation, its last message marked with `prefix: true`. Raises one of `NOT_JSON`, or IndexError."""
    turns = _read_list(messages)
    return _write([*turns[:-1], _write(_read_object(turns[-1]) | {"prefix": msgspec.Raw(b"true")})])


def _add(content: Any, text: str) -> Any:
    """The content of a message with more text at its end; None where it does not end in text."""
    if isinstance(content, str):
        return (content + text).rstrip()
    block = content[-1] if isinstance(content, list) and content else None
    if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
        return None
    return [*content[:-1], block | {"text": (block["text"] + text).rstrip()}]


def _write(value: Any) -> msgspec.Raw:
    return msgspec.Raw(write_json(value))
