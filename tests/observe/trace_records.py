"""Records for the tests of traces: a plain one, and its variations."""

from __future__ import annotations

from typing import Any

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record, Try
from sluiceway.observe.trace_upstreams import destinations

STARTED = 1_700_000_000.25
STARTED_NS = 1_700_000_000_250_000_000

UPSTREAMS = (
    UpstreamSettings(name="openai", base_url="https://api.openai.com/v1"),
    UpstreamSettings(name="claude", base_url="https://api.anthropic.com/v1", dialects=("messages",)),
    UpstreamSettings(name="local", base_url="http://user:secret@10.0.0.7:8000/llm/v1"),
)
DESTINATIONS = destinations(UPSTREAMS)

GOOD_TRY = Try("openai", 0, 20.0, connect_ms=5.0, head_ms=40.0, first_event_ms=60.0, status=200)
FAILED_TRY = Try("local", None, 10.0, connect_ms=2.0, error_code="upstream_unreachable", over_ms=10.0)


def record(**changes: Any) -> Record:
    """A stream that went well, through one attempt."""
    fields: dict[str, Any] = {
        "request_id": "req_1",
        "started": STARTED,
        "method": "POST",
        "path": "/v1/chat/completions",
        "outcome": "ok",
        "client": "192.0.2.1",
        "key": "team-a",
        "dialect": "chat",
        "model": "fast",
        "upstream": "openai",
        "upstream_model": "gpt-4o",
        "stream": True,
        "status": 200,
        "upstream_status": 200,
        "committed_by": "event",
        "finish_reason": "stop",
        "attempts": (GOOD_TRY,),
        "queued_ms": 15.0,
        "connect_ms": 5.0,
        "head_ms": 60.0,
        "first_event_ms": 80.0,
        "first_content_ms": 90.0,
        "last_event_ms": 240.0,
        "duration_ms": 250.0,
        "events": 12,
        "heartbeats": 3,
        "usage": Usage(input_tokens=100, output_tokens=20, cached_tokens=60, reasoning_tokens=4),
        "cost": 0.0125,
    }
    return Record(**{**fields, **changes})
