"""The state of several processes, on one machine or many, in Redis.

Requests ask (`take`, `lease`) and wait for the answer; what they give back or have cost is only noted, and
sent along with whatever is asked next, or a moment later. A single task talks to Redis, a batch at a time
(see `state.link`).

Places are held in the name of this process, for `lease_s`. Every third of that it writes anew how many it
holds in truth, so whatever was lost on the way mends itself, and what a killed process held is free after
`lease_s`.

When Redis is away, this process counts for itself, or refuses what has limits, as `state.on_unreachable` says.
Requests do not wait for it then; the task tries again every second, and first writes what it holds.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.server_settings import StateSettings
from sluiceway.errors import StateUnavailable
from sluiceway.policy.limits import Limits, Meter, billionths, rate_headers, refusal
from sluiceway.state.base import KnownLimits, Scope
from sluiceway.state.calls import Calls
from sluiceway.state.link import Call, Link, LinkDown
from sluiceway.state.memory import MemoryState
from sluiceway.wire.http import Headers

log = logging.getLogger("sluiceway.state")

# How long what nobody waits for may wait for company: charges, and places given back.
FLUSH_S: Final = 0.02
# How often Redis is tried while it is away.
RETRY_S: Final = 1.0
# So many calls are sent at once; a larger batch would hold up those behind it.
MAX_BATCH: Final = 256


class _Ask:
    """A call that a request waits for. `places`: the scopes in which it takes a place, if it is a lease."""

    __slots__ = ("answer", "call", "places")

    def __init__(self, call: Call, answer: asyncio.Future[Any], places: tuple[str, ...] = ()) -> None:
        self.call = call
        self.answer = answer
        self.places = places


class _Charge:
    """What a key's answers have cost since it was last written."""

    __slots__ = ("cost", "limits", "tokens")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.tokens = 0
        self.cost = 0


class _Batch:
    """What is sent at once: `calls`, then those of `asks`. The rest is what has to be undone if it fails."""

    __slots__ = ("asks", "calls", "charges", "renews")

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.charges: dict[str, _Charge] = {}
        self.asks: list[_Ask] = []
        self.renews = False


class SharedState:
    """See `state.base.State`, and the module."""

    shared: Final = True

    def __init__(self, settings: StateSettings) -> None:
        self._link = Link(str(settings.redis), settings.timeout_s)
        self._calls = Calls(settings.prefix, secrets.token_hex(8), settings.lease_s)
        self._lease_s = settings.lease_s
        self._open = settings.on_unreachable == "open"
        self._limits = KnownLimits()
        self._alone = MemoryState()  # counts for this process alone while Redis is away
        self._away = False
        self._held: dict[str, int] = {}  # places of this process by scope; 0 until that has been written
        self._freed: dict[str, int] = {}  # places given back since the last batch
        self._charges: dict[str, _Charge] = {}
        self._asks: list[_Ask] = []
        self._renewal_due = False
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None  # for the next renewal or, if away, the next try
        self._flush: asyncio.TimerHandle | None = None
        self._worker: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        self._renewal_due = True
        await self._exchange()
        self._worker = asyncio.create_task(self._work(), name="shared-state")

    async def close(self) -> None:
        self._closing = True
        self._wake.set()
        if self._worker is not None:
            await self._worker
        for timer in (self._timer, self._flush):
            if timer is not None:
                timer.cancel()
        self._fail_asks(LinkDown("the gateway is shutting down"))
        await self._link.close()

    async def take(self, key: KeySettings, now: float) -> Headers:
        limits = self._limits.of(key)
        if limits is None:
            return []
        try:
            answer = await self._ask(self._calls.take(key.name, limits))
        except LinkDown:
            self._demand_open()
            return await self._alone.take(key, now)
        granted, *used = answer
        meter = Meter(*used)
        if not granted:
            raise refusal(limits, meter)
        return rate_headers(limits, meter)

    def charge(self, key: KeySettings, tokens: int, cost: float, now: float) -> None:
        limits = self._limits.of(key)
        if limits is None:
            return
        # Alone, too: should Redis go away, this process knows at least what went through itself.
        self._alone.charge(key, tokens, cost, now)
        self._note_charge(key.name, limits, tokens, billionths(cost))
        self._flush_soon()

    async def used(self, keys: Sequence[KeySettings]) -> Mapping[str, Meter]:
        asked = [self._ask(self._calls.used(key.name)) for key in keys]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return {
            key.name: Meter(*map(int, answer))
            for key, answer in zip(keys, answers, strict=True)
            if not isinstance(answer, BaseException) and answer
        }

    async def lease(self, scopes: Sequence[Scope]) -> str | None:
        if not scopes:
            return None
        places = tuple(name for name, _ in scopes)
        try:
            full = await self._ask(self._calls.lease(scopes), places)
        except LinkDown:
            self._demand_open()
            self._hold(places)
            return None
        return None if full == 0 else places[full - 1]

    def release(self, scopes: Sequence[Scope]) -> None:
        for name, _ in scopes:
            self._give_back(name)
        if scopes:
            self._flush_soon()

    # ── what requests wait for ──────────────────────────────────────────────────────────────────────

    async def _ask(self, call: Call, places: tuple[str, ...] = ()) -> Any:
        """The answer of a call that goes with the next batch. Raises `LinkDown`."""
        if self._away or self._closing:
            raise LinkDown("Redis is away")
        ask = _Ask(call, asyncio.get_running_loop().create_future(), places)
        self._asks.append(ask)
        self._wake.set()
        try:
            return await ask.answer
        except asyncio.CancelledError:
            # Cancelled between the answer and its reader: nobody else knows of these places.
            answer = ask.answer
            if places and not answer.cancelled() and answer.done() and answer.exception() is None:
                self._undo(ask, answer.result())
            raise

    def _demand_open(self) -> None:
        if not self._open:
            raise StateUnavailable(
                "the limits that apply to this request can't be checked just now", retry_after_s=RETRY_S
            )

    def _hold(self, places: tuple[str, ...]) -> None:
        for name in places:
            self._held[name] = self._held.get(name, 0) + 1

    def _undo(self, ask: _Ask, answer: Any) -> None:
        """Give back what a request got that is no longer there."""
        if ask.places and answer == 0:
            for name in ask.places:
                self._give_back(name)
            self._flush_soon()

    # ── what is noted, and sent in time ─────────────────────────────────────────────────────────────

    def _give_back(self, name: str) -> None:
        held = self._held.get(name, 0)
        if held:
            self._held[name] = held - 1
            self._freed[name] = self._freed.get(name, 0) + 1

    def _note_charge(self, name: str, limits: Limits, tokens: int, cost: int) -> None:
        noted = self._charges.get(name)
        if noted is None:
            noted = self._charges[name] = _Charge(limits)
        noted.limits = limits
        noted.tokens += tokens
        noted.cost += cost

    def _flush_soon(self) -> None:
        if self._flush is None and not self._away:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_S, self._wake.set)

    # ── the one task that talks to Redis ────────────────────────────────────────────────────────────

    async def _work(self) -> None:
        while not self._closing:
            await self._wake.wait()
            await self._exchange()
        if not self._away:
            self._held = dict.fromkeys(self._held, 0)
            self._renewal_due = True
            await self._exchange()

    async def _exchange(self) -> None:
        """Send what there is to send, once, and deal with the outcome."""
        self._wake.clear()
        batch = self._next_batch()
        if not (batch.calls or batch.asks):
            return
        try:
            answers = await self._link.run([*batch.calls, *(ask.call for ask in batch.asks)])
        except LinkDown as error:
            self._failed(batch, error)
        else:
            self._succeeded(batch, answers[len(batch.calls) :])

    def _next_batch(self) -> _Batch:
        batch = _Batch()
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._renewal_due:
            batch.renews = True
            batch.calls.append(self._calls.renew(self._held))
            self._renewal_due = False
        elif self._freed:
            batch.calls.append(self._calls.release(self._freed))
        self._freed = {}  # a renewal says how many are left
        if self._away:
            # Only what may happen twice is tried: a server that hangs runs it all when it goes on.
            return batch
        while self._charges and len(batch.charges) < MAX_BATCH:
            name, charge = self._charges.popitem()
            batch.charges[name] = charge
            batch.calls.append(self._calls.charge(name, charge.limits, charge.tokens, charge.cost))
        asks = [ask for ask in self._asks if not ask.answer.done()]  # those who left want no answer
        batch.asks, self._asks = asks[:MAX_BATCH], asks[MAX_BATCH:]
        if self._asks or self._charges:
            self._wake.set()
        return batch

    def _succeeded(self, batch: _Batch, answers: Sequence[Any]) -> None:
        for ask, answer in zip(batch.asks, answers, strict=True):
            if answer == 0:
                self._hold(ask.places)
            if ask.answer.done():
                self._undo(ask, answer)
            else:
                ask.answer.set_result(answer)
        if batch.renews:
            self._held = {name: held for name, held in self._held.items() if held}
            self._renew_in(self._lease_s / 3)
        if self._away:
            self._away = False
            self._wake.set()  # for what was noted meanwhile
            log.info("Redis is back; limits are shared again")

    def _failed(self, batch: _Batch, error: LinkDown) -> None:
        for name, charge in batch.charges.items():
            # It may have been written all the same; counted twice is better than not at all.
            self._note_charge(name, charge.limits, charge.tokens, charge.cost)
        if error.stale:
            # A server that was restarted, or that closed a connection for being idle, is not away: ask again,
            # once, for the next connection will not be stale.
            self._asks[:0] = batch.asks
            self._renewal_due = True
            self._wake.set()
            return
        if not self._away:
            self._away = True
            kept = "this process counts for itself" if self._open else "requests that have limits get 503"
            log.warning("Redis is away; until it is back, %s", kept, extra={"reason": str(error)})
        self._asks[:0] = batch.asks
        self._fail_asks(error)
        self._renew_in(RETRY_S)

    def _fail_asks(self, error: LinkDown) -> None:
        asks, self._asks = self._asks, []
        for ask in asks:
            if not ask.answer.done():
                ask.answer.set_exception(LinkDown(str(error)))

    def _renew_in(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._renew)

    def _renew(self) -> None:
        self._renewal_due = True
        self._wake.set()
