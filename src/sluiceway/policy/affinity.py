"""Which conversation a request belongs to, as a number that `selection` keeps at one upstream and key. Pure.

Providers keep the beginning of a prompt in a cache where it was last worked on, and charge a tenth for what
they find there; so what counts is to see the turns of one conversation as one. `header:NAME` leaves that to
the client. `conversation` goes, in this order, by

- `prompt_cache_key` (chat, responses): the client says itself which requests share a cache. OpenAI routes by it,
  together with the prompt's first tokens; Codex puts the session there.
- `conversation` (responses): the state of that name is at one upstream only.
- the first message, which each turn repeats: chat and messages `messages`, responses `input`, up to and with the
  first of role `user`, since those before it, the system's, are mostly the same for everybody.

Not by `user`, `safety_identifier` or `metadata.user_id`: they name a person for the sake of abuse reports
(OpenAI has replaced `user` by `prompt_cache_key` for caches), and an application may send one for all. Not by
`previous_response_id` either, which is another one in each turn: such a request goes where others go, unless a
header or a `prompt_cache_key` says more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec

from sluiceway.dialects.base import DialectRequest
from sluiceway.wire.http import get_header

CONVERSATION: Final = "conversation"
HEADER: Final = "header:"
OFF: Final = ("", "off")

READ_BYTES: Final = 64 * 1024
"""How far into the messages the first of the user's is looked for: behind the longest of system prompts."""

PART_BYTES: Final = 4096
"""What is gone by of the list's beginning, of what is before that message's role, and of what is behind it. A
picture is known by its beginning, which is the same in each turn, too."""

ROLES_LOOKED_AT: Final = 64
"""The word "user" may stand for something else; a request that is full of it is not worth more looking."""

# Quotes in a text are escaped, so these are bare only where they are what they seem, and finding them needs no
# decoding: a system prompt of 60 KiB takes as long as four brackets would take a parser.
_USER: Final = b'"user"'
_ROLE_BEFORE: Final = re.compile(rb'"role"[ \t\r\n]*:[ \t\r\n]*\Z')
_ROLE_SPACE: Final = 16

# A string, also one that is cut off: then nothing in it is taken for a bracket. Never goes back, and so takes
# time in proportion to the text.
_MARK: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class Affinity:
    """One setting, `routing.affinity` or that of a rule; it has been checked. `off` and the empty one are none."""

    __slots__ = ("_by_conversation", "_header")

    def __init__(self, setting: str) -> None:
        self._by_conversation = setting == CONVERSATION
        self._header = setting.removeprefix(HEADER).lower().encode() if setting.startswith(HEADER) else b""

    def of(
        self, headers: Iterable[tuple[bytes, bytes]], key: str | None, request: DialectRequest | None
    ) -> int | None:
        """64 bits that stand for the conversation; None if there is nothing to go by.

        `headers`: the client's, names in lower case. `key`: the name of its key, so that equal conversations
        of two clients are two. `request`: None for a path that belongs to no dialect.
        """
        if self._header:
            named = get_header(headers, self._header)
        elif self._by_conversation and request is not None:
            named = _conversation(request.fields)
        else:
            return None
        if not named:
            return None
        hashed = blake2b(named, digest_size=8, key=_key_of(key))
        return int.from_bytes(hashed.digest(), "little")


def _key_of(name: str | None) -> bytes:
    """blake2b takes 64 bytes of key at most."""
    return name.encode("utf-8", "surrogatepass")[:64] if name else b""


def _conversation(fields: dict[str, msgspec.Raw]) -> bytes:
    for name in ("prompt_cache_key", "conversation"):
        if named := _beginning(fields, name):
            return named
    if _beginning(fields, "previous_response_id"):
        return b""
    return _first_message(_beginning(fields, "messages") or _beginning(fields, "input"))


def _beginning(fields: dict[str, msgspec.Raw], name: str) -> bytes:
    """The value as it is written, as far as is looked; nothing for one that says nothing."""
    if name not in fields:
        return b""
    value = bytes(memoryview(fields[name])[:READ_BYTES])
    return b"" if value in (b"null", b'""') else value


def _first_message(text: bytes) -> bytes:
    """Of a list of messages in JSON: enough of it to tell it from others, up to the first one of role `user`.

    Equal beginnings give equal bytes, whatever follows. Anything else is its own beginning.
    """
    if not text.startswith(b"[") or not (role_ends := _user_role(text)):
        return text[:PART_BYTES]
    rest = text[role_ends : role_ends + PART_BYTES]
    end, depth = role_ends + len(rest), 1
    for mark in _MARK.finditer(rest):
        kind = rest[mark.start()]
        depth += (kind in b"[{") - (kind in b"]}")
        if not depth:
            end = role_ends + mark.end()
            break
    return text[: min(PART_BYTES, end)] + text[max(PART_BYTES, role_ends - PART_BYTES) : end]


def _user_role(text: bytes) -> int:
    """Where the first `"role": "user"` ends; 0 if there is none to be found."""
    at = 0
    for _ in range(ROLES_LOOKED_AT):
        at = text.find(_USER, at + 1)
        if at < 0:
            return 0
        if _ROLE_BEFORE.search(text, max(0, at - _ROLE_SPACE), at):
            return at + len(_USER)
    return 0
