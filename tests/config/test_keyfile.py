"""The keys file: read whole, written whole, by one command at a time, and refused with the place of what is wrong."""

from __future__ import annotations

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.keyfile import change_keys, load_keys
from sluiceway.config.problems import BadValue, ConfigError
from sluiceway.config.stored_keys import StoredKey, StoredKeys, add, revoke


def key(name: str, number: int) -> KeySettings:
    return KeySettings(name=name, sha256=f"{number:064x}")


def adding(name: str, number: int) -> Callable[[StoredKeys], StoredKeys]:
    return lambda keys: add(keys, key(name, number), 5.0)


def test_without_a_file_there_are_no_keys_which_is_not_an_empty_list(tmp_path: Path) -> None:
    assert load_keys(tmp_path / "keys.json") is None
    assert load_keys("") is None
    (tmp_path / "keys.json").write_text('{"version": 1, "keys": []}')
    assert load_keys(tmp_path / "keys.json") == ()


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    change_keys(path, adding("alice", 1))
    change_keys(str(path), adding("bob", 2))
    assert load_keys(str(path)) == (StoredKey(key("alice", 1), 5.0), StoredKey(key("bob", 2), 5.0))


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    change_keys(tmp_path / "keys.json", adding("alice", 1))
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_a_file_that_is_there_keeps_its_mode_and_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    change_keys(path, adding("alice", 1))
    path.chmod(0o640)
    if os.getuid() == 0:  # only root gives files away
        os.chown(path, 1234, 2345)
    before = path.stat()
    change_keys(path, adding("bob", 2))
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_a_symbolic_link_to_the_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    path = tmp_path / "keys.json"
    path.symlink_to(tmp_path / "there" / "real.json")
    change_keys(path, adding("alice", 1))
    assert path.is_symlink()
    assert load_keys(tmp_path / "there" / "real.json") == (StoredKey(key("alice", 1), 5.0),)


def test_a_change_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    change_keys(path, adding("alice", 1))
    before = path.read_bytes()
    with pytest.raises(BadValue, match='there is a key called "alice" already'):
        change_keys(path, adding("alice", 2))
    with pytest.raises(BadValue, match='there is no key called "bob"'):
        change_keys(path, lambda keys: revoke(keys, "bob", 0.0))
    assert path.read_bytes() == before


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    change_keys(path, adding("alice", 1))
    before = path.read_bytes(), sorted(os.listdir(tmp_path))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, fail)
            with pytest.raises(ConfigError) as caught:
                change_keys(path, adding("bob", 2))
        assert str(caught.value) == f"{path} has 1 problem:\n  can't be written: No space left on device"
        assert (path.read_bytes(), sorted(os.listdir(tmp_path))) == before


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load_keys(tmp_path)
    with pytest.raises(ConfigError, match="can't be written: No such file or directory"):
        change_keys(tmp_path / "absent" / "keys.json", adding("alice", 1))


def _add_many(path: str, start: int) -> None:
    for number in range(start, start + 5):
        change_keys(path, adding(f"key-{number}", number))


def test_commands_at_the_same_time_lose_no_key(tmp_path: Path) -> None:
    path = str(tmp_path / "keys.json")
    spawning = multiprocessing.get_context("spawn")
    commands = [spawning.Process(target=_add_many, args=(path, start)) for start in (10, 20, 30)]
    for command in commands:
        command.start()
    for command in commands:
        command.join(60)
        assert command.exitcode == 0
    assert len(load_keys(path) or ()) == 15
