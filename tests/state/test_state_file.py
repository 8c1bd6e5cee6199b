"""The file in which budgets outlive a restart: what can be read, and what a crash leaves."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from sluiceway.policy.limits import Meter
from sluiceway.state.file import encode_meters, read_meters, write_whole

METERS = {
    "alice": Meter(at=5, requests=60_000, day=20_000, day_tokens=7, day_cost=10**12, month=24_000, month_tokens=9),
    "büro \N{SLOTH} \"x\"": Meter(month_cost=1),
}  # fmt: skip


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_whole(path, encode_meters(METERS))
    assert read_meters(path) == METERS
    write_whole(path, encode_meters({}))
    assert read_meters(path) == {}


def test_it_is_json_that_people_can_read(tmp_path: Path) -> None:
    content = json.loads(encode_meters({"alice": Meter(at=5, day_tokens=7)}))
    assert content == {"version": 1, "keys": {"alice": {"at": 5, "day_tokens": 7}}}


def test_without_a_file_nothing_was_spent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_meters(tmp_path / "state.json") == {}
    assert caplog.records == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        encode_meters(METERS)[:-20],
        b'{"version":2,"keys":{}}',
        b'{"version":1,"keys":{"alice":{"day_tokens":-5}}}',
        b'{"version":1,"keys":{"alice":{"day_tokens":1.5}}}',
        b'{"version":1,"keys":{"alice":null}}',
        b'{"version":1,"keys":' + b'{"a":' * 100_000,
    ],
)
def test_a_file_that_is_not_one_is_reported_and_ignored(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    assert read_meters(path) == {}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message == "the state file can't be read; budgets begin anew"
    assert record.__dict__["file"] == str(path)
    assert record.__dict__["reason"]


def test_a_folder_in_its_place_is_reported_and_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_meters(tmp_path) == {}
    assert [record.__dict__["reason"] for record in caplog.records] == ["Is a directory"]


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_whole(path, encode_meters(METERS))
    (tmp_path / "state.json.new").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(path, b"half")
    assert read_meters(path) == METERS


def test_what_an_earlier_crash_left_beside_it_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    (tmp_path / "state.json.new").write_bytes(b"half a file, and longer than the new one" * 100)
    write_whole(path, encode_meters(METERS))
    assert read_meters(path) == METERS
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_whole(path, encode_meters(METERS))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
