"""What a record tells about one of its attempts, read between its lines. Pure."""

from __future__ import annotations

from sluiceway.observe.record import Record


def answering(record: Record) -> int:
    """The index of the attempt that was heard, else of the last one; -1 where there was none."""
    heard = [index for index, one in enumerate(record.attempts) if one.first_event_ms is not None]
    return heard[-1] if heard else len(record.attempts) - 1


def attempt_ends_ms(record: Record, index: int) -> float:
    """When an attempt was over, in milliseconds since the request's arrival."""
    attempt = record.attempts[index]
    if attempt.over_ms is None:
        return record.duration_ms
    return min(attempt.after_ms + attempt.over_ms, record.duration_ms)


def error_of(record: Record, index: int) -> str | None:
    """Why an attempt failed; None where it did not, or only the client left."""
    attempt = record.attempts[index]
    if attempt.error_code is not None:
        return attempt.error_code
    if index == answering(record) and record.error_code is not None and not record.client_left:
        return record.error_code
    return str(attempt.status) if attempt.status is not None and attempt.status >= 400 else None
