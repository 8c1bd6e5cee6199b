"""One content block of a message, joined from its deltas in linear time."""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.dialects.messages_input import read_input
from sluiceway.dialects.pieces import Pieces
from sluiceway.errors import UpstreamInvalid

_TEXTS: Final = frozenset({"text", "thinking", "signature", "partial_json"})
_NAME_MAX: Final = 64  # characters of a tool's name in a message; the API allows no longer one


class MessagesBlock:
    """As its `content_block_start` has it, and what came since. A block without deltas stays as it started."""

    __slots__ = ("_input", "_pieces")

    def __init__(self, started: dict[str, Any]) -> None:
        self._pieces = Pieces()
        self._input: list[str] = []
        for name, value in started.items():
            self._pieces.add(name, value)

    def add(self, delta: dict[str, Any]) -> None:
        """One delta. Raises `UpstreamInvalid`.

        Its fields go to the block's fields of the same name, those of a type that is yet to be invented too:
        strings and lists are joined, of anything else the last stays. Three have a rule of their own: a
        citation joins `citations`; JSON is read when all of it has come; a signature is never in pieces, so
        that a second one replaces the first, as in the SDK.
        """
        cites = delta.get("type") == "citations_delta"
        for name, value in delta.items():
            if name in _TEXTS and not isinstance(value, str | None):
                raise UpstreamInvalid(f"the upstream's stream has a delta whose {name} is no string")
            if name == "type":
                continue
            if name == "citation" and cites:
                self._pieces.add("citations", [value])
            elif name == "partial_json":
                self._input.append(value or "")
            elif name == "signature":
                self._pieces.keep(name, value)
            else:
                self._pieces.add(name, value)

    def whole(self, *, cut_short: bool) -> dict[str, Any]:
        """The block. Raises `UpstreamInvalid` where a tool's input is no JSON; `cut_short` as in `read_input`."""
        block = self._pieces.whole()
        text = "".join(self._input)
        if text and not text.isspace():
            try:
                block["input"] = read_input(text, cut_short=cut_short)
            except NOT_JSON:
                name = str(block.get("name"))[:_NAME_MAX]
                raise UpstreamInvalid(f"the upstream's input for the tool {name!r} is not JSON") from None
        return block
