"""What is asked of Redis: the scripts with the names of their keys and with their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sluiceway.policy.limits import Limits
from sluiceway.state import lua
from sluiceway.state.base import Scope
from sluiceway.state.link import Call


class Calls:
    """The calls of one process. `process`: its name, which no other has."""

    __slots__ = ("_identity", "_prefix", "_process")

    def __init__(self, prefix: str, process: str, lease_s: float) -> None:
        # All keys carry the prefix as their hash tag, so that a cluster keeps them together.
        self._prefix = f"{{{prefix}}}:"
        self._process = process
        self._identity = (process, round(lease_s * 1000))

    def take(self, name: str, limits: Limits) -> Call:
        """One request of a key. Answers whether it is granted, 1 or 0, and the fields of a `Meter`."""
        budgets = (limits.day_tokens, limits.month_tokens, limits.day_cost, limits.month_cost)
        return Call(lua.TAKE, self._used(name), (limits.requests, limits.tokens, *budgets))

    def charge(self, name: str, limits: Limits, tokens: int, cost: int) -> Call:
        """What answers to a key have cost, money in billionths."""
        return Call(lua.CHARGE, self._used(name), (limits.requests, limits.tokens, tokens, cost))

    def used(self, name: str) -> Call:
        """Answers the fields of a key's `Meter`, as they were when it was last used; none if it never was."""
        return Call(lua.USED, self._used(name), ())

    def lease(self, scopes: Sequence[Scope]) -> Call:
        """A place in each scope, or in none. Answers 0, or the number, from 1, of the first that is full."""
        return Call(
            lua.LEASE,
            self._in_flight(name for name, _ in scopes),
            (*self._identity, *(limit for _, limit in scopes)),
        )

    def release(self, places: Mapping[str, int]) -> Call:
        """So many places of each scope given back."""
        return Call(lua.RELEASE, self._in_flight(places), (*self._identity, *places.values()))

    def renew(self, places: Mapping[str, int]) -> Call:
        """How many places of each scope the process holds in truth, and that it lives."""
        alive = f"{self._prefix}process:{self._process}"
        return Call(lua.RENEW, (alive, *self._in_flight(places)), (*self._identity, *places.values()))

    def _used(self, name: str) -> tuple[str]:
        return (f"{self._prefix}used:{name}",)

    def _in_flight(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(f"{self._prefix}in-flight:{name}" for name in names)
