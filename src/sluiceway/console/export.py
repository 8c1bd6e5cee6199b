"""Records as the lines of a file: CSV for spreadsheets, JSON for programs. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record

_PLAIN: Final = tuple(name for name in Record.__struct_fields__ if name != "usage")
_TOKENS: Final = Usage.__struct_fields__

COLUMNS: Final = (*_PLAIN, *_TOKENS)
"""Of a CSV file: the fields of a record, then its tokens."""

_NO_USAGE: Final = Usage()

# A cell that begins so is a formula to a spreadsheet, and may fetch or run what a client wrote into the name of a
# model (CWE-1236). A quote in front makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_json: Final = msgspec.json.Encoder()


def json_lines(records: Iterable[Record], *, first: bool) -> bytes:
    """A line each. `first`: of a file; that makes no difference here."""
    return b"".join(_json.encode(record) + b"\n" for record in records)


def csv_rows(records: Iterable[Record], *, first: bool) -> bytes:
    """A row each, with CRLF (RFC 4180). `first`: of a file, so the names of the columns come first."""
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        writer.writerow(COLUMNS)
    for record in records:
        usage = record.usage or _NO_USAGE
        row = [getattr(record, name) for name in _PLAIN] + [getattr(usage, name) for name in _TOKENS]
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    match value:
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case bool():
            return str(value).lower()
        case ():
            return ""
        case tuple():
            return _json.encode(value).decode()
        case _:
            return value  # None is an empty cell
