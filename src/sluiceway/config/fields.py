"""What a setting is, read from its definition: shared by the reader of files and by the reference page."""

from __future__ import annotations

import datetime
import functools
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, inspect

from sluiceway.config.kinds import Secret


class Field(msgspec.Struct, frozen=True):
    """One setting. `hint`: its type, for conversion; `kind`: the same in words; `choices`: of a few words.

    `default` is `msgspec.NODEFAULT` for a required one. `item`: of a list, the field that stands for each
    of its items.
    """

    name: str
    hint: Any
    kind: str
    description: str
    default: Any = NODEFAULT
    choices: tuple[str, ...] = ()
    item: Field | None = None

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is NODEFAULT


@functools.cache
def fields_of(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """The settings of a table, by name, in the order of their definition."""
    hints = get_type_hints(struct, include_extras=True)
    return {
        info.name: _field(info.name, hints[info.name], info.default, info.default_factory)
        for info in msgspec.structs.fields(struct)
    }


def convert(value: object, hint: Any) -> Any:
    """`msgspec.convert`, strict, with secrets. Raises `msgspec.ValidationError`."""
    return msgspec.convert(value, hint, dec_hook=_secret)


def describe_value(value: object) -> str:
    """What was given instead, without giving a secret away: numbers as they are, all else by kind."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) if isinstance(value, float) or abs(value) < 10**18 else "a number out of range"
    kinds: dict[type, str] = {str: "a string", list: "a list", tuple: "a list", dict: "a table"}
    moments = (datetime.date, datetime.time)
    return kinds.get(type(value), "a date or time" if isinstance(value, moments) else "something else")


def _field(name: str, hint: Any, default: Any, factory: Any) -> Field:
    if factory is not NODEFAULT:
        default = factory()
    node: Any = inspect.type_info(hint)
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    description = ""
    if isinstance(node, inspect.Metadata):
        description, node = (node.extra_json_schema or {}).get("description", ""), node.type
    item = None
    if isinstance(node, inspect.VarTupleType):
        item = _field(name, get_args(bare)[0], NODEFAULT, NODEFAULT)
    choices = get_args(bare) if isinstance(node, inspect.LiteralType) else ()
    return Field(name, hint, _kind(name, node, choices, item), description, default, choices, item)


def _kind(name: str, node: Any, choices: tuple[str, ...], item: Field | None) -> str:
    if choices:
        return "one of " + ", ".join(f'"{choice}"' for choice in choices)
    if item is not None:
        kind = "a list of strings" if not item.choices else f"a list of any of {item.kind[7:]}"
        return kind + (", at least one" if node.min_length else "")
    match node:
        case inspect.FloatType():
            return ("a number of seconds" if name.endswith("_s") else "a number") + _range(node)
        case inspect.IntType():
            return ("a whole number of bytes" if name.endswith("_bytes") else "a whole number") + _range(node)
        case inspect.BoolType():
            return "true or false"
        case inspect.DictType() | inspect.StructType():
            return "a table"
        case _:
            return "a string that is not empty" if getattr(node, "min_length", None) else "a string"


def _range(node: inspect.IntType | inspect.FloatType) -> str:
    if node.ge is None:
        return ""
    return f", {node.ge} to {node.le}" if node.le is not None else f", {node.ge} or more"


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")  # msgspec makes a ValidationError of it
