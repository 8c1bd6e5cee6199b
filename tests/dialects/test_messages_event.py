"""The kind of an event is its name, or what its data say where the name says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.dialects.messages_event import kind_of
from sluiceway.wire.sse import SseEvent


@pytest.mark.parametrize(
    ("name", "document", "kind"),
    [
        (b"message_stop", {"type": "message_stop"}, "message_stop"),
        (b"message_stop", None, "message_stop"),
        (b"ping", {"type": "message_stop"}, "ping"),
        (b"", {"type": "message_stop"}, "message_stop"),
        (b"message", {"type": "message_stop"}, "message_stop"),
        (b"\xff", {"type": "new"}, "new"),
        (b"", {"type": ["ping"]}, None),
        (b"", {}, None),
        (b"", [1], None),
        (b"other", None, None),
    ],
)
def test_the_name_counts_before_the_data(name: bytes, document: Any, kind: str | None) -> None:
    assert kind_of(SseEvent(b"", event=name), document) == kind
