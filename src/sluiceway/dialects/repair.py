"""Repairs: small rules that mend what an upstream's JSON gets wrong, event by event, where an operator asks.

A rule sees one document (an event's data, or a JSON answer) and changes it in place. Only events that a
rule changes are written anew, with their other lines as they were; the rest stay byte for byte. Rules
know shapes, not dialects: each looks for the members it mends and leaves everything else alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.wire.sse import SseEvent, parse_events

_Object = dict[str, Any]


class Repair(msgspec.Struct, frozen=True):
    """One rule.

    `concerns(text)`: may the rule change JSON that reads so? Cheap, and asked for whole blocks of events;
    it may be wrong on the side of yes. `mend(document)`: do it; true if anything changed.
    """

    concerns: Callable[[bytes], bool]
    mend: Callable[[_Object], bool]


class Repairer:
    """The rules of one answer, in order."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Iterable[Repair]) -> None:
        self._rules = tuple(rules)

    def block(self, block: bytes) -> bytes:
        """A block of whole events, mended; `block` itself where no rule has anything to do."""
        if not self._concerns(block):
            return block
        return b"".join(map(self._event, parse_events(block)))

    def json(self, body: bytes) -> bytes:
        """A JSON answer, mended; `body` itself where nothing changes, or where it is no JSON object."""
        return self._mend(body) or body if self._concerns(body) else body

    def _concerns(self, text: bytes) -> bool:
        return any(rule.concerns(text) for rule in self._rules)

    def _event(self, event: SseEvent) -> bytes:
        data = event.data
        if not data or not self._concerns(event.raw):
            return event.raw
        mended = self._mend(data)
        return event.raw if mended is None else _with_data(event.raw, mended)

    def _mend(self, text: bytes) -> bytes | None:
        """None where nothing changed."""
        try:
            document = read_json(text)
            if not isinstance(document, dict):
                return None
            changed = [rule.mend(document) for rule in self._rules]
            return write_json(document) if any(changed) else None
        except NOT_JSON:
            return None


def restore_model(model: str) -> Repair:
    """The model's name as the client asked for it, wherever an answer names it.

    For routes that rename: clients look up prices and capabilities by the name they sent. In chat it
    stands at the top, in messages in the message that `message_start` begins, in responses in `response`.
    """

    def mend(document: _Object) -> bool:
        changed = False
        for holder in (document, document.get("message"), document.get("response")):
            if isinstance(holder, dict) and isinstance(holder.get("model"), str) and holder["model"] != model:
                holder["model"] = model
                changed = True
        return changed

    return Repair(lambda text: b'"model"' in text, mend)


def drop_fields(paths: Iterable[tuple[str, ...]]) -> Repair:
    """Members left out wherever they stand; see `parse_path` for what a path is."""
    wanted = tuple(paths)
    needle = re.compile(b"|".join(re.escape(msgspec.json.encode(path[-1])) for path in wanted))

    def mend(document: _Object) -> bool:
        dropped = [_drop(document, path) for path in wanted]  # every path, not up to the first hit
        return any(dropped)

    return Repair(lambda text: needle.search(text) is not None, mend)


def parse_path(text: str) -> tuple[str, ...]:
    """A path as the configuration has it: names joined by dots, `[]` behind a name for every item of its list.

    `"usage.cost"` gives `("usage", "cost")`, `"choices[].delta.x"` gives `("choices", "[]", "delta", "x")`.
    Raises `ValueError` that says what is wrong.
    """
    steps: list[str] = []
    for name in text.split("."):
        plain, is_list = name.removesuffix("[]"), name.endswith("[]")
        if not plain or "[" in plain or "]" in plain:
            raise ValueError(
                f"{text!r} is no path of names joined by dots, with [] behind the name of a list"
            )
        steps += [plain, "[]"] if is_list else [plain]
    if steps[-1] == "[]":
        raise ValueError(f"{text!r} must end in the name of the member to drop")
    return tuple(steps)


# ── the rules that need nothing to be told ──────────────────────────────────────────────────────────

_NULLS = re.compile(rb'"role"\s*:\s*null|"finish_reason"\s*:\s*""')


def _mend_nulls(document: _Object) -> bool:
    changed = False
    for choice in _choices(document):
        if choice.get("finish_reason") == "":
            choice["finish_reason"] = None
            changed = True
        delta = choice.get("delta")
        if isinstance(delta, dict) and "role" in delta and delta["role"] is None:
            del delta["role"]
            changed = True
    return changed


def _lacks_choices(text: bytes) -> bool:
    # One `"index"` may belong to a tool call, so its presence proves nothing; every chunk is looked at.
    return b"chat.completion.chunk" in text or b'"choices"' in text


def _supply_choices(document: _Object) -> bool:
    changed = False
    if document.get("object") == "chat.completion.chunk" and document.get("choices") is None:
        if document.get("error"):
            return False
        document["choices"] = []
        changed = True
    for position, choice in enumerate(_choices(document)):
        changed |= _number(choice, position)
        delta = choice.get("delta")
        calls = delta.get("tool_calls") if isinstance(delta, dict) else None
        if isinstance(calls, list) and len(calls) == 1 and isinstance(calls[0], dict):
            changed |= _number(calls[0], 0)
    return changed


def _drop_obfuscation(document: _Object) -> bool:
    return document.pop("obfuscation", _drop) is not _drop


REPAIRS: Final[Mapping[str, Repair]] = MappingProxyType(
    {
        # SGLang sent both on every chunk, and typed clients refuse them: sgl-project/sglang#3912; Ollama's
        # empty finish_reason, ollama/ollama#4357, ended streams early in clients that only test for null.
        "nulls": Repair(lambda text: _NULLS.search(text) is not None, _mend_nulls),
        # The usage chunk without choices: ROCm/ATOM#1711; choices without index: devchat-ai/devchat#127;
        # a single tool call without one, as Gemini's OpenAI endpoint sent them.
        "choices": Repair(_lacks_choices, _supply_choices),
        # Random padding against traffic analysis, which some typed clients refuse as unknown:
        # dongri/openai-api-rs#186. Behind TLS it hides the length of tokens, so it stays unless asked.
        "obfuscation": Repair(lambda text: b'"obfuscation"' in text, _drop_obfuscation),
    }
)


# ── parts of the rules ──────────────────────────────────────────────────────────────────────────────


def _choices(document: _Object) -> list[_Object]:
    choices = document.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _number(thing: _Object, position: int) -> bool:
    if thing.get("index") is not None:
        return False
    thing["index"] = position
    return True


def _drop(value: Any, path: tuple[str, ...]) -> bool:
    step, rest = path[0], path[1:]
    if step == "[]":
        dropped = [_drop(item, rest) for item in value] if isinstance(value, list) else []
        return any(dropped)
    if not isinstance(value, dict) or step not in value:
        return False
    if not rest:
        del value[step]
        return True
    return _drop(value[step], rest)


def _with_data(raw: bytes, data: bytes) -> bytes:
    """The event with other data: `event`, `id`, `retry`, comments and line ends as they were."""
    lines: list[bytes] = []
    written = False
    for line in raw.splitlines(keepends=True):
        text = line.rstrip(b"\r\n")
        if text != b"data" and not text.startswith(b"data:"):
            lines.append(line)
        elif not written:
            lines.append(b"data: " + data + line[len(text) :])
            written = True
    return b"".join(lines)
