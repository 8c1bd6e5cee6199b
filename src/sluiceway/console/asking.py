"""Asking the store from the loop: in a thread of its own, its absence and its failures as errors of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sluiceway.console.deps import Deps
from sluiceway.console.operation import unavailable
from sluiceway.console.seams import Store
from sluiceway.store.opening import StoreAway

T = TypeVar("T")


async def asked(deps: Deps, question: Callable[[Store], T]) -> T:
    """What the store answers. Raises `Overloaded` (503) where nothing is kept, or the database is away."""
    store = deps.store
    if store is None:
        raise unavailable("no records are kept: store.url is empty")
    try:
        return await deps.questions.ask(lambda: question(store))
    except StoreAway as error:
        raise unavailable(f"the database can't be read: {error}") from None
