"""Which upstream is asked next, and with which of its keys. Pure: the clock and chance are passed in.

`choose` goes by three things, in this order:

1. What this request has met so far. A key that was refused or limited is followed by the next key of the same
   upstream, since the upstream is well; any other failure by an upstream that was not asked yet; then by other
   keys of those that failed; and then by what was asked already (`Pick.again`), for which the caller waits.
2. Whether it speaks the client's dialect.
3. `select`, or the conversation's affinity.

Who can't take the request now does not take part: drained by an operator, left alone by its breaker, full, all
keys at rest. If nobody is left, then the one that would be back soonest is asked anyway where only the
gateway's own caution is in the way, and otherwise the answer is until when to wait (`Blocked`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from sluiceway.config.upstream_settings import FailureName, SelectName, UpstreamSettings
from sluiceway.policy.cooldown import KeyRing
from sluiceway.policy.failure import counts_against_health
from sluiceway.policy.upstream_state import FAILED_AS_S, UpstreamState

NEVER: Final = math.inf

EXPLORED: Final = 0.05
"""The part of requests that `fastest` sends to any of them, by chance, so that one that was slow is measured
again. With two candidates each so gets at least one request in forty."""

TRIAL_RETRY_S: Final = 1.0
"""When to look again while another request tries an upstream: nobody knows how long that takes."""

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15

Tried = Mapping[tuple[str, int | None], FailureName]
"""What failed in this request so far: by upstream's name and number of its key, and how."""

_NOTHING_TRIED: Final[Tried] = {}

# Lower is better. Within one, all are equals.
_NEXT_KEY, _NATIVE, _TRANSLATED, _OTHER_KEY, _AGAIN, _AGAIN_TRANSLATED, _NEVER = range(7)


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An upstream that a rule names. `weight`: as the rule has it, or else the upstream. `native`: it speaks
    the client's dialect."""

    settings: UpstreamSettings
    state: UpstreamState
    weight: float = 1.0
    native: bool = True


class Blocked(msgspec.Struct, frozen=True):
    """Nobody can take the request now.

    until: when that may change of itself; infinite if only a release helps. why: `full`, some have as many
    requests as they may; `cooling`, all their keys rest, or were refused in this very request; `drained`, an
    operator wants none of them used.
    """

    until: float
    why: Literal["full", "cooling", "drained"]


class Pick:
    """The upstream and key for one attempt.

    settings, state: the upstream's. key_index: which of `settings.api_keys`; None if it has none. again: this
    pair failed already in this request, so wait before. panic: its breaker would leave it alone, but there is
    no other.

    `take` at once, before anything else is chosen; `release` when the attempt is over, however it ended; and
    between them `succeeded` or `failed`, unless it ended without telling anything about the upstream: the client
    left, or another attempt was quicker.
    """

    __slots__ = ("_measured", "_ring", "_taken", "_trial", "again", "key_index", "panic", "settings", "state")

    def __init__(
        self, candidate: Candidate, ring: KeyRing | None, key_index: int | None, again: bool, panic: bool
    ) -> None:
        self.settings = candidate.settings
        self.state = candidate.state
        self.key_index = key_index
        self.again = again
        self.panic = panic
        self._ring = ring  # that of the choice: after a reload another key may have this number
        self._taken = False
        self._measured = False
        self._trial = 0

    @property
    def is_trial(self) -> bool:
        """This attempt decides whether the upstream is well again."""
        return self._trial > 0

    def take(self) -> None:
        """Count it in; and let it be the trial, if its upstream needs one."""
        state = self.state
        state.in_flight += 1
        self._taken = True
        if not state.breaker.closed:
            self._trial = state.breaker.trial()

    def release(self) -> None:
        """Count it out. A trial without a result is given back. Once; further calls do nothing."""
        if self._taken:
            self._taken = False
            self.state.in_flight -= 1
            if self._trial:
                self.state.breaker.give_back(self._trial)
                self._trial = 0

    def began(self, first_event_s: float, now: float) -> None:
        """The first real event came, so long after the attempt began.

        May be left out, since `succeeded` says the same in the end. But a trial is decided by it: an answer may
        go on for minutes, and nobody should be kept waiting for so long. What breaks later counts as ever.
        """
        self.state.measured(first_event_s, now)
        self._measured = True
        if self._trial:
            self.state.breaker.succeeded(now, self._trial)
            self._trial = 0

    def succeeded(self, first_event_s: float | None, now: float) -> None:
        """The upstream did its part. Also where it refused what the client asked, which takes a well upstream.

        `first_event_s`: None if that says nothing of its speed, or `began` was told already.
        """
        if first_event_s is not None and not self._measured:
            self.state.measured(first_event_s, now)
        self.state.breaker.succeeded(now, self._trial)
        self._trial = 0

    def failed(
        self,
        kind: FailureName,
        now: float,
        *,
        status: int | None = None,
        model: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """The upstream failed so, before its first event or after.

        A refused or limited key rests, by the `status` it got (as a number, HTTP's or that of an error event)
        and, if it was limited, for `model` and `retry_after_s`. Anything else counts against its health.
        """
        state = self.state
        if counts_against_health(kind):
            state.breaker.failed(now, self._trial)
            self._trial = 0
            if not self._measured:
                state.measured(FAILED_AS_S, now)
        elif self._ring is not None and self.key_index is not None:
            status = status or (429 if kind == "429" else 401)
            self._ring.cool(self.key_index, status, retry_after_s, model, now, state.health)


def choose(
    candidates: Sequence[Candidate],
    *,
    how: SelectName,
    now: float,
    random: Callable[[], float],
    model: str | None,
    affinity: int | None = None,
    tried: Tried = _NOTHING_TRIED,
) -> Pick | Blocked:
    """The upstream and key that are asked next.

    `candidates`: in the rule's order; not empty. `model`: as the upstreams call it, for keys that rest for one
    model. `affinity`: see `affinity.Affinity.of`. It decides the key, and the upstream, too, unless `how` is
    `order`, which says that the first one that can take it is wanted.
    """
    best, able = _NEVER, []
    for candidate in candidates:
        state = candidate.state
        if state.drained or state.in_flight >= state.limit:
            continue
        if not state.breaker.closed and not state.breaker.available(now):
            continue
        ring = state.ring
        if ring is not None and now < ring.rests_until and not _free_keys(candidate, now, model):
            continue
        if tried:
            rank = _rank(candidate, _free_keys(candidate, now, model), tried)
        else:
            rank = _NATIVE if candidate.native else _TRANSLATED
        if rank < best:
            best, able = rank, [candidate]
        elif rank == best < _NEVER:
            able.append(candidate)
    if not able:
        return _without_choice(candidates, now, model, affinity, tried)
    chosen = able[0]
    if len(able) > 1:
        chosen = _among(able, how, random, affinity)
    return _pick(chosen, now, model, affinity, tried, again=best >= _AGAIN)


# ── among equals ────────────────────────────────────────────────────────────────────────────────────


def _among(
    able: list[Candidate], how: SelectName, random: Callable[[], float], affinity: int | None
) -> Candidate:
    if how == "order":
        return able[0]
    if affinity is not None:
        number = affinity
        return max(able, key=lambda candidate: _score(number, candidate))
    if how == "least_in_flight":
        loads = [(candidate.state.in_flight + 1) / candidate.weight for candidate in able]
        least = min(loads)
        able = [candidate for candidate, load in zip(able, loads, strict=True) if load == least]
    elif how == "fastest" and random() >= EXPLORED:
        return min(able, key=_slowness)
    return _by_weight(able, random)


def _by_weight(able: list[Candidate], random: Callable[[], float]) -> Candidate:
    at = random() * sum(candidate.weight for candidate in able)
    for candidate in able:
        at -= candidate.weight
        if at < 0:
            return candidate
    return able[-1]  # rounding


def _slowness(candidate: Candidate) -> tuple[float, float]:
    """One that was never measured comes first, since it may be the fastest; but only one request at a time finds
    out, unless there is nobody else."""
    state = candidate.state
    first_event_s = state.first_event_s
    if first_event_s is None:
        first_event_s = NEVER if state.in_flight else 0.0
    return first_event_s, state.in_flight / candidate.weight


def _score(affinity: int, candidate: Candidate) -> float:
    """Weighted rendezvous hashing: the candidate with the most has the conversation.

    Each one's score depends on itself alone, so one that comes or goes moves only the conversations that it
    gets or had. Source: Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005.
    """
    part = (_mixed(affinity ^ candidate.state.seed) + 1) / (_MASK + 2)  # above 0, below 1
    return candidate.weight / -math.log(part) if part < 1.0 else NEVER


def _mixed(number: int) -> int:
    """64 bits that all depend on all of the number's: the finalizer of SplitMix64 (Steele et al., 2014)."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────


def _pick(
    candidate: Candidate,
    now: float,
    model: str | None,
    affinity: int | None,
    tried: Tried,
    *,
    again: bool = False,
    panic: bool = False,
) -> Pick:
    """With the key whose turn it is, or that the conversation had before; one that was not tried, if any."""
    if not candidate.settings.api_keys:
        return Pick(candidate, None, None, again, panic)
    ring = candidate.state.ring_of(candidate.settings)
    if ring is not None and affinity is None and not tried:
        return Pick(candidate, ring, ring.next(now, model), again, panic)
    free = _free_keys(candidate, now, model)
    left = [key for key in free if (candidate.settings.name, key) not in tried]
    usable = left or _worth_asking(candidate, free, tried)
    key = usable[0]
    if affinity is not None:
        number = affinity ^ candidate.state.seed
        key = max(usable, key=lambda key: _mixed(number + _GOLDEN * ((key or 0) + 1)))
    if ring is not None and key is not None:
        ring.took(key)
    return Pick(candidate, ring, key, again, panic)


def _free_keys(candidate: Candidate, now: float, model: str | None) -> Sequence[int | None]:
    """The keys that do not rest, in turn; None stands for an upstream without keys."""
    settings = candidate.settings
    if not settings.api_keys:
        return (None,)
    ring = candidate.state.ring_of(settings)
    return ring.free(now, model) if ring is not None else range(len(settings.api_keys))


def _worth_asking(candidate: Candidate, keys: Iterable[int | None], tried: Tried) -> list[int | None]:
    """Without those that were refused in this request: they would be refused again."""
    name = candidate.settings.name
    return [key for key in keys if tried.get((name, key)) != "key"]


def _rank(candidate: Candidate, keys: Sequence[int | None], tried: Tried) -> int:
    """How much a candidate is to be preferred, after what was tried. `keys`: that could be used."""
    name = candidate.settings.name
    kinds = [kind for (upstream, _), kind in tried.items() if upstream == name]
    left = sum((name, key) not in tried for key in keys)
    if not kinds and left:
        return _NATIVE if candidate.native else _TRANSLATED
    if left:
        return _OTHER_KEY if any(map(counts_against_health, kinds)) else _NEXT_KEY
    if not _worth_asking(candidate, keys, tried):
        return _NEVER
    return _AGAIN if candidate.native else _AGAIN_TRANSLATED


# ── nobody can ──────────────────────────────────────────────────────────────────────────────────────


def _without_choice(
    candidates: Sequence[Candidate], now: float, model: str | None, affinity: int | None, tried: Tried
) -> Pick | Blocked:
    """Who is well and only busy is waited for. Otherwise no caution leaves a request without anybody."""
    standing = [candidate for candidate in candidates if not candidate.state.drained]
    if not standing:
        return Blocked(NEVER, "drained")
    reasons = [(candidate, _busy(candidate, now, model)) for candidate in standing]
    reasons_to_wait = {why for candidate, why in reasons if candidate.state.breaker.available(now)} - {None}
    if not reasons_to_wait:
        at_hand = [candidate for candidate, why in reasons if why is None]
        pick = _panic(at_hand, now, model, affinity, tried) or _refused(at_hand, now, tried)
        if pick is not None:
            return pick
        reasons_to_wait = {why for _, why in reasons}
    until = min(_ready_at(candidate, now, model) for candidate in standing)
    return Blocked(until, "full" if "full" in reasons_to_wait else "cooling")


def _busy(candidate: Candidate, now: float, model: str | None) -> Literal["full", "cooling"] | None:
    """What nobody may override: a limit of requests in flight, or a provider that asks for time."""
    state = candidate.state
    if state.in_flight >= state.limit:
        return "full"
    ring = state.ring_of(candidate.settings)
    if ring is not None and not ring.refused(now) and not ring.free(now, model):
        return "cooling"
    return None


def _panic(
    at_hand: list[Candidate], now: float, model: str | None, affinity: int | None, tried: Tried
) -> Pick | None:
    """The one whose breaker would let it be asked soonest; none where the keys are what is wrong."""
    ranked = [
        (_rank(candidate, _free_keys(candidate, now, model), tried), candidate) for candidate in at_hand
    ]
    rank, chosen = min(
        ranked, key=lambda entry: (entry[0], entry[1].state.breaker.open_until), default=(_NEVER, None)
    )
    if chosen is None or rank == _NEVER:
        return None
    return _pick(chosen, now, model, affinity, tried, again=rank >= _AGAIN, panic=True)


def _refused(at_hand: list[Candidate], now: float, tried: Tried) -> Pick | None:
    """The refused key that rests the shortest, so that the client sees the upstream's own words; but not one that
    was refused in this very request, as those words are known."""
    keys = [
        (ring.refused_until(key), key, candidate)
        for candidate in at_hand
        if (ring := candidate.state.ring_of(candidate.settings)) is not None and ring.refused(now)
        for key in range(ring.count)
        if (candidate.settings.name, key) not in tried
    ]
    if not keys:
        return None
    _, key, chosen = min(keys, key=lambda entry: entry[:2])
    panic = not chosen.state.breaker.available(now)
    return Pick(chosen, chosen.state.ring, key, again=False, panic=panic)


def _ready_at(candidate: Candidate, now: float, model: str | None) -> float:
    """When it may take the request without anybody's doing; never if only a release helps."""
    state, ring = candidate.state, candidate.state.ring_of(candidate.settings)
    if state.in_flight >= state.limit:
        return NEVER
    at = 0.0 if state.breaker.closed else state.breaker.open_until
    if ring is not None:
        at = max(at, ring.until(now, model))
    if not state.breaker.available(now):
        at = max(at, now + TRIAL_RETRY_S)
    return at if at > now else NEVER
