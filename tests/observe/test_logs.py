"""Failures for operators, one line per request for machines."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sluiceway.observe.logs import MAX_WAITING_LINES, AccessLog, configure_logging, log_failures
from sluiceway.observe.record import Record


def record(**fields: Any) -> Record:
    base = {"request_id": "req_1", "started": 1.0, "method": "POST", "path": "/v1/x", "outcome": "ok"}
    return Record(**{**base, **fields})


@pytest.fixture
def loggers_restored() -> Iterator[None]:
    """`configure_logging` is for a whole process; a test gives it back."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {}
    for name in ("", "sluiceway", "uvicorn"):
        levels[name] = logging.getLogger(name or None).level
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)


# ── the format ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("loggers_restored")
def test_lines_are_json_where_no_person_reads(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    log_failures(record(status=502, error_code="upstream_truncated", committed_by="event", model="m"))
    logging.getLogger("sluiceway.other").info("hello %s", "there")
    failed, hello = map(msgspec.json.decode, capsys.readouterr().err.splitlines())
    assert failed["event"] == "request failed"
    assert failed["level"] == "warning"
    assert failed["request_id"] == "req_1"
    assert failed["model"] == "m"
    assert "timestamp" in failed
    assert hello["event"] == "hello there"
    assert hello["logger"] == "sluiceway.other"


@pytest.mark.usefixtures("loggers_restored")
def test_an_exception_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("sluiceway").exception("it failed")
    (line,) = capsys.readouterr().err.splitlines()
    decoded = msgspec.json.decode(line)
    assert decoded["event"] == "it failed"
    assert "ValueError: broken" in decoded["exception"]


@pytest.mark.usefixtures("loggers_restored")
def test_lines_are_readable_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure_logging("info")
    log_failures(record(status=502, error_code="upstream_invalid", committed_by="event"))
    (line,) = capsys.readouterr().err.splitlines()
    assert "request failed" in line
    assert not line.startswith("{")


@pytest.mark.usefixtures("loggers_restored")
def test_the_level_holds_for_sluiceway_and_others_only_warn(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug")
    logging.getLogger("sluiceway.x").debug("mine")
    logging.getLogger("uvicorn.error").info("theirs")
    logging.getLogger("asyncio").info("theirs")
    configure_logging("error")
    log_failures(record(status=502, error_code="upstream_invalid", committed_by="event"))
    lines = capsys.readouterr().err.splitlines()
    assert [msgspec.json.decode(line)["event"] for line in lines] == ["mine"]


# ── failures ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 502, "error_code": "upstream_unreachable", "committed_by": "error"},
        {"status": 504, "error_code": "upstream_timeout", "committed_by": "error"},
        {"status": 503, "error_code": "gateway_overloaded", "committed_by": "error"},
        {"status": 200, "error_code": "upstream_truncated", "committed_by": "event"},
        {"status": 200, "error_code": "draining", "committed_by": "silence"},
        {"status": 500, "error_code": "upstream_500", "committed_by": "body"},
    ],
)
def test_what_the_gateway_or_an_upstream_failed_is_logged(
    fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "sluiceway"):
        log_failures(record(**fields))
    assert [line.message for line in caplog.records] == ["request failed"]
    assert caplog.records[0].__dict__["error_code"] == fields["error_code"]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 200},
        {"status": 401, "error_code": "invalid_api_key", "committed_by": "error"},
        {"status": 400, "error_code": "invalid_request", "committed_by": "error"},
        {"status": 429, "error_code": "upstream_429", "committed_by": "body"},
        {"status": 499, "error_code": "client_gone", "client_left": True},
        {"status": 200, "error_code": "client_gone", "client_left": True, "committed_by": "event"},
    ],
)
def test_what_a_client_did_wrong_is_not(fields: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "sluiceway"):
        log_failures(record(**fields))
    assert caplog.records == []


# ── the access log ──────────────────────────────────────────────────────────────────────────────────


def test_the_access_log_is_one_json_line_per_request_in_order() -> None:
    reader, writer = os.pipe()
    log = AccessLog(writer)
    for number in range(3):
        log(record(request_id=f"req_{number}", status=200))
    log.close()
    os.close(writer)
    with open(reader, "rb") as lines:
        assert [msgspec.json.decode(line)["request_id"] for line in lines] == ["req_0", "req_1", "req_2"]


def test_a_reader_that_never_comes_blocks_nobody_costs_a_bounded_amount_and_is_counted() -> None:
    reader, writer = os.pipe()
    log = AccessLog(writer)
    for number in range(MAX_WAITING_LINES + 5):
        log(record(request_id=f"req_{number}"))
    assert log.dropped == 5
    log.close(timeout_s=0.1)  # the pipe is full long before
    written = b""
    while not written.endswith(b"\n") or b"lines dropped" not in written:
        written += os.read(reader, 1 << 20)
    lines = written.splitlines()
    assert len(lines) == MAX_WAITING_LINES + 1
    assert msgspec.json.decode(lines[0])["request_id"] == "req_0"
    assert msgspec.json.decode(lines[-1]) == {"event": "lines dropped", "lines": 5}
    log.close()
    os.close(reader)
    os.close(writer)


def test_a_log_that_can_not_be_written_says_so(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = AccessLog(writer)
    log(record())
    log.close()
    os.close(writer)
    assert "access log" in caplog.text
