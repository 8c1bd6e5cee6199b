"""Spilled records: bounded files that are safe on disk, read in order by one process, half lines and all."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from store_samples import any_records, captured, record, records

from sluiceway.observe.record import Record
from sluiceway.store.inserting import Item
from sluiceway.store.spill import Spill

LIMIT = 1_000_000


def read_all(spill: Spill) -> list[Item]:
    items: list[Item] = []
    while (file := spill.take()) is not None:
        while some := file.read(3):
            items += some
        file.remove()
    return items


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_put_there_is_read_in_order_and_gone_then(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", LIMIT)
    some = records(10)
    bodies = captured(some[0])
    assert spill.append(some[:4]) == 4
    assert spill.append([*some[4:], bodies]) == 7
    assert read_all(spill) == [*some, bodies]
    assert list((tmp_path / "spill").iterdir()) == []
    assert spill.used_bytes == 0


@hypothesis_settings(max_examples=30, deadline=None)
@given(some=st.lists(any_records, max_size=4))
def test_any_record_comes_back_from_a_file(
    tmp_path_factory: pytest.TempPathFactory, some: list[Record]
) -> None:
    spill = Spill(tmp_path_factory.mktemp("spill"), LIMIT)
    spill.append(some)
    assert read_all(spill) == some


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "a" / "spill", LIMIT)
    assert not (tmp_path / "a").exists()
    spill.append(records(1))
    folder = tmp_path / "a" / "spill"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(folder).stat().st_mode) == 0o600
    spill.close()


def test_beyond_the_limit_nothing_is_kept(tmp_path: Path) -> None:
    spill, other = Spill(tmp_path, 5_000), Spill(tmp_path, 5_000)
    kept = spill.append(records(100))
    assert 0 < kept < 100
    assert spill.used_bytes <= 5_000
    assert other.append(records(100)) == 0  # the limit is that of all processes together
    assert len(read_all(spill)) == kept
    assert other.append(records(100)) == kept
    other.close()


def test_bodies_leave_half_of_the_room_to_records(tmp_path: Path) -> None:
    spill = Spill(tmp_path, 100_000)
    large = [captured(record(), body=b"x" * 10_000) for _ in range(20)]
    some = records(10)
    kept = spill.append([*large, *some])
    read = read_all(spill)
    assert len(read) == kept
    assert [one for one in read if isinstance(one, Record)] == some
    assert 0 < len(read) - len(some) <= 5


def test_without_room_for_any_there_are_no_files(tmp_path: Path) -> None:
    assert Spill(tmp_path / "spill", 0).append(records(3)) == 0
    assert not (tmp_path / "spill").exists()


def test_half_a_line_and_nonsense_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    spill = Spill(tmp_path, LIMIT)
    some = records(3)
    spill.append(some)
    spill.close()
    path = only_file(tmp_path)
    first, second, third, _ = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([first, b"r{}", b"\xff\xfe", second, b"", third[:-40]]))
    file = spill.take()
    assert file is not None
    assert file.read(100) == some[:2]
    assert file.broken == 4
    file.remove()


def test_a_file_in_use_is_left_to_its_process(tmp_path: Path) -> None:
    mine, theirs = Spill(tmp_path, LIMIT), Spill(tmp_path, LIMIT)
    theirs.append(records(2))
    assert mine.take() is None
    theirs.close()  # as the system does when a process dies
    file = mine.take()
    assert file is not None
    assert theirs.take() is None
    file.close()
    assert len(read_all(theirs)) == 2


def test_the_oldest_file_comes_first(tmp_path: Path) -> None:
    some = records(4)
    for one in some:
        spill = Spill(tmp_path, LIMIT)
        spill.append([one])
        spill.close()
    assert read_all(Spill(tmp_path, LIMIT)) == some


def test_a_file_that_somebody_removed_meanwhile_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill = Spill(tmp_path, LIMIT)
    spill.append(records(1))
    spill.close()
    path = only_file(tmp_path)
    lock = fcntl.flock

    def removed_first(file: int, how: int) -> None:
        path.unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    assert spill.take() is None


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = Spill(tmp_path, LIMIT)
    some = records(2)
    spill.append(some[:1])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            spill.append(records(3))
    spill.append(some[1:])
    assert read_all(spill) == some


def test_what_is_no_json_is_left_out(tmp_path: Path) -> None:
    spill = Spill(tmp_path, LIMIT)
    some = records(2)
    assert spill.append([some[0], record(model="\ud800"), some[1]]) == 2
    assert read_all(spill) == some
