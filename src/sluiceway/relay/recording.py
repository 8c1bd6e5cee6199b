"""What the record of a request is told of its attempts: whose answer it is, and how far each came.

Plain functions, called by the relay as things happen. What the record says of the response itself (its status, what
committed it, its bytes) is written where that is sent, in `delivery.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluiceway.observe.draft import Draft
from sluiceway.wire.http import get_header

if TYPE_CHECKING:
    from sluiceway.relay.attempt import Attempt


def record_asked(record: Draft, attempt: Attempt) -> None:
    """Of those that were asked, this is the one that counts from now on."""
    record.upstream_status = record.upstream_request_id = record.error_code = None
    if (entry := attempt.entry) is not None:
        record.answering = entry
        record.upstream, record.upstream_model = entry.upstream, entry.upstream_model
        record.translated_to, record.dropped = entry.translated_to, entry.dropped
    if attempt.head is not None:
        record_head(record, attempt, attempt)


def record_head(record: Draft, attempt: Attempt, counting: Attempt | None) -> None:
    """Its status and headers came. `counting`: the one that counts; any other was asked beside it."""
    head = attempt.head
    assert head is not None
    if (entry := attempt.entry) is not None:
        entry.status, entry.head_s = head.status, attempt.head_at - record.arrived_at - entry.after_s
    if attempt is not counting:
        return
    record.upstream_status = head.status
    upstream_id = get_header(head.headers, b"x-request-id")
    if upstream_id:
        record.upstream_request_id = upstream_id.decode("latin-1")
    if not 200 <= head.status < 300:
        record.error_code, record.own_error = f"upstream_{head.status}", False


def record_beginning(record: Draft, attempt: Attempt, now: float) -> None:
    """Its first real event, or the first bytes of its body, came; told again, nothing changes."""
    if attempt.began_at is None:
        attempt.began_at = now
        if (entry := attempt.entry) is not None:
            entry.first_event_s = now - record.arrived_at - entry.after_s
    if record.first_event_at is None:
        record.first_event_at = now
