"""What tests of the store share: records of all kinds, and settings for one folder."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st

from sluiceway.config.kinds import Secret
from sluiceway.config.observe_settings import StoreSettings
from sluiceway.dialects.base import Usage
from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Outcome, Record, Try

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
DAY_S = 86_400.0
USAGE = Usage(input_tokens=100, output_tokens=20, total_tokens=120, cached_tokens=10)

_numbers = itertools.count()


def record(**fields: Any) -> Record:
    """A record that went well, with an id of its own."""
    own: dict[str, Any] = {
        "request_id": f"req_{next(_numbers):08d}",
        "started": NOON,
        "method": "POST",
        "path": "/v1/chat/completions",
        "outcome": "ok",
        "client": "127.0.0.1",
        "key": "alice",
        "dialect": "chat",
        "model": "gpt-4o",
        "upstream": "openai",
        "upstream_model": "gpt-4o",
        "stream": True,
        "status": 200,
        "attempts": (Try("openai", 0, 0.5, None, 12.0, 250.0, 200),),
        "first_event_ms": 251.5,
        "duration_ms": 1000.25,
        "events": 42,
        "bytes_in": 300,
        "bytes_out": 5000,
        "usage": USAGE,
        "cost": 0.25,
    }
    return Record(**{**own, **fields})


def records(count: int, **fields: Any) -> list[Record]:
    return [record(**fields) for _ in range(count)]


def captured(of: Record, body: bytes = b"{}", answer: bytes = b"\xff\x00data: [DONE]\n\n") -> Captured:
    return Captured(
        request_id=of.request_id,
        started=of.started,
        method=of.method,
        path=of.path,
        headers=(("content-type", "application/json"), ("user-agent", "tests/1")),
        request=body,
        request_size=len(body),
        response=answer,
        response_size=len(answer),
        response_type="text/event-stream",
        timing=((250.5, 10), (300.0, len(answer) - 10)),
        redacted=1,
    )


def settings(folder: Path, **fields: Any) -> StoreSettings:
    own: dict[str, Any] = {
        "url": Secret(f"sqlite:///{folder / 'records.db'}"),
        "spill_folder": str(folder / "spill"),
        "flush_s": 0.02,
        "keep_days": 0.0,
    }
    return StoreSettings(**{**own, **fields})


def wait_until(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Poll; raises `TimeoutError`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


# ── any record ──────────────────────────────────────────────────────────────────────────────────────

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=40)
moments = st.floats(0, 4e9)
durations = st.floats(0, 1e9)
counts = st.integers(0, 10**12)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


tries = st.builds(
    Try,
    upstream=texts,
    key=maybe(st.integers(0, 9)),
    after_ms=durations,
    connect_ms=maybe(durations),
    head_ms=maybe(durations),
    first_event_ms=maybe(durations),
    status=maybe(st.integers(100, 599)),
    error_code=maybe(texts),
)
usages = st.builds(
    Usage,
    input_tokens=counts,
    **{f"{name}_tokens": maybe(counts) for name in ("output", "total", "cached", "reasoning", "image")},
)
any_records = st.builds(
    Record,
    request_id=st.uuids().map(lambda one: f"req_{one.hex}"),
    started=moments,
    method=texts,
    path=texts,
    outcome=st.sampled_from(get_args(Outcome)),
    client=texts,
    dropped=st.lists(texts, max_size=3).map(tuple),
    stream=st.booleans(),
    status=st.integers(0, 599),
    upstream_status=maybe(st.integers(100, 599)),
    client_left=st.booleans(),
    attempts=st.lists(tries, max_size=3).map(tuple),
    retries=st.integers(0, 9),
    hedged=st.booleans(),
    continued=st.integers(0, 9),
    queued_ms=durations,
    duration_ms=durations,
    **{
        name: maybe(texts)
        for name in (
            *(
                "key",
                "dialect",
                "model",
                "upstream",
                "upstream_model",
                "translated_to",
                "upstream_request_id",
            ),
            *("committed_by", "error_code", "error_message", "finish_reason", "traceparent"),
        )
    },
    **{
        f"{name}_ms": maybe(durations)
        for name in ("connect", "head", "first_event", "first_content", "last_event", "largest_gap")
    },
    **dict.fromkeys(("events", "bytes_in", "bytes_out", "heartbeats"), counts),
    usage=maybe(usages),
    usage_estimated=st.booleans(),
    cost=maybe(st.floats(0, 1e6)),
)
