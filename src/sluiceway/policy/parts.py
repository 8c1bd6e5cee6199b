"""What one of several processes may use of each limit, where they know nothing of one another."""

from __future__ import annotations

import msgspec

from sluiceway.config.key_settings import KeySettings, StoredKeys
from sluiceway.config.settings import Settings
from sluiceway.policy.limits import limits_of


def divided(settings: Settings, stored: StoredKeys | None, parts: int) -> tuple[Settings, StoredKeys | None]:
    """The same configuration with one part of its limits on requests in flight.

    Rounded down, so that together they stay within the limit, but never to 0, which would be unlimited. What
    keys may use up is divided by `policy.limits`, where it is counted.
    """
    if parts == 1 or settings.state.redis:
        return settings, stored
    replace = msgspec.structs.replace
    server = settings.server
    settings = replace(
        settings,
        server=replace(server, max_in_flight=_part(server.max_in_flight, parts)),
        upstreams=tuple(
            replace(upstream, max_in_flight=_part(upstream.max_in_flight, parts))
            for upstream in settings.upstreams
        ),
        keys=tuple(_divided_key(key, parts) for key in settings.keys),
    )
    if stored is not None:
        stored = tuple(replace(key, settings=_divided_key(key.settings, parts)) for key in stored)
    return settings, stored


def has_limits(settings: Settings, stored: StoredKeys | None) -> bool:
    """Whether anything is counted that all processes would have to know."""
    keys = [*settings.keys, *(key.settings for key in stored or ())]
    return (
        settings.server.max_in_flight > 0
        or any(upstream.max_in_flight for upstream in settings.upstreams)
        or any(key.max_in_flight or limits_of(key) is not None for key in keys)
    )


def _divided_key(key: KeySettings, parts: int) -> KeySettings:
    return msgspec.structs.replace(key, max_in_flight=_part(key.max_in_flight, parts))


def _part(limit: int, parts: int) -> int:
    return max(1, limit // parts) if limit else 0
