"""Having the configuration read again, and waiting until it was."""

from __future__ import annotations

import asyncio
from typing import Final

from sluiceway.console.deps import Deps
from sluiceway.reload import Result

PATIENCE_S: Final = 10.0
"""A reload reads two files and takes milliseconds; on a file system that hangs it takes for ever."""


async def reload_now(deps: Deps, reason: str) -> Result | None:
    """How it went; None where there is nothing to read, or where it takes too long to wait for."""
    if deps.reloader is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await deps.reloader.reload(reason)
    except TimeoutError:
        return None
