"""The keys file: read as a whole, and changed so that no reader ever sees half of it.

A change holds a lock, since two commands at once would each write what they read, and one key be lost. The
gateway itself only reads.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.problems import ConfigError, Problem
from sluiceway.config.stored_keys import StoredKeys, decode, encode

if sys.platform != "win32":
    import fcntl

LOCK_SUFFIX = ".lock"


def load_keys(path: str | Path, configured: Iterable[KeySettings] = ()) -> StoredKeys | None:
    """The keys of that file; None if there is no such file, or `path` is `""`.

    `configured`: the configuration's `[[keys]]`, with which they share names. Raises `ConfigError`.
    """
    if not str(path):
        return None
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failure("read", path, error) from None
    return decode(text, str(path), configured)


def change_keys(path: str | Path, change: Callable[[StoredKeys], StoredKeys]) -> None:
    """Replace the file's keys by what `change` makes of them; it may raise, and then nothing changes.

    A new file is for its owner alone (mode 0600); one that is there keeps its mode and, if it may, its owner,
    so that an administrator's command does not take it away from the gateway. Raises `ConfigError`.
    """
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    try:
        with _locked(target):
            _write(target, encode(change(load_keys(target) or ())))
    except OSError as error:
        raise _failure("written", path, error) from None


def _write(target: Path, text: bytes) -> None:
    """All of it or nothing, also when the machine stops: written beside it, then put in its place."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        _keep_access(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    with contextlib.suppress(OSError):  # not every system opens folders; the file itself is safe by now
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _keep_access(target: Path, temporary: str) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    os.chmod(temporary, old.st_mode & 0o7777)
    if sys.platform != "win32":
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.chown(temporary, old.st_uid, old.st_gid)


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    # A file of its own, since the keys file is another one after each change. It stays: to remove it would
    # let a third command lock a new one while the second still waits for the old.
    descriptor = os.open(f"{target}{LOCK_SUFFIX}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":  # which has no such locks; there, changes are the operator's to serialise
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _failure(verb: str, path: str | Path, error: OSError) -> ConfigError:
    return ConfigError([Problem("", f"can't be {verb}: {error.strerror or error}")], str(path))
