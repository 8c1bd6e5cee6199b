"""What goes to a client, at a glance: whether it holds content yet, why it ended, what each event is.

Of the client's API, so behind every translation, and from the bytes: for records and timelines, which know nothing
else of an answer. Each question has a file of its own; this is the one to import.
"""

from __future__ import annotations

from sluiceway.dialects.glance_content import carries_content
from sluiceway.dialects.glance_data import CUT
from sluiceway.dialects.glance_finish import LAST_WRITES, finish_reason
from sluiceway.dialects.glance_kinds import EventKind, kinds

__all__ = ["CUT", "LAST_WRITES", "EventKind", "carries_content", "finish_reason", "kinds"]
