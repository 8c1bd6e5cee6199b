"""The processes of one gateway, as they ask each other: a Unix socket for each, in the folder that they share.

One connection for each question: length and msgpack both ways. Only the gateway's own user can reach the folder, so
whoever asks is a sibling, and has seen to who may know.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

import msgspec

from sluiceway.console.deps import Deps
from sluiceway.console.parts import AnyPart

log = logging.getLogger("sluiceway.console")

PATIENCE_S: Final = 1.0
"""How long a sibling may take. It answers in its loop, within milliseconds; one that is stuck is left out."""

_LENGTH_BYTES: Final = 4


class Siblings:
    """See `deps.Peers`, which this is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def ask(self, worker: int, part: str, question: bytes) -> bytes | None:
        """What that one answers for its part; None if it can't be heard in time."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_unix_connection(_path(self._folder, worker))
                try:
                    _write(writer, msgspec.msgpack.encode((part, question)))
                    return await _read(reader)
                finally:
                    writer.close()
        except (
            OSError,
            EOFError,
        ):  # it died, starts, or did not answer in time, which is an `OSError` as well
            return None


@contextlib.asynccontextmanager
async def answering(deps: Deps, parts: Iterable[AnyPart], folder: Path) -> AsyncIterator[None]:
    """Answer siblings while the body runs. What a predecessor that died left in the folder is replaced.

    Where there can't be a socket (its path may have 107 bytes), that is logged, and siblings do without this one.
    """
    by_name = {part.name: part for part in parts}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            name, question = msgspec.msgpack.decode(await _read(reader), type=tuple[str, bytes])
            _write(writer, await by_name[name].answered(deps, question))
            await writer.drain()
        except (OSError, EOFError):
            pass  # it does not wait any more
        except Exception:
            log.exception("another worker could not be answered")
        finally:
            writer.close()

    server: asyncio.Server | None = None
    try:
        server = await asyncio.start_unix_server(answer, _path(folder, deps.worker))
    except OSError as error:
        log.warning("the console of other workers can't tell of this one: %s", error)
    try:
        yield
    finally:
        if server is not None:
            server.close()


def _path(folder: Path, worker: int) -> str:
    return str(folder / f"{worker}.console")


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    return await reader.readexactly(length)
