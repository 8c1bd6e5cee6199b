"""Threads for what the database is asked, apart from those of everybody else: it may hang, and nobody else shall."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sluiceway.errors import Overloaded

THREADS: Final = 4
"""Fewer than the store has connections, so that its writer always finds one."""

MAX_OPEN: Final = 32
"""Questions that are asked or wait for a thread; more are refused."""

T = TypeVar("T")


class Questions:
    """See the module. Those that take too long end with the store, when it is closed."""

    __slots__ = ("_open", "_threads")

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sluiceway-console")
        self._open = 0

    async def ask(self, question: Callable[[], T]) -> T:
        """The answer. Raises `Overloaded` (503) if too many are open, and what the question raises."""
        if self._open >= MAX_OPEN:
            raise Overloaded("the database is slow to answer, and too many questions wait for it already")
        self._open += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, question)
        finally:
            self._open -= 1
