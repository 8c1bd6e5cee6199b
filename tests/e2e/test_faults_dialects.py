"""Every fault in the other dialects: an answer is whole, or an error says that it is not; nothing stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fault_outcomes import LIMIT_BYTES, OUTCOMES, Whole, clocks, tell
from harness import RawClient, RunningGateway, running_gateway, wait_until

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.wire.sse import parse_events

HELLO = [{"role": "user", "content": "hello"}]
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "responses": ("/v1/responses", {"input": "hello"}),
    "messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 200}),
    "images": ("/v1/images/generations", {"prompt": "a river", "size": "64x64", "partial_images": 2}),
}
ENDS = {
    "responses": b"response.completed",
    "messages": b"message_stop",
    "images": b"image_generation.completed",
}
OF_CHAT_ALONE = {"missing-tool-index", "repeated-tool-ids", "role-null", "finish-empty"}

# Where a dialect differs from chat: is the streamed answer whole, is the JSON one?
DIFFERENT: dict[tuple[str, str], tuple[bool, bool]] = {
    ("responses", "no-done"): (False, True),  # only chat can do without its end marker
    ("messages", "no-done"): (False, True),
    ("images", "no-done"): (False, False),  # refused by the provider: there is nothing to leave out
    ("responses", "no-finish"): (False, False),  # the same
    ("images", "no-finish"): (False, True),  # the finished picture
}


MISLABELLED = ("http-500-html", "wrong-content-type")


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(mock: RunningMock) -> Iterator[RunningGateway]:
    with running_gateway(config(mock)) as running:
        yield running


def config(mock: RunningMock, **clocks: float) -> dict[str, Any]:
    """With these clocks, also for images, which have their own; the same gateway is given others for each fault."""
    stream = {
        "heartbeat_s": 0.1,
        "max_event_bytes": LIMIT_BYTES,
        "max_answer_bytes": LIMIT_BYTES,
        **clocks,
        "images": clocks,
    }
    table = {"name": "mock", "base_url": mock.base_url}
    forced = table | {"name": "forced", "force_stream": True}
    models = [{"name": "forced*", "upstreams": ["forced"]}, {"name": "*", "upstreams": ["mock"]}]
    return {"upstreams": [table, forced], "models": models, "stream": stream}


def is_whole(dialect: str, spec: str, stream: bool) -> bool:
    fault = spec.partition("&")[0].partition(":")[0]
    if fault in OF_CHAT_ALONE:
        return False
    if (dialect, fault) in DIFFERENT:
        return DIFFERENT[dialect, fault][0 if stream else 1]
    return isinstance(OUTCOMES[spec][0 if stream else 1], Whole)


def error_of(event: Any) -> bool:
    return event.event in (b"error", b"response.failed")


@pytest.mark.parametrize("kind", ["stream", "json"])
@pytest.mark.parametrize("dialect", list(REQUESTS))
@pytest.mark.parametrize("spec", OUTCOMES)
def test_a_fault_is_either_mended_or_told(
    gateway: RunningGateway, mock: RunningMock, spec: str, dialect: str, kind: str
) -> None:
    path, fields = REQUESTS[dialect]
    stream = kind == "stream"
    whole = is_whole(dialect, spec, stream)
    version = {"anthropic-version": "2023-06-01"}
    gateway.apply(config(mock, **clocks(spec, stream=stream)))
    with RawClient(gateway.port) as client:
        client.post(
            fields | {"model": f"m?seed=3&fault={spec}", "stream": stream}, path=path, headers=version
        )
        status, headers, body = tell(client)
        if not stream or status != 200:
            assert (status == 200) == whole, body[:300]
            assert headers["content-type"].startswith("application/json") or spec in MISLABELLED
            if status == 200 or "html" not in spec:
                assert ("error" in msgspec.json.decode(body.lstrip(b"\xef\xbb\xbf"))) <= (
                    dialect == "responses" or not whole
                )
        else:
            events = [event for event in parse_events(body) if event.data]
            assert body.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
            assert error_of(events[-1]) != whole
            assert (events[-1].event == ENDS[dialect]) == whole
            assert not any(map(error_of, events[:-2]))
            if not whole:
                assert ENDS[dialect] not in [event.event for event in events]
        wait_until(lambda: gateway.idle)
        mock.last_ended()
        again = fields | {"model": "m?tokens=1", "stream": False}
        client.post(again, path=path, headers=version)  # on the same connection
        assert client.response()[0] == 200


@pytest.mark.parametrize("dialect", list(REQUESTS))
@pytest.mark.parametrize(
    "spec", ["eof", "rst", "error-mid", "bad-json", "no-done", "endless-event", "stall:9"]
)
def test_a_forced_stream_that_breaks_is_an_error_and_never_an_answer(
    gateway: RunningGateway, mock: RunningMock, spec: str, dialect: str
) -> None:
    path, fields = REQUESTS[dialect]
    gateway.apply(config(mock, **clocks(spec, stream=True)))
    with RawClient(gateway.port) as client:
        model = f"forced?seed=3&fault={spec}"
        client.post(fields | {"model": model}, path=path, headers={"anthropic-version": "2023-06-01"})
        status, _headers, body = client.response()
    unread = spec == "bad-json" and dialect != "messages"
    assert (status == 200) == unread, body[:300]
