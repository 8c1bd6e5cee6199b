"""The file in which one process keeps what keys have used up, so that budgets outlive a restart.

JSON, replaced as a whole: `{"version": 1, "keys": {"alice": {"at": …, "day": …, "day_tokens": …}}}`, with the
fields of `policy.limits.Meter`. It holds names and numbers, no secrets.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Literal

import msgspec

from sluiceway.policy.limits import Meter

log = logging.getLogger("sluiceway.state")


class _File(msgspec.Struct):
    version: Literal[1]
    keys: dict[str, Meter]


def read_meters(path: Path) -> dict[str, Meter]:
    """What the file holds; nothing if there is none, and nothing, with a warning, if it can't be used.

    Budgets that are forgotten are better than a gateway that does not start.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).keys
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # msgspec.DecodeError is a ValueError
        log.warning(
            "the state file can't be read; budgets begin anew",
            extra={"file": str(path), "reason": _reason(error)},
        )
        return {}


def encode_meters(meters: dict[str, Meter]) -> bytes:
    """The file's content."""
    return msgspec.json.encode(_File(version=1, keys=meters)) + b"\n"


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file: whoever reads it, even after a crash, finds the old content or the new one.

    Raises `OSError`.
    """
    beside = path.with_name(path.name + ".new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
    os.replace(beside, path)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
