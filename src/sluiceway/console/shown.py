"""Settings as an administrator may see them: everything but secrets and hashes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final, get_args, get_type_hints

import msgspec

from sluiceway.config.kinds import Secret

HIDDEN: Final = "…"

_HASHES: Final = frozenset({"sha256"})


def shown(settings: msgspec.Struct) -> dict[str, Any]:
    """As JSON has it. Each secret is `"…"`, an empty one `""`; hashes of keys are left out."""
    secret = _secrets(type(settings))
    return {
        name: _hidden(value) if name in secret else _value(value)
        for name in settings.__struct_fields__
        if name not in _HASHES
        for value in (getattr(settings, name),)
    }


def _value(value: Any) -> Any:
    match value:
        case Secret():
            return _hidden(value)
        case msgspec.Struct():
            return shown(value)
        case Mapping():
            return {str(name): _value(one) for name, one in value.items()}
        case tuple() | list():
            return [_value(one) for one in value]
        case _:
            return value


def _hidden(value: Any) -> Any:
    """The names of headers tell what is sent, and are shown; their values are not."""
    match value:
        case Mapping():
            return {str(name): _hidden(one) for name, one in value.items()}
        case tuple() | list():
            return [_hidden(one) for one in value]
        case _:
            return HIDDEN if value else ""


@functools.cache
def _secrets(struct: type[msgspec.Struct]) -> frozenset[str]:
    """By the type of the field, so that a new one can't be forgotten, nor a value that lost its own type."""
    hints = get_type_hints(struct, include_extras=True)
    return frozenset(name for name, hint in hints.items() if _holds_secret(hint))


def _holds_secret(hint: Any) -> bool:
    return hint is Secret or any(_holds_secret(part) for part in get_args(hint))
