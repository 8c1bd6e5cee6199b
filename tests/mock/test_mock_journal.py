"""Records: bounded, and the first end counts."""

from __future__ import annotations

from typing import Any

from sluiceway.mock.journal import Journal

SCOPE: dict[str, Any] = {
    "method": "GET",
    "path": "/",
    "headers": [(b"a", b"1"), (b"a", b"2")],
    "client": None,
}


def test_old_records_are_dropped_and_counted() -> None:
    journal = Journal(keep=2)
    for _ in range(5):
        journal.begin(SCOPE)
    assert [record.number for record in journal.records] == [4, 5]
    assert journal.dropped == 3
    journal.clear()
    assert (journal.records, journal.dropped) == ([], 0)


def test_only_the_first_end_counts() -> None:
    record = Journal().begin(SCOPE)
    record.end("aborted")
    record.end("complete")
    assert record.outcome == "aborted"
    assert record.aborted_at == record.ended_at is not None


def test_a_header_is_found_by_name_and_none_if_absent() -> None:
    record = Journal().begin(SCOPE)
    assert (record.header("a"), record.header("b")) == ("1", None)
