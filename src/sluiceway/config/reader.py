"""Tables of a configuration against the definition of their settings, every problem noted.

Knows kinds, bounds and names; what a value means is for `config.values`, how tables hang together for
`config.load`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from sluiceway.config.fields import Field, convert, describe_value, fields_of
from sluiceway.config.problems import BadValue, Problem, nearest, suggest

T = TypeVar("T")

_INDEX = re.compile(r"\[\d+\]")


class Reader:
    """Collects `problems` while tables are read. A value with a problem is left out of what is returned."""

    def __init__(self, owners: dict[str, type[msgspec.Struct]]) -> None:
        """`owners`: tables by their header, to tell where a key that stands in the wrong one belongs."""
        self.problems: list[Problem] = []
        self._owners = owners

    def problem(self, path: str, message: str, hint: str = "") -> None:
        """Note one."""
        self.problems.append(Problem(path, message, hint))

    def attempt(self, path: str, parse: Callable[[], T]) -> T | None:
        """What `parse` returns; None, and a problem noted, if it raises `BadValue`."""
        try:
            return parse()
        except BadValue as error:
            self.problem(path, error.message, error.hint)
            return None

    def table(self, value: object, path: str, known: Iterable[str] | None = None) -> dict[str, Any]:
        """A table's known keys (None: any) as they are; empty, and a problem noted, if it is none."""
        if not isinstance(value, dict):
            plain = _INDEX.sub("", path)
            header = f"[[{plain}]]" if path.endswith("]") else f"[{plain}]"
            self.problem(path, f"expected a table, got {describe_value(value)}", f"write {header}")
            return {}
        names = list(value if known is None else known)
        for key in value:
            if key not in names:
                self.problem(_join(path, key), "unknown key", self._where_it_belongs(key, names))
        return {key: given for key, given in value.items() if key in names}

    def tables(self, value: object, path: str) -> Iterator[tuple[str, object]]:
        """The items of an array of tables, each with its path."""
        if not isinstance(value, list | tuple):
            self.problem(path, f"expected a list of tables, got {describe_value(value)}", f"write [[{path}]]")
            return
        for index, item in enumerate(value):
            yield f"{path}[{index}]", item

    def settings(
        self, struct: type[msgspec.Struct], value: object, path: str, *, also: Iterable[str] = ()
    ) -> dict[str, Any]:
        """The valid settings of one table, converted. Missing ones are left out, and noted if required.

        Fields that are tables themselves, and the keys in `also`, are returned as they were written.
        """
        fields = fields_of(struct)
        given = self.table(value, path, [*fields, *also])
        read: dict[str, Any] = {}
        for key, raw in given.items():
            field = fields.get(key)
            if field is None or field.kind == "a table":
                read[key] = raw
            elif (converted := self._value(field, raw, _join(path, key))) is not None:
                read[key] = converted
        for field in fields.values():
            if field.required and field.name not in given and isinstance(value, dict):
                self.problem(_join(path, field.name), "is missing", field.description.partition(". ")[0])
        return read

    def parse(self, given: dict[str, Any], key: str, path: str, parse: Callable[[Any], Any]) -> None:
        """Replace the setting `key` of the table at `path` by what `parse` makes of it, if it was given.

        Of a list, each item. What `parse` refuses with `BadValue` is noted and left out.
        """
        if key not in given:
            return
        value = given.pop(key)
        where = _join(path, key)
        if not isinstance(value, tuple):
            if (parsed := self.attempt(where, lambda: parse(value))) is not None:
                given[key] = parsed
            return
        items = [
            self.attempt(f"{where}[{index}]", functools.partial(parse, item))
            for index, item in enumerate(value)
        ]
        given[key] = tuple(item for item in items if item is not None)

    def unique(self, tables: object, path: str, key: str) -> None:
        """No two tables of an array may have the same value there."""
        seen: dict[str, str] = {}
        for index, table in enumerate(tables if isinstance(tables, list | tuple) else ()):
            value = table.get(key) if isinstance(table, dict) else None
            if isinstance(value, str):
                where = f"{path}[{index}].{key}"
                first = seen.setdefault(value.lower(), where)
                if first != where:
                    self.problem(where, f"is the same as {first}")

    def _value(self, field: Field, raw: object, path: str) -> Any:
        """The converted value, None if it has a problem. TOML has no null."""
        if field.item is not None and isinstance(raw, list | tuple):
            items = [self._value(field.item, item, f"{path}[{index}]") for index, item in enumerate(raw)]
            if None in items:
                return None
        try:
            value = convert(raw, field.hint)
        except msgspec.ValidationError:
            value = None
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            self._unexpected(field, raw, path)
            return None
        return value

    def _unexpected(self, field: Field, raw: object, path: str) -> None:
        got, hint = describe_value(raw), ""
        if isinstance(raw, str) and field.choices:
            near = nearest(raw, field.choices)
            got, hint = f'"{raw[:40]}"', f'did you mean "{near}"?' if near else ""
        elif raw in ("", []) and field.kind.startswith(got):
            got = "an empty one"
        self.problem(path, f"expected {field.kind}, got {got}", hint)

    def _where_it_belongs(self, key: str, known: list[str]) -> str:
        owners = [header for header, struct in self._owners.items() if key in fields_of(struct)]
        return f"it belongs in {owners[0]}" if len(owners) == 1 else suggest(key, known)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
