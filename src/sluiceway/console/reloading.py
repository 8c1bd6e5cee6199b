"""Having the configuration read again, and waiting until it was."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from sluiceway.console.deps import Deps
from sluiceway.reload import Result

POLL_S: Final = 0.02

PATIENCE_S: Final = 10.0
"""A reload reads two files and takes milliseconds; on a file system that hangs it takes for ever."""


async def reload_now(deps: Deps, reason: str) -> Result | None:
    """How it went; None where this process can't, or where it takes too long to wait for."""
    reloader = deps.reloader
    if reloader is None:
        return None
    asked = time.time()
    reloader.request(reason)
    before: Result | None = None
    while time.time() < asked + PATIENCE_S:
        result = reloader.last_result
        if result is not None and result.at >= asked and result is not before:
            # One that ran already when this was asked for may have read too early. Another one follows it.
            if result.reason == reason or before is not None:
                return result
            before = result
        await asyncio.sleep(POLL_S)
    return None
