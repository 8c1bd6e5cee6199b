"""How keys stand: each with its limits, and what is used of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from sluiceway.config.key_settings import KeySettings, StoredKey
from sluiceway.config.values import unix_seconds
from sluiceway.console.deps import Deps
from sluiceway.console.key_types import RULES, Key, KeyRules, KeyUse
from sluiceway.console.parts import Part, everyone
from sluiceway.policy.limits import COST_SCALE, SCALE, Meter, limits_of, milliseconds


async def told(deps: Deps, stored: Sequence[StoredKey], configured: Sequence[KeySettings] = ()) -> list[Key]:
    """The keys of the keys file, then those of the configuration file."""
    limited = [*(key.settings for key in stored if not key.revoked), *configured]
    asked = KeysAsked([msgspec.structs.replace(key, sha256="") for key in limited], deps.worker)
    all_use = OwnUse({}, {})
    for own in (await everyone(deps, USE, asked)).values():
        all_use = _sum(all_use, own)
    now = time.time()
    keys = [_stored(key, all_use, now) for key in stored]
    return keys + [_configured(settings, all_use, now) for settings in configured]


# ── each process for itself ─────────────────────────────────────────────────────────────────────────


class KeysAsked(msgspec.Struct, frozen=True):
    """What is used of their limits? `by`: the worker that asks."""

    keys: list[KeySettings]
    by: int


class OwnUse(msgspec.Struct, frozen=True):
    """Of one process, or of some: requests in flight, and what is used of limits, by the name of the key."""

    in_flight: dict[str, int]
    use: dict[str, KeyUse]


async def _use_here(deps: Deps, asked: KeysAsked) -> OwnUse:
    running = Counter(relay.record.key for relay in deps.gateway.active.values())
    in_flight = {name: count for name, count in running.items() if name is not None}
    shared = bool(deps.gateway.runtime.settings.state.redis)
    if deps.used is None or (shared and deps.worker != asked.by):  # what is shared is told once
        return OwnUse(in_flight, {})
    used = await deps.used(asked.keys)
    now, parts = time.time(), 1 if shared else deps.workers
    each = {key.name: _use(key, used.get(key.name) or Meter(), now, parts) for key in asked.keys}
    return OwnUse(in_flight, {name: use for name, use in each.items() if use is not None})


USE: Final = Part("keys", KeysAsked, OwnUse, _use_here)

PARTS: Final = (USE,)


def _use(settings: KeySettings, meter: Meter, now: float, parts: int) -> KeyUse | None:
    limits = limits_of(settings, parts=parts)
    if limits is None:
        return None
    meter = msgspec.structs.replace(meter)
    meter.charge(limits, 0, 0, milliseconds(now))  # nothing, but rates fall back and days begin
    return KeyUse(
        requests=round(meter.requests / SCALE, 3),
        tokens=round(meter.tokens / SCALE, 3),
        tokens_today=meter.day_tokens,
        tokens_this_month=meter.month_tokens,
        cost_today=meter.day_cost / COST_SCALE,
        cost_this_month=meter.month_cost / COST_SCALE,
    )


# ── together ────────────────────────────────────────────────────────────────────────────────────────


def _sum(one: OwnUse, other: OwnUse) -> OwnUse:
    in_flight = Counter(one.in_flight) + Counter(other.in_flight)
    use = dict(one.use)
    for name, more in other.use.items():
        use[name] = _add(use[name], more) if name in use else more
    return OwnUse(dict(in_flight), use)


def _add(one: KeyUse, other: KeyUse) -> KeyUse:
    return KeyUse(*(getattr(one, name) + getattr(other, name) for name in KeyUse.__struct_fields__))


def _stored(key: StoredKey, use: OwnUse, now: float) -> Key:
    changes = {"kept_in": "keys file", "created": key.created}
    if key.revoked:  # its name may be another one's by now
        settings = _configured(key.settings, OwnUse({}, {}), now)
        return msgspec.structs.replace(settings, state="revoked", revoked=key.revoked, **changes)
    if key.previous is not None and key.previous.until > now:
        changes["previous_until"] = key.previous.until
    return msgspec.structs.replace(_configured(key.settings, use, now), **changes)


def _configured(settings: KeySettings, use: OwnUse, now: float) -> Key:
    expired = settings.expires and unix_seconds(settings.expires) <= now
    return Key(
        name=settings.name,
        state="expired" if expired else "active",
        kept_in="configuration",
        in_flight=use.in_flight.get(settings.name, 0),
        use=use.use.get(settings.name),
        settings=KeyRules(**{name: getattr(settings, name) for name in RULES}),
    )
