"""From values to rows and back. Rows are tuples in the order of their table's columns.

What a database can't hold is made fit here: text of any length, NUL characters (PostgreSQL has none), halves of
surrogate pairs, numbers beyond 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record, Try
from sluiceway.store.tables import TOKENS, captures, records

Row = tuple[Any, ...]

# Clients choose models, paths and more. An entry of a PostgreSQL index has room for 2,704 bytes, and that of
# `usage_daily` takes three names.
MAX_NAME_BYTES: Final = 256
MAX_TEXT_BYTES: Final = 4096

# Of tokens. Upstreams say what they like, and sums of it have to fit into 64 bits.
MAX_COUNT: Final = 10**12

_COLUMNS: Final = tuple(column.name for column in records.c)
_TOKENS_AT: Final = _COLUMNS.index(TOKENS[0])
_AFTER_TOKENS: Final = _TOKENS_AT + len(TOKENS)
_LONG_TEXTS: Final = frozenset({"path", "error_message"})
_TEXTS: Final = tuple(
    (index, MAX_TEXT_BYTES if column.name in _LONG_TEXTS else MAX_NAME_BYTES)
    for index, column in enumerate(records.c)
    if column.type.python_type is str and column.name not in ("dropped", "attempts")
)
_DROPPED_AT: Final = _COLUMNS.index("dropped")
_ATTEMPTS_AT: Final = _COLUMNS.index("attempts")
_before_tokens: Final = attrgetter(*_COLUMNS[:_TOKENS_AT])
_after_tokens: Final = attrgetter(*_COLUMNS[_AFTER_TOKENS:])

# The names of a record's fields, as `record_of` takes them out of a row.
_FIELDS: Final = (*_COLUMNS[:_TOKENS_AT], *_COLUMNS[_AFTER_TOKENS:])

_NO_TOKENS: Final = (None,) * len(TOKENS)

# Most texts are short: with all of them in one string, one look tells whether any has to be looked at.
_SHORT: Final = MAX_NAME_BYTES

_counts: Final = attrgetter(*TOKENS)

_json = msgspec.json.Encoder()
# From the left, so that the second half of an escaped backslash is not taken for the beginning of an escape.
_ESCAPE: Final = re.compile(r"\\(\\|u0000)")
_attempts: Final = msgspec.json.Decoder(tuple[Try, ...])
_dropped: Final = msgspec.json.Decoder(tuple[str, ...])
_headers: Final = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_timing: Final = msgspec.json.Decoder(tuple[tuple[float, int], ...])


def record_row(record: Record) -> Row:
    """A row of `records`. A usage that counts nothing is none."""
    usage = record.usage
    row = [*_before_tokens(record), *(tokens_row(usage) if usage else _NO_TOKENS), *_after_tokens(record)]
    row[_DROPPED_AT] = _as_json(record.dropped) if record.dropped else None
    row[_ATTEMPTS_AT] = _as_json(record.attempts) if record.attempts else None
    texts = "".join([row[index] or "" for index, _limit in _TEXTS])
    if len(texts) > _SHORT or not texts.isascii() or "\0" in texts:
        for index, limit in _TEXTS:
            if row[index]:
                row[index] = fit(row[index], limit)
    return tuple(row)


def record_of(row: Sequence[Any]) -> Record:
    """The record of a row."""
    fields = dict(zip(_FIELDS, (*row[:_TOKENS_AT], *row[_AFTER_TOKENS:]), strict=True))
    fields["dropped"] = _dropped.decode(fields["dropped"]) if fields["dropped"] else ()
    fields["attempts"] = _attempts.decode(fields["attempts"]) if fields["attempts"] else ()
    tokens = dict(zip(TOKENS, row[_TOKENS_AT:_AFTER_TOKENS], strict=True))
    told = any(count is not None for count in tokens.values())
    return Record(**fields, usage=Usage(**tokens) if told else None)


def capture_row(captured: Captured) -> Row:
    """A row of `captures`."""
    own: dict[str, Any] = {name: getattr(captured, name) for name in Captured.__struct_fields__}
    own["size"] = size_of(captured)
    own["headers"] = _as_json(captured.headers)
    own["timing"] = _as_json(captured.timing)
    own["path"] = fit(captured.path, MAX_TEXT_BYTES)
    own["response_type"] = fit(captured.response_type, MAX_NAME_BYTES)
    return tuple(own[column.name] for column in captures.c)


def captured_of(row: Sequence[Any]) -> Captured:
    """What the row holds."""
    own = dict(zip((column.name for column in captures.c), row, strict=True))
    del own["size"]
    own["headers"] = _headers.decode(own["headers"])
    own["timing"] = _timing.decode(own["timing"])
    return Captured(**own)


def size_of(captured: Captured) -> int:
    """About how many bytes it takes, in memory as in a database."""
    return len(captured.request) + len(captured.response) + 24 * len(captured.timing) + 1024


def fit(text: str, limit: int) -> str:
    """The text without NUL and lone surrogates, cut to at most `limit` bytes of UTF-8."""
    if len(text) <= limit and text.isascii() and "\0" not in text:
        return text
    encoded = text.replace("\0", "\ufffd").encode("utf-8", "replace")
    return encoded[:limit].decode("utf-8", "ignore")


def tokens_row(usage: Usage) -> Row:
    """Its numbers in the order of `TOKENS`."""
    return tuple([bounded(count) for count in _counts(usage)])


def bounded(count: int | None) -> int | None:
    """The count, if any, made fit."""
    return count if count is None or 0 <= count <= MAX_COUNT else min(max(count, 0), MAX_COUNT)


def _as_json(value: object) -> str:
    """JSON, in which a NUL would be written `\\u0000`, which some JSON functions of PostgreSQL refuse."""
    text = _json.encode(value).decode()
    if "\\u0000" not in text:
        return text
    return _ESCAPE.sub(lambda found: found[0] if found[1] == "\\" else "\\ufffd", text)
