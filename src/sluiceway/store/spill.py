"""Files for what a database can't take now: one per process, appended to and synced, read again when it can.

A file is a line for each item: `r` or `c`, and the JSON of a record or of captured bodies. Its writer holds a lock
on it; a file that nobody holds was left by a process that is gone, and belongs to whoever locks it first. A process
that was killed while it wrote leaves half a line at the end, which is counted and skipped.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record
from sluiceway.store.inserting import Item

SUFFIX: Final = ".jsonl"

# Captured bodies are large, and records matter more: these leave room for them.
_FOR_CAPTURES: Final = 0.5

_encode = msgspec.json.Encoder().encode
_record: Final = msgspec.json.Decoder(Record)
_captured: Final = msgspec.json.Decoder(Captured)


class Spill:
    """The files of a folder, and this process's own among them. Of one thread."""

    def __init__(self, folder: str | Path, limit_bytes: int) -> None:
        """`limit_bytes`: of all files of the folder, those of other processes included; 0 for no files at all."""
        self._folder = Path(folder)
        self.limit_bytes = limit_bytes
        self._own: IO[bytes] | None = None

    @property
    def used_bytes(self) -> int:
        """What all files take together."""
        return sum(_size(path) for path in self._files())

    def append(self, items: Sequence[Item]) -> int:
        """Keep as many of these as have room, safely: how many. Raises `OSError`, and has then kept none."""
        room = self.limit_bytes - self.used_bytes
        lines = []
        for item in items:
            line = _line(item)
            least = self.limit_bytes * _FOR_CAPTURES if isinstance(item, Captured) else 0
            if line and room - len(line) >= least:
                lines.append(line)
                room -= len(line)
        if lines:
            self._write(b"".join(lines))
        return len(lines)

    def take(self) -> SpilledFile | None:
        """The oldest file that nobody writes or reads; the own one is closed for that. The caller reads it to its
        end and calls `remove`, or leaves it to somebody else by `close`."""
        self.close()
        for path in sorted(self._files()):
            if (found := _claimed(path)) is not None:
                return SpilledFile(path, found)
        return None

    def close(self) -> None:
        """Write to another file next time."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def _files(self) -> Iterable[Path]:
        try:
            return [path for path in self._folder.iterdir() if path.suffix == SUFFIX]
        except OSError:  # there is none, or none that may be read
            return []

    def _write(self, data: bytes) -> None:
        file = self._own = self._own or self._new()
        before = file.tell()
        try:
            file.write(data)
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), before)  # the disk is full: no half line, which would spoil the next
            file.seek(before)
            raise

    def _new(self) -> IO[bytes]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Sorted by name they are sorted by age, and several processes never choose the same.
        path = self._folder / f"records-{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        file = open(descriptor, "wb", buffering=0)  # noqa: SIM115 - closed by `close`
        fcntl.flock(file, fcntl.LOCK_EX)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file


class SpilledFile:
    """A file to be read again. `broken`: how many lines of it made no sense so far."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.broken = 0
        self._file = file

    def read(self, most: int) -> list[Item]:
        """The next items, none at its end."""
        items: list[Item] = []
        while len(items) < most and (line := self._file.readline()):
            try:
                items.append(_item(line))
            except (msgspec.DecodeError, UnicodeDecodeError):  # DecodeError: ValidationError, too
                self.broken += 1
        return items

    def remove(self) -> None:
        """All of it is in the database."""
        self.path.unlink(missing_ok=True)
        self._file.close()  # last, since that ends the lock

    def close(self) -> None:
        """Leave it, to be read from its beginning."""
        self._file.close()


def _claimed(path: Path) -> IO[bytes] | None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except OSError:  # it is somebody's; or was, and is gone
        file.close()
        return None
    file.close()
    return None


def _line(item: Item) -> bytes:
    """Empty for what is no JSON: text with half a character."""
    try:
        return b"%s%s\n" % (b"c" if isinstance(item, Captured) else b"r", _encode(item))
    except UnicodeEncodeError:
        return b""


def _item(line: bytes) -> Item:
    if not line.endswith(b"\n"):
        raise msgspec.DecodeError("half a line")
    return (_captured if line.startswith(b"c") else _record).decode(line[1:])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
