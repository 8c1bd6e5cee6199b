"""Capture: what is kept of a request, within which bounds, and what the loop has to do for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.observe_settings import CaptureSettings
from sluiceway.observe import capture as module
from sluiceway.observe.capture import MAX_PIECES, Capture, CaptureWorker, Capturing, Pacer
from sluiceway.observe.captured import Captured
from sluiceway.observe.redact import is_cut
from sluiceway.relay.observe import Tape

PATIENCE_S = 30.0
KEY = KeySettings(name="k", sha256="ab" * 32)
ASKING_KEY = KeySettings(name="k", sha256="ab" * 32, capture=True)


class Kept:
    """A worker with everything that it passed on."""

    def __init__(self, **options: Any) -> None:
        self.all: list[Captured] = []
        self.threads: set[int] = set()
        self.worker = CaptureWorker(self._take, **options)

    def _take(self, captured: Captured) -> None:
        self.all.append(captured)
        self.threads.add(threading.get_ident())

    def only(self) -> Captured:
        assert self.worker.close(PATIENCE_S)
        (captured,) = self.all
        return captured


@pytest.fixture
def kept() -> Iterator[Kept]:
    kept = Kept()
    yield kept
    kept.worker.close(PATIENCE_S)


def begin(
    worker: CaptureWorker, body: bytes = b"{}", *, settings: CaptureSettings | None = None, **fields: Any
) -> Capturing:
    capture = Capture(settings or CaptureSettings(mode="all"), worker, known=[b"the-upstreams-own-key"])
    told: dict[str, Any] = {
        "request_id": "req_1",
        "started": 1_700_000_000.0,
        "arrived_at": 100.0,
        "method": "POST",
        "path": b"/v1/chat/completions",
        "headers": [(b"content-type", b"application/json")],
        **fields,
    }
    return capture.begin(body=body, **told)


# ── who is wanted ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mode", "header", "key", "wanted"),
    [
        ("all", None, None, True),
        ("all", b"on", KEY, True),
        ("all", b"off", ASKING_KEY, False),
        ("all", b" OFF ", None, False),
        ("all", b"nonsense", None, True),
        ("asked", None, None, False),
        ("asked", None, KEY, False),
        ("asked", None, ASKING_KEY, True),
        ("asked", b"on", None, True),
        ("asked", b"On", KEY, True),
        ("asked", b"off", ASKING_KEY, False),
        ("asked", b"nonsense", KEY, False),
    ],
)
def test_who_is_captured(
    kept: Kept, mode: Any, header: bytes | None, key: KeySettings | None, *, wanted: bool
) -> None:
    headers = [(b"accept", b"*/*")]
    if header is not None:
        headers.append((b"x-sluiceway-capture", header))
    assert Capture(CaptureSettings(mode=mode), kept.worker).wanted(headers, key) is wanted


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────


def test_a_request_and_its_answer_are_kept_with_the_time_of_each_piece(kept: Kept) -> None:
    headers = [
        (b"authorization", b"Bearer my.own-credential"),
        (b"content-type", b"application/json"),
        (b"user-agent", b"me"),
    ]
    body = b'{"model":"m","text":"my.own-credential and sk-proj-Abc123Def456Ghi789"}'
    capturing = begin(kept.worker, body, path=b"/v1/messages?beta=true", headers=headers)
    tape = Tape(4, listeners=(capturing,))
    tape.wrote_events(100.25, b'data: {"a":1}\n\n')
    tape.wrote_events(101.5, b"data: [DONE]\n\n")
    capturing.finish(b"text/event-stream")
    assert kept.only() == Captured(
        request_id="req_1",
        started=1_700_000_000.0,
        method="POST",
        path="/v1/messages?beta=true",
        headers=(("content-type", "application/json"), ("user-agent", "me")),
        request=b'{"model":"m","text":"[redacted:credential] and [redacted:api-key]"}',
        request_size=len(body),
        response=b'data: {"a":1}\n\ndata: [DONE]\n\n',
        response_size=29,
        response_type="text/event-stream",
        timing=((250.0, 15), (1500.0, 14)),
        redacted=2,
    )
    assert kept.threads.isdisjoint({threading.get_ident()})
    assert kept.worker.held == 0


def test_the_upstreams_keys_are_not_kept(kept: Kept) -> None:
    capturing = begin(kept.worker)
    capturing.wrote(100.0, b'{"error":"wrong key the-upstreams-own-key"}')
    capturing.finish(b"application/json")
    assert kept.only().response == b'{"error":"wrong key [redacted:credential]"}'


@pytest.mark.parametrize(
    ("answer", "told"),
    [(b"{}", "application/json"), (b"data: x\n\n", "text/event-stream"), (b"\xff\xfb", ""), (b"", "")],
)
def test_an_answer_whose_type_nobody_tells_tells_it_itself(kept: Kept, answer: bytes, told: str) -> None:
    capturing = begin(kept.worker)
    if answer:
        capturing.wrote(100.0, answer)
    capturing.finish()
    assert kept.only().response_type == told


def test_the_operators_patterns_and_images_are_as_the_settings_say(kept: Kept) -> None:
    settings = CaptureSettings(mode="all", images=True, redact=("b.b",))
    begin(kept.worker, b'{"a":"bob","b64_json":"AAAA"}', settings=settings).finish()
    assert kept.only().request == b'{"a":"[redacted]","b64_json":"AAAA"}'


def test_a_body_that_is_too_long_is_cut_and_marked(kept: Kept) -> None:
    settings = CaptureSettings(mode="all", max_bytes=100)
    capturing = begin(kept.worker, b'{"a":"' + b"x" * 1000, settings=settings)
    for _ in range(50):
        capturing.wrote(100.0, b"data: 12\n\n")
    capturing.finish(b"text/event-stream")
    captured = kept.only()
    assert is_cut(captured.request)
    assert is_cut(captured.response)
    assert (len(captured.request), captured.request_size) == (100, 1006)
    assert captured.response == b"data: 12\n\n" * 9 + b": [cut]\n\n"
    assert captured.response_size == 500
    assert len(captured.timing) == 50


def test_what_stands_behind_a_large_image_is_kept(kept: Kept) -> None:
    image = "iVBORw0KGgo" + "A" * 4_000_000
    body = json.dumps({"image": f"data:image/png;base64,{image}", "prompt": "a cat"}).encode()
    capturing = begin(kept.worker, body)
    capturing.wrote(100.0, b'data: {"b64_json":"%b"}\n\n' % image.encode())
    capturing.wrote(101.0, b"data: [DONE]\n\n")
    capturing.finish()
    captured = kept.only()
    assert json.loads(captured.request)["prompt"] == "a cat"
    assert captured.response.endswith(b'>"}\n\ndata: [DONE]\n\n')
    assert captured.request_size == len(body)
    assert len(captured.request) < 500
    assert captured.redacted == 2


def test_a_key_at_the_edge_of_what_was_looked_at_is_not_kept(kept: Kept) -> None:
    settings = CaptureSettings(mode="all", images=True, max_bytes=1000)
    for length in range(5060, 5110):
        body = b"x " * (length // 2) + b"sk-proj-Abc123Def456Ghi789Jkl012"
        begin(kept.worker, body, settings=settings, headers=[]).finish()
    assert kept.worker.close(PATIENCE_S)
    assert len(kept.all) == 50
    for captured in kept.all:
        assert captured.request.startswith(b"x x x")
        assert is_cut(captured.request)
        assert b"sk" not in captured.request


def test_a_body_that_was_streamed_upward_is_kept_as_far_as_it_was_held(kept: Kept) -> None:
    capturing = begin(kept.worker, b"x " * 5000, headers=[])
    capturing.finish(request_size=1_000_000)
    captured = kept.only()
    assert captured.request_size == 1_000_000
    assert is_cut(captured.request)


def test_no_bytes_at_all_may_be_wanted(kept: Kept) -> None:
    capturing = begin(kept.worker, b'{"a":1}', settings=CaptureSettings(mode="all", max_bytes=0))
    capturing.wrote(100.5, b"data: 12\n\n")
    capturing.finish()
    captured = kept.only()
    assert (captured.request, captured.request_size) == (b"", 7)
    assert (captured.response, captured.response_size, captured.timing) == (b"", 10, ((500.0, 10),))


# ── bounds ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_number_of_pieces_is_bounded(kept: Kept) -> None:
    capturing = begin(kept.worker)
    for number in range(MAX_PIECES + 10):
        capturing.wrote(100.0 + number, b"data: 12\n\n")
    capturing.finish(b"text/event-stream")
    captured = kept.only()
    assert len(captured.timing) == MAX_PIECES
    assert captured.response_size == (MAX_PIECES + 10) * 10
    assert is_cut(captured.response)


def test_all_captures_together_hold_a_bounded_number_of_bytes(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_BYTES", 100_000)
    running = [begin(kept.worker, b"x" * 9_000, headers=[]) for _ in range(10)]
    assert kept.worker.held == 90_000
    late = begin(kept.worker, b"x" * 90_000, headers=[])
    for capturing in running:
        for _ in range(100):
            capturing.wrote(100.0, b"y" * 1000)
    assert kept.worker.held <= 100_000
    assert kept.worker.short == 11
    for capturing in (*running, late):
        capturing.finish()
    assert kept.worker.close(PATIENCE_S)
    assert len(kept.all) == 11
    assert kept.worker.held == 0
    assert kept.all[-1].request == b"[cut]"
    assert all(is_cut(captured.response) for captured in kept.all[:-1])


def test_an_answer_has_no_hole(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one piece found no room, later ones are not kept either, though they might be small enough."""
    monkeypatch.setattr(module, "HELD_BYTES", 20_000)
    capturing = begin(kept.worker)
    capturing.wrote(100.0, b"1" * 10_000)
    capturing.wrote(100.0, b"2" * 15_000)
    capturing.wrote(100.0, b"3" * 10)
    capturing.finish()
    captured = kept.only()
    assert set(captured.response) <= set(b"1[cut]")
    assert captured.response_size == 25_010


def test_captures_that_the_worker_is_too_slow_for_are_dropped_and_counted() -> None:
    gate, reached = threading.Event(), threading.Event()

    def stuck(captured: Captured) -> None:
        reached.set()
        assert gate.wait(PATIENCE_S)

    worker = CaptureWorker(stuck, max_waiting=5)
    begin(worker, b"x" * 1000).finish()
    assert reached.wait(PATIENCE_S)
    for _ in range(20):
        begin(worker, b"x" * 1000).finish()
    assert (worker.feed.given, worker.feed.taken, worker.feed.dropped, worker.feed.waiting) == (21, 1, 15, 5)
    assert worker.held == 5000
    gate.set()
    assert worker.close(PATIENCE_S)
    assert worker.held == 0


def test_a_capture_that_takes_too_long_is_not_kept_at_all(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GIVE_UP_S", -1.0)
    monkeypatch.setattr(module, "WORK_S", 0.0)
    begin(kept.worker, b"x" * 100_000).finish()
    assert kept.worker.close(PATIENCE_S)
    assert kept.all == []
    assert kept.worker.feed.failed == 1
    assert kept.worker.held == 0


def test_a_sink_that_raises_costs_its_capture_and_no_other() -> None:
    def broken(captured: Captured) -> None:
        raise OSError

    worker = CaptureWorker(broken)
    for _ in range(3):
        begin(worker).finish()
    assert worker.close(PATIENCE_S)
    assert (worker.feed.failed, worker.held) == (3, 0)


def test_whoever_works_beside_the_loop_rests_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    now, rests = 0.0, 0

    def sleep(_: float) -> None:
        nonlocal rests
        rests += 1

    monkeypatch.setattr("sluiceway.observe.capture.time.perf_counter", lambda: now)
    monkeypatch.setattr("sluiceway.observe.capture.time.sleep", sleep)
    pace = Pacer(1.0)
    for tenth in range(1, 41):
        now = tenth * module.WORK_S / 10
        pace()
    assert rests == 4
    now = 1.1
    with pytest.raises(TimeoutError):
        pace()
