"""Where the configuration comes from: read as a whole, and whether it is another one by now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from sluiceway.config.keyfile import load_keys
from sluiceway.config.load import load
from sluiceway.config.problems import ConfigError, Problem
from sluiceway.config.settings import Settings
from sluiceway.config.stored_keys import StoredKeys

# What differs once a file is written, replaced, removed, or a link to it leads elsewhere.
_Fingerprint = tuple[tuple[int, ...] | None, ...]


class Loaded(msgspec.Struct, frozen=True):
    """All that was read at once. `stored`: the keys of the keys file, None if there is no such file."""

    settings: Settings
    stored: StoredKeys | None = None


class Source:
    """Where the configuration comes from. It remembers what the files looked like when they were read."""

    def __init__(self, path: Path | None, options: Mapping[str, Any] | None = None) -> None:
        """`path`: the file, None if there is none; `options`: keys of `[server]` that win over the file's."""
        self._path = path
        self._options = dict(options or {})
        self._files: tuple[Path, ...] = () if path is None else (path,)
        self._seen: _Fingerprint = ()
        self._had_keys_file = ""  # its path; "" if there was none

    @property
    def files(self) -> tuple[Path, ...]:
        """The configuration file and the keys file, as far as they are named; whether or not they exist."""
        return self._files

    def has_changed(self) -> bool:
        """Whether the files are others than those that were read last. Asks the file system."""
        return _fingerprint(self._files) != self._seen

    def load(self) -> Loaded:
        """Read and check everything; secrets come from the environment. Raises `ConfigError`; blocks.

        A keys file that was there must not go away: its clients would be refused, or everybody let in.
        """
        self._seen = _fingerprint(self._files)  # first: what changes while it is read, has changed since
        settings = load(self._path, os.environ, server=self._options)
        keys_file = settings.server.keys_file
        self._note_keys_file(keys_file)
        stored = load_keys(keys_file, settings.keys)
        if stored is None and keys_file and keys_file == self._had_keys_file:
            problem = Problem("", "is gone", "put it back; a file without keys lets nobody in")
            raise ConfigError([problem], keys_file)
        self._had_keys_file = keys_file if stored is not None else ""
        return Loaded(settings, stored)

    def _note_keys_file(self, keys_file: str) -> None:
        config = () if self._path is None else (self._path,)
        keys = (Path(keys_file),) if keys_file else ()
        self._files = config + keys
        self._seen = self._seen[: len(config)] + _fingerprint(keys)


def _fingerprint(files: Iterable[Path]) -> _Fingerprint:
    return tuple(_stat(file) for file in files)


def _stat(file: Path) -> tuple[int, ...] | None:
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
