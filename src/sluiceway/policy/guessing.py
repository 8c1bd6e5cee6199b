"""Guessing of keys is slowed: who tried too many wrong ones waits before the next is looked at.

The keys are long enough that nobody ever guesses one; this keeps those who try from costing anything, and from
filling the logs. It must not lock anybody out: keys that were right from an address go on being so, and a
client that only repeats one wrong key has made one guess.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Iterable

from sluiceway.policy.addresses import network_of

WINDOW_S = 60.0
FIRST_REFUSAL_S = 60.0
LONGEST_REFUSAL_S = 3600.0

# For so long after its last wrong key, a client's next refusal is twice as long as the one before.
REMEMBERED_S = 3600.0

# What is remembered about strangers has to have an end; the oldest is forgotten first.
MAX_GUESSERS = 1024
MAX_CLIENTS = 4096
MAX_KEYS_PER_CLIENT = 64

_network = functools.lru_cache(MAX_CLIENTS)(network_of)


class _Guesser:
    """A client that was wrong: the keys it tried since `since`, how often it was refused, and until when."""

    __slots__ = ("last", "refusals", "refused_until", "since", "tried")

    def __init__(self, now: float) -> None:
        self.since = self.last = now
        self.tried: set[bytes] = set()
        self.refusals = 0
        self.refused_until = 0.0


class Guesses:
    """What clients tried, by their addresses; IPv6 by /64. `now` is any clock in seconds, always the same one."""

    __slots__ = ("_guessers", "_right", "per_minute")

    def __init__(self, per_minute: int) -> None:
        """`per_minute`: wrong keys that a client may try in a minute; 0 is unlimited. May be set anew."""
        self.per_minute = per_minute
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()
        self._right: OrderedDict[str, OrderedDict[bytes, None]] = OrderedDict()

    def refused_for_s(self, address: str, now: float) -> float:
        """How long its keys are not to be looked at, in seconds; 0 if they may be."""
        if not self._guessers or not self.per_minute:
            return 0.0
        guesser = self._guessers.get(_network(address))
        return 0.0 if guesser is None else max(0.0, guesser.refused_until - now)

    def was_right(self, address: str, digest: bytes) -> bool:
        """Whether that key was right from there before."""
        return digest in self._right.get(_network(address), ())

    def right(self, address: str, digest: bytes) -> None:
        """Remember that it was."""
        if not self.per_minute:
            return
        client = _network(address)
        known = self._right.get(client)
        if known is None:
            known = self._right[client] = OrderedDict()
            if len(self._right) > MAX_CLIENTS:
                self._right.popitem(last=False)
        else:
            self._right.move_to_end(client)
        if digest in known:
            known.move_to_end(digest)
            return
        known[digest] = None
        if len(known) > MAX_KEYS_PER_CLIENT:
            known.popitem(last=False)

    def wrong(self, address: str, digests: Iterable[bytes], now: float) -> None:
        """Count keys that were looked at and are not known."""
        if not self.per_minute:
            return
        guesser = self._guesser(_network(address), now)
        guesser.last = now
        if now - guesser.since >= WINDOW_S:
            guesser.since = now
            guesser.tried.clear()
        guesser.tried.update(digests)
        if len(guesser.tried) >= self.per_minute:
            guesser.refused_until = now + min(FIRST_REFUSAL_S * 2**guesser.refusals, LONGEST_REFUSAL_S)
            guesser.refusals += 1
            guesser.tried.clear()

    def _guesser(self, client: str, now: float) -> _Guesser:
        guesser = self._guessers.get(client)
        if guesser is None or now - max(guesser.last, guesser.refused_until) >= REMEMBERED_S:
            guesser = self._guessers[client] = _Guesser(now)
            if len(self._guessers) > MAX_GUESSERS:
                self._guessers.popitem(last=False)
        self._guessers.move_to_end(client)
        return guesser
