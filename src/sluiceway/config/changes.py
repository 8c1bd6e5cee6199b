"""What two configurations differ in, as an operator reads it: one short text per setting, and never a secret."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec

from sluiceway.config.fields import fields_of
from sluiceway.config.key_settings import KeySettings
from sluiceway.config.kinds import DIALECT_NAMES, OTHER, Secret
from sluiceway.config.observe_settings import StoreSettings, TracingSettings
from sluiceway.config.settings import Settings
from sluiceway.config.stored_keys import StoredKeys
from sluiceway.config.upstream_settings import UpstreamSettings

# Settings that a running process can't take: its port is open, its log's writer runs, its Redis is connected.
RESTART_ONLY = frozenset(
    {
        "server.access_log",
        "server.host",
        "server.port",
        "server.watch_config",
        "server.workers",
        "state.file",
        "state.lease_s",
        "state.on_unreachable",
        "state.prefix",
        "state.redis",
        "state.timeout_s",
        "admin.enabled",
        "capture.keep_bytes",
        "capture.keep_days",
        *(f"store.{name}" for name in StoreSettings.__struct_fields__ if name != "estimate_tokens"),
        *(f"tracing.{name}" for name in TracingSettings.__struct_fields__),
    }
)

# A file of a thousand new keys is one line, not a thousand.
MAX_NAMES = 10

# Not a `Secret`, since it is only a hash, but of no use to a reader.
_HASHES = frozenset({"sha256"})

# Tables that belong to no name: their settings are compared one by one.
_TABLES = (
    "server",
    "stream",
    "queue",
    "routing",
    "failover",
    "health",
    "state",
    "store",
    "capture",
    "inspector",
    "metrics",
    "tracing",
    "admin",
)

_Change = tuple[str, Any, Any]  # the setting's name, its old value, its new one


def changes(
    old: Settings,
    new: Settings,
    old_stored: StoredKeys | None = None,
    new_stored: StoredKeys | None = None,
) -> list[str]:
    """What `new` has otherwise, in the order of the file: `stream.idle_s: 300 -> 120`, `keys: +team-a, -bob`,
    `upstreams.openai.api_keys changed`. Empty if nothing has changed. A secret's value is never in it.

    `old_stored`, `new_stored`: what the keys file holds, None if there is none. Its keys are told beside those
    of `[[keys]]`; one that was revoked is gone.
    """
    lines = [line for table in _TABLES for line in _table(table, getattr(old, table), getattr(new, table))]
    lines += _upstreams(old, new)
    lines += _named("models", old.models, new.models, lambda rule: str(rule.name), ordered=True)
    lines += _named("prices", old.prices, new.prices, _price_name, ordered=True)
    lines += _named("keys", _keys(old, old_stored), _keys(new, new_stored), lambda key: str(key.name))
    needed, need = (
        bool(one.keys) or stored is not None for one, stored in ((old, old_stored), (new, new_stored))
    )
    if needed != need:
        lines.append(f"keys: clients {'now need one' if need else 'need none any more'}")
    return lines


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """The settings of `new` that only a restart applies, as key paths: `["server.port"]`."""
    return [
        f"{table}.{name}"
        for table in _TABLES
        for name, _, _ in _differences(getattr(old, table), getattr(new, table))
        if f"{table}.{name}" in RESTART_ONLY
    ]


# ── values ──────────────────────────────────────────────────────────────────────────────────────────


def _differences(old: msgspec.Struct, new: msgspec.Struct) -> list[_Change]:
    return [
        (name, getattr(old, name), getattr(new, name))
        for name in new.__struct_fields__
        if getattr(old, name) != getattr(new, name)
    ]


def _table(path: str, old: msgspec.Struct, new: msgspec.Struct, *, without: Iterable[str] = ()) -> list[str]:
    secret = _secrets(type(new))
    return [
        _line(f"{path}.{name}", before, after, secret=name in secret)
        for name, before, after in _differences(old, new)
        if name not in without
    ]


def _line(path: str, old: object, new: object, *, secret: bool) -> str:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        altered = [name for name in new if name in old and old[name] != new[name]]
        return f"{path}: " + _listed(
            _gone_and_come(list(old), list(new)) + [f"{one} changed" for one in altered]
        )
    if secret:
        return f"{path} changed"
    return f"{path}: {_shown(old)} -> {_shown(new)}"


@functools.cache
def _secrets(struct: type[msgspec.Struct]) -> frozenset[str]:
    """The fields whose values are not to be shown: by their type, so that a new one can't be forgotten."""
    return frozenset(name for name, field in fields_of(struct).items() if _holds_secret(field.hint)) | _HASHES


def _holds_secret(hint: Any) -> bool:
    return hint is Secret or any(_holds_secret(part) for part in get_args(hint))


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case str():
            return _without_user(value) if value else '""'
        case tuple() | list():
            return ", ".join(map(_shown, value)) or "none"
        case _:
            return str(value)


def _without_user(text: str) -> str:
    """A URL may hold a name and a password before the host."""
    if "://" not in text or "@" not in text:
        return text
    url = urlsplit(text)
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()


def _gone_and_come(old: Sequence[str], new: Sequence[str]) -> list[str]:
    come, gone = (
        [name for name in new if name not in set(old)],
        [name for name in old if name not in set(new)],
    )
    return [f"+{name}" for name in come] + [f"-{name}" for name in gone]


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


# ── tables with names ───────────────────────────────────────────────────────────────────────────────


def _named(
    path: str,
    old: Sequence[Any],
    new: Sequence[Any],
    name_of: Callable[[Any], str],
    *,
    ordered: bool = False,
    compare: Callable[[str, Any, Any], list[str]] | None = None,
) -> list[str]:
    """Who came and went, then what changed in those that stayed. `ordered`: their order means something."""
    before, after = _by_name(old, name_of), _by_name(new, name_of)
    moved = _gone_and_come(list(before), list(after))
    lines = [f"{path}: {_listed(moved)}"] if moved else []
    stayed = [name for name in after if name in before]
    if ordered and stayed != [name for name in before if name in after]:
        lines.append(f"{path}: now in the order {_listed(list(after))}")
    for name in stayed:
        lines += (compare or _table)(f"{path}.{name}", before[name], after[name])
    return lines


def _by_name(tables: Sequence[Any], name_of: Callable[[Any], str]) -> dict[str, Any]:
    """A rule for a model may stand twice; the second one is `name#2`."""
    seen: Counter[str] = Counter()
    named = {}
    for table in tables:
        name = name_of(table)
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name}#{seen[name]}"] = table
    return named


def _keys(settings: Settings, stored: StoredKeys | None) -> list[KeySettings]:
    return [*settings.keys, *(key.settings for key in stored or () if not key.revoked)]


def _price_name(price: Any) -> str:
    return f"{price.model}@{price.upstream}" if price.upstream else str(price.model)


# ── upstreams ───────────────────────────────────────────────────────────────────────────────────────


def _upstreams(old: Settings, new: Settings) -> list[str]:
    """Their `stream` and `health` are resolved, so that a change of `[stream]` shows in each of them: it is
    told once, where it was made.
    """
    inherited_stream = _differences(old.stream, new.stream)
    inherited_health = _differences(old.health, new.health)
    by_dialect: dict[str, None] = {}  # `[stream.DIALECT]` shows in every upstream too

    def compare(path: str, before: UpstreamSettings, after: UpstreamSettings) -> list[str]:
        lines = _table(path, before, after, without=("health", "stream"))
        for name, was, now in _differences(before.health, after.health):
            if (name, was, now) not in inherited_health:
                lines.append(_line(f"{path}.health.{name}", was, now, secret=False))
        own: set[str] = set()
        for dialect, (name, was, now) in _stream_differences(before, after):
            if (name, was, now) in inherited_stream or name in own:
                continue
            if dialect == OTHER:
                own.add(name)
                lines.append(_line(f"{path}.stream.{name}", was, now, secret=False))
            else:
                by_dialect[_line(f"stream.{dialect}.{name}", was, now, secret=False)] = None
        return lines

    lines = _named(
        "upstreams", old.upstreams, new.upstreams, lambda one: str(one.name), ordered=True, compare=compare
    )
    return [*by_dialect, *lines]


def _stream_differences(before: UpstreamSettings, after: UpstreamSettings) -> Iterator[tuple[str, _Change]]:
    """`OTHER` first: only `[stream]` and `[upstreams.stream]` reach it, which tells theirs from a dialect's."""
    for dialect in (OTHER, *DIALECT_NAMES):
        for change in _differences(before.stream[dialect], after.stream[dialect]):
            yield dialect, change
