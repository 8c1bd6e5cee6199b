"""How keys stand: each with its limits, and what is used of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from sluiceway.config.key_settings import KeySettings, StoredKey
from sluiceway.config.values import unix_seconds
from sluiceway.console.deps import Deps
from sluiceway.console.key_types import RULES, Key, KeyRules, KeyUse
from sluiceway.policy.limits import COST_SCALE, SCALE, Meter, limits_of, milliseconds


async def told(deps: Deps, stored: Sequence[StoredKey], configured: Sequence[KeySettings] = ()) -> list[Key]:
    """The keys of the keys file, then those of the configuration file."""
    running = Counter(relay.record.key for relay in deps.gateway.active.values())
    limited = [*(key.settings for key in stored if not key.revoked), *configured]
    used = await deps.used(limited) if deps.used is not None else None
    now = time.time()
    keys = [_stored(key, running, used, now) for key in stored]
    return keys + [_configured(settings, running, used, now) for settings in configured]


def _stored(
    key: StoredKey, running: Counter[str | None], used: Mapping[str, Meter] | None, now: float
) -> Key:
    changes = {"kept_in": "keys file", "created": key.created}
    if key.revoked:  # its name may be another one's by now
        settings = _configured(key.settings, Counter(), None, now)
        return msgspec.structs.replace(settings, state="revoked", revoked=key.revoked, **changes)
    if key.previous is not None and key.previous.until > now:
        changes["previous_until"] = key.previous.until
    return msgspec.structs.replace(_configured(key.settings, running, used, now), **changes)


def _configured(
    settings: KeySettings, running: Counter[str | None], used: Mapping[str, Meter] | None, now: float
) -> Key:
    expired = settings.expires and unix_seconds(settings.expires) <= now
    return Key(
        name=settings.name,
        state="expired" if expired else "active",
        kept_in="configuration",
        in_flight=running[settings.name],
        use=_use(settings, used.get(settings.name) or Meter(), now) if used is not None else None,
        settings=KeyRules(**{name: getattr(settings, name) for name in RULES}),
    )


def _use(settings: KeySettings, meter: Meter, now: float) -> KeyUse | None:
    limits = limits_of(settings)
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
