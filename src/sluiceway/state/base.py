"""What a state is: the seam between the gateway and whatever counts for it.

One process counts in memory (`state.memory`); several count together in Redis (`state.shared`). A state
belongs to the process and outlives reloads, since what it counts goes by the names of keys and scopes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from sluiceway.config.key_settings import KeySettings
from sluiceway.policy.limits import Limits, Meter, limits_of
from sluiceway.wire.http import Headers

Scope = tuple[str, int]
"""Somewhere requests in flight are counted, and how many it takes: `("gateway", 100)`, `("key:alice", 4)`,
`("upstream:openai", 50)`. The limit is at least 1."""


# Names of keys come and go with reloads; so many are remembered at most.
MAX_NAMES: Final = 65_536


class State(Protocol):
    """Rates, budgets and requests in flight. `now` is Unix time in seconds, throughout."""

    @property
    def shared(self) -> bool:
        """Whether `lease` counts for several processes; if not, it grants everything, and the queue counts."""
        ...

    async def start(self) -> None:
        """Call once, before anything else, in the loop that will use it. Never fails."""
        ...

    async def close(self) -> None:
        """Write down what has to be, give back what is held, stop. Nothing may be called afterwards."""
        ...

    async def take(self, key: KeySettings, now: float) -> Headers:
        """Use up one request of the key's limits; the `x-ratelimit-*` headers of the answer to it.

        Does not wait for a key without limits. Raises `RateLimited`, `BudgetExceeded` (then nothing was used
        up) or `StateUnavailable`.
        """
        ...

    def charge(self, key: KeySettings, tokens: int, cost: float, now: float) -> None:
        """Add what an answer cost, in tokens and in the currency of `[[prices]]`. Does not wait."""
        ...

    async def used(self, keys: Sequence[KeySettings]) -> Mapping[str, Meter]:
        """What keys have used of their limits, by name; those that have used nothing, or of which nothing can be
        learned now, are missing. For people to look at: a window that has passed since is not taken off."""
        ...

    async def lease(self, scopes: Sequence[Scope]) -> str | None:
        """Take one place in each scope, or in none: None if taken, else the name of the first that is full.

        A place is kept until `release`. If the caller is cancelled, none is taken. Nobody is told when a place
        in another process becomes free: whoever waits for one asks again after a while (100 ms is about the
        time that a message from process to process would save, at the price of one for each request).
        Raises `StateUnavailable`.
        """
        ...

    def release(self, scopes: Sequence[Scope]) -> None:
        """Give back places that `lease` took, all or some of them; each once. Does not wait."""
        ...


class KnownLimits:
    """The limits of keys, worked out once for each: a request only looks its key up.

    A reload makes new `KeySettings`, which are told by their identity.
    """

    __slots__ = ("_known", "_parts")

    def __init__(self, *, parts: int = 1) -> None:
        self._known: dict[str, tuple[KeySettings, Limits | None]] = {}
        self._parts = parts

    @property
    def remembered(self) -> int:
        """How many keys are; at most `MAX_NAMES`."""
        return len(self._known)

    def of(self, key: KeySettings) -> Limits | None:
        """As `policy.limits.limits_of`."""
        known = self._known.get(key.name)
        if known is not None and known[0] is key:
            return known[1]
        if len(self._known) >= MAX_NAMES:
            self._known.clear()
        limits = limits_of(key, parts=self._parts)
        self._known[key.name] = (key, limits)
        return limits
