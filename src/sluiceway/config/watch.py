"""Notice that files have changed, in whatever way their editor, deployment or orchestrator replaces them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from watchfiles import awatch

# Changes that come closer together than this are one: many editors write a file in several steps.
SETTLE_MS = 200

# A file that never comes to rest is read after this time all the same.
DEBOUNCE_MS = 1600

# File systems that tell nothing (NFS, some mounts in containers) are asked this often; so is what changed while
# a watch was being set up.
POLL_MS = 1000


async def ticks(files: Iterable[Path]) -> AsyncGenerator[None, None]:
    """One tick whenever one of these files may have changed, and every second; whether it has, `config.source` knows.

    Folders are watched, not files: a file that is replaced is another file (editors rename a new one into its
    place, Kubernetes swaps a link `..data` beside it). Raises `OSError` or `RuntimeError` if that is not
    possible, for instance because the system's watches are used up.
    """
    files = tuple(files)
    while True:
        folders = await asyncio.to_thread(_folders, files)
        if not folders:
            await asyncio.sleep(POLL_MS / 1000)
            yield
            continue
        changes = awatch(
            *folders,
            watch_filter=None,
            recursive=False,
            debounce=DEBOUNCE_MS,
            step=SETTLE_MS,
            rust_timeout=POLL_MS,
            yield_on_timeout=True,
        )
        async with contextlib.aclosing(changes):
            async for _ in changes:
                yield
                if await asyncio.to_thread(_folders, files) != folders:
                    break  # a link points elsewhere now


def _folders(files: Iterable[Path]) -> list[Path]:
    """Those that hold the files, and those that hold what links among them point to."""
    folders = {folder for file in files for folder in (file.absolute().parent, file.resolve().parent)}
    return sorted(folder for folder in folders if folder.is_dir())
