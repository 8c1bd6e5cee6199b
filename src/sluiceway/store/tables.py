"""The tables, as they are now. How databases get there is told in `migrations`; a test compares the two.

Moments are Unix seconds, durations milliseconds, sizes bytes. A column of `records` is a field of
`observe.record.Record` by that name, but for `usage`, which has one for each of its numbers.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata: Final = MetaData()

# The newest migration. A database that knows more than this program is left alone.
HEAD: Final = "0001"

TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "image_tokens",
)

records: Final = Table(
    "records",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("started", Double, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("key", Text),
    Column("dialect", Text),
    Column("model", Text),
    Column("upstream", Text),
    Column("upstream_model", Text),
    Column("translated_to", Text),
    Column("dropped", Text),  # a JSON list of strings, NULL for none
    Column("stream", Boolean, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("upstream_status", BigInteger),
    Column("upstream_request_id", Text),
    Column("committed_by", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("finish_reason", Text),
    Column("client_left", Boolean, nullable=False),
    Column("attempts", Text),  # a JSON list of objects (`Try`), NULL for none
    Column("retries", BigInteger, nullable=False),
    Column("hedged", Boolean, nullable=False),
    Column("continued", BigInteger, nullable=False),
    Column("queued_ms", Double, nullable=False),
    Column("connect_ms", Double),
    Column("head_ms", Double),
    Column("first_event_ms", Double),
    Column("first_content_ms", Double),
    Column("last_event_ms", Double),
    Column("duration_ms", Double, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("largest_gap_ms", Double),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("heartbeats", BigInteger, nullable=False),
    *(Column(name, BigInteger) for name in TOKENS),
    Column("usage_estimated", Boolean, nullable=False),
    Column("cost", Double),
    Column("traceparent", Text),
    # Lists are read from the newest on, and go on after the last that was shown: (started, request_id) is the order
    # of all of them, whatever they are filtered by.
    Index("records_started", "started", "request_id"),
    Index("records_key", "key", "started"),
    Index("records_model", "model", "started"),
    Index("records_upstream", "upstream", "started"),
    Index("records_outcome", "outcome", "started"),
)

captures: Final = Table(
    "captures",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("started", Double, nullable=False),
    Column("size", BigInteger, nullable=False),  # of all that is kept of it
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("headers", Text, nullable=False),  # a JSON list of pairs
    Column("request_size", BigInteger, nullable=False),
    Column("response_size", BigInteger, nullable=False),
    Column("response_type", Text, nullable=False),
    Column("timing", Text, nullable=False),  # a JSON list of pairs: milliseconds and bytes
    Column("redacted", BigInteger, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    # With the size in it, what all of them take is summed up without reading a body.
    Index("captures_started", "started", "request_id", "size"),
)

usage_daily: Final = Table(
    "usage_daily",
    metadata,
    # "" stands for none: columns of a primary key can't be NULL.
    Column("day", Date, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("upstream", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("counted", BigInteger, nullable=False),  # requests whose tokens the upstream counted
    *(Column(name, BigInteger, nullable=False) for name in TOKENS),
    Column("estimated", BigInteger, nullable=False),  # requests whose tokens were estimated instead
    *(Column(f"estimated_{name}", BigInteger, nullable=False) for name in TOKENS[:3]),
    Column("cost", Double, nullable=False),
    Column("duration_ms", Double, nullable=False),
    Column("first_events", BigInteger, nullable=False),  # requests that had a first event …
    Column("first_event_ms", Double, nullable=False),  # … and how long all of these took
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
)
