"""Everyone who looks on: told at the right moments, and none of them can disturb."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.config.load import settings_from
from sluiceway.config.settings import Settings
from sluiceway.dialects.base import Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.observe.capture import CaptureWorker
from sluiceway.observe.captured import Captured
from sluiceway.observe.draft import Draft
from sluiceway.observe.onlookers import Onlookers
from sluiceway.observe.record import Record
from sluiceway.outbound import Request
from sluiceway.relay.observe import Tape

FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n'


def settings(**tables: Any) -> Settings:
    return settings_from({"upstreams": [{"name": "a", "base_url": "http://x/v1"}], **tables}, {})


def request(headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b"{}") -> Request:
    async def receive() -> dict[str, Any]:
        raise AssertionError("nobody reads")

    scope = {"raw_path": b"/v1/chat/completions", "query_string": b"a=1"}
    return Request(scope, receive, headers or [], "POST", "/v1/chat/completions", CHAT, body)


def draft(**fields: Any) -> Draft:
    base = {"request_id": "req_1", "started": 1.0, "method": "POST", "path": "/v1/x", "arrived_at": 100.0}
    return Draft(**{**base, "dialect": "chat", "stream": True, "status": 200, **fields})


def test_every_observer_gets_the_record_though_one_raises(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Record] = []

    def broken(_record: Record) -> None:
        raise RuntimeError("no")

    onlookers = Onlookers(settings(), (broken, seen.append))
    onlookers.end(draft(), None)
    assert [record.request_id for record in seen] == ["req_1"]
    assert "an observer failed on request req_1" in caplog.text


def test_the_finish_reason_is_read_from_the_last_that_was_written() -> None:
    onlookers, one = Onlookers(settings()), draft()
    tape = onlookers.begin(one, request(), None)
    for data in (
        b'data: {"choices":[]}\n\n',
        FINISH,
        b'data: {"choices":[],"usage":{}}\n\n',
        b"data: [DONE]\n\n",
    ):
        tape.wrote_events(101.0, data)
    assert onlookers.end(one, tape).finish_reason == "length"


def test_an_error_has_no_finish_reason() -> None:
    onlookers, one = Onlookers(settings()), draft(status=502)
    tape = Tape(9)
    tape.wrote_bytes(101.0, b'{"choices":[{"finish_reason":"stop"}]}')
    assert onlookers.end(one, tape).finish_reason is None


@pytest.mark.parametrize("asked", [True, False])
def test_tokens_are_estimated_only_where_that_is_asked_for_and_marked(asked: bool) -> None:
    onlookers, one = Onlookers(settings(store={"estimate_tokens": asked})), draft(bytes_in=40)
    tape = onlookers.begin(one, request(), None)
    for _ in range(3):
        tape.wrote_events(101.0, FINISH)
    record = onlookers.end(one, tape)
    assert record.usage_estimated is asked
    assert record.usage == (Usage(input_tokens=10, output_tokens=3) if asked else None)


def test_what_the_upstream_counted_is_never_estimated() -> None:
    onlookers = Onlookers(settings(store={"estimate_tokens": True}))
    record = onlookers.end(draft(usage=Usage(output_tokens=7)), Tape(0))
    assert (record.usage, record.usage_estimated) == (Usage(output_tokens=7), False)


def test_watchers_see_every_write_of_every_request() -> None:
    seen: list[tuple[str, float, bytes]] = []

    class One:
        def __init__(self, request_id: str) -> None:
            self.request_id = request_id

        def wrote(self, at: float, data: bytes) -> None:
            seen.append((self.request_id, at, data))

    onlookers = Onlookers(settings(), watchers=(One,))
    onlookers.begin(draft(), request(), None).wrote_events(101.0, FINISH)
    assert seen == [("req_1", 101.0, FINISH)]


def test_a_reload_switches_captures_on_and_off() -> None:
    kept: list[Captured] = []
    worker = CaptureWorker(kept.append)
    onlookers = Onlookers(settings(), captures=worker)
    for number, mode in enumerate(("off", "all", "off")):
        onlookers.reconfigure(settings(capture={"mode": mode}))
        one = draft(request_id=f"req_{number}")
        tape = onlookers.begin(one, request(body=b'{"model":"m"}'), None)
        tape.wrote_events(101.0, FINISH)
        onlookers.end(one, tape)
    assert worker.close()
    assert [one.request_id for one in kept] == ["req_1"]
    assert (kept[0].path, kept[0].request, kept[0].response) == (
        "/v1/chat/completions?a=1",
        b'{"model":"m"}',
        FINISH,
    )


def test_without_a_tracer_headers_are_left_alone() -> None:
    one, asked = draft(), request([(b"traceparent", b"as it came")])
    assert Onlookers(settings()).trace(one, asked) is None
    assert one.traceparent is None
