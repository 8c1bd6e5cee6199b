"""Each table of a configuration, from what was written to its settings: what it means, and how tables hang
together.

Every function takes a `Reader`, which notes the problems, and a table as `tomllib` gave it. A table with a
problem gives settings that are not for use; the caller looks at `reader.problems` before it uses any.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from sluiceway.config import values
from sluiceway.config.environment import Environment, find_upstreams
from sluiceway.config.fields import describe_value
from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.kinds import DIALECT_NAMES, Secret
from sluiceway.config.observe_settings import (
    AdminSettings,
    CaptureSettings,
    InspectorSettings,
    MetricsSettings,
    StoreSettings,
    TracingSettings,
)
from sluiceway.config.problems import suggest
from sluiceway.config.reader import Reader
from sluiceway.config.server_settings import FailoverSettings, QueueSettings, ServerSettings, StateSettings
from sluiceway.config.stream_settings import StreamSettings, resolve_streams
from sluiceway.config.upstream_settings import HealthSettings, ModelRule, RoutingSettings, UpstreamSettings

# Tables by their header, to tell where a key that stands in the wrong one belongs.
OWNERS: dict[str, type[msgspec.Struct]] = {
    "[server]": ServerSettings,
    "[stream]": StreamSettings,
    "[queue]": QueueSettings,
    "[routing]": RoutingSettings,
    "[failover]": FailoverSettings,
    "[health]": HealthSettings,
    "[state]": StateSettings,
    "[store]": StoreSettings,
    "[capture]": CaptureSettings,
    "[inspector]": InspectorSettings,
    "[metrics]": MetricsSettings,
    "[tracing]": TracingSettings,
    "[admin]": AdminSettings,
    "[[upstreams]]": UpstreamSettings,
    "[[models]]": ModelRule,
    "[[prices]]": PriceSettings,
    "[[keys]]": KeySettings,
}


# Weights are compared and added up; past this, floats are no longer told apart well enough.
MAX_WEIGHT = 1e9


class Streams(msgspec.Struct, frozen=True):
    """`[stream]` and what its tables by dialect override."""

    base: StreamSettings
    by_dialect: dict[str, dict[str, Any]]


# ── one table each ──────────────────────────────────────────────────────────────────────────────────


def server(
    reader: Reader, raw: object, options: Mapping[str, Any], folder: Path | None, *, has_keys: bool
) -> ServerSettings:
    """`[server]`. `options` win over it. `has_keys`: there are `[[keys]]`; a keys file that exists is as good."""
    given = reader.settings(ServerSettings, {**raw, **options} if isinstance(raw, dict) else raw, "server")
    reader.parse(given, "host", "server", values.host)
    reader.parse(given, "cors_origins", "server", values.cors_origin)
    reader.parse(given, "trusted_proxies", "server", values.network)
    given["keys_file"] = _keys_file(given, folder)
    read = ServerSettings(**given)
    is_safe = values.is_loopback(read.host) or read.allow_anonymous
    if not (is_safe or has_keys or (read.keys_file and Path(read.keys_file).exists())):
        reader.problem(
            "server.host",
            f"{read.host} can be reached from other machines, but clients need no key",
            "make a key (sluiceway keys new NAME), or set server.allow_anonymous = true",
        )
    return read


def keys_file(reader: Reader, raw: object, folder: Path | None) -> str:
    """`server.keys_file` alone; whatever else the table holds."""
    given = {"keys_file": raw["keys_file"]} if isinstance(raw, dict) and "keys_file" in raw else {}
    return _keys_file(reader.settings(ServerSettings, given, "server"), folder)


def streams(reader: Reader, raw: object) -> Streams:
    """`[stream]`."""
    given = reader.settings(StreamSettings, raw, "stream", also=DIALECT_NAMES)
    by_dialect: dict[str, dict[str, Any]] = {
        name: reader.settings(StreamSettings, given.pop(name), f"stream.{name}")
        for name in DIALECT_NAMES
        if name in given
    }
    return Streams(StreamSettings(**given), by_dialect)


def queue(reader: Reader, raw: object) -> QueueSettings:
    """`[queue]`."""
    return QueueSettings(**reader.settings(QueueSettings, raw, "queue"))


def routing(reader: Reader, raw: object) -> RoutingSettings:
    """`[routing]`."""
    given = reader.settings(RoutingSettings, raw, "routing")
    reader.parse(given, "affinity", "routing", values.affinity)
    return RoutingSettings(**given)


def failover(reader: Reader, raw: object) -> FailoverSettings:
    """`[failover]`."""
    return FailoverSettings(**reader.settings(FailoverSettings, raw, "failover"))


def health(reader: Reader, raw: object) -> HealthSettings:
    """`[health]`."""
    return HealthSettings(**_health(reader, raw, "health"))


def state(reader: Reader, raw: object, env: Environment, folder: Path | None) -> StateSettings:
    """`[state]`."""
    given = reader.settings(StateSettings, raw, "state")
    reader.parse(given, "redis", "state", lambda url: values.secret(url, env, values.redis))
    given["file"] = _path(given.get("file"), StateSettings().file, folder)
    return StateSettings(**given)


def store(reader: Reader, raw: object, env: Environment, folder: Path | None) -> StoreSettings:
    """`[store]`."""
    given = reader.settings(StoreSettings, raw, "store")
    reader.parse(given, "url", "store", lambda url: values.secret(url, env, values.database))
    if folder is None:
        given.setdefault("url", Secret(""))
    else:
        given["url"] = _database(folder, given.get("url", StoreSettings().url))
    given["spill_folder"] = _path(given.get("spill_folder"), StoreSettings().spill_folder, folder)
    return StoreSettings(**given)


def capture(reader: Reader, raw: object) -> CaptureSettings:
    """`[capture]`."""
    given = reader.settings(CaptureSettings, raw, "capture")
    reader.parse(given, "redact", "capture", values.pattern)
    return CaptureSettings(**given)


def inspector(reader: Reader, raw: object) -> InspectorSettings:
    """`[inspector]`."""
    return InspectorSettings(**reader.settings(InspectorSettings, raw, "inspector"))


def metrics(reader: Reader, raw: object) -> MetricsSettings:
    """`[metrics]`."""
    return MetricsSettings(**reader.settings(MetricsSettings, raw, "metrics"))


def tracing(reader: Reader, raw: object, env: Environment) -> TracingSettings:
    """`[tracing]`."""
    given = reader.settings(TracingSettings, raw, "tracing")
    reader.parse(given, "endpoint", "tracing", values.endpoint)
    given["headers"] = _headers(reader, given.get("headers", {}), "tracing.headers", env)
    return TracingSettings(**given)


def admin(reader: Reader, raw: object, env: Environment) -> AdminSettings:
    """`[admin]`."""
    given = reader.settings(AdminSettings, raw, "admin")
    reader.parse(given, "keys", "admin", lambda key: values.secret(key, env, values.admin_key))
    reader.parse(given, "frame_ancestors", "admin", values.origin)
    return AdminSettings(**given)


def upstreams(
    reader: Reader, raw: object, env: Environment, streams: Streams, health: HealthSettings
) -> tuple[UpstreamSettings, ...]:
    """`[[upstreams]]`, those of the environment if there are none."""
    if _is_empty(raw):
        resolved = resolve_streams(streams.base, streams.by_dialect, {})
        return tuple(
            UpstreamSettings(**msgspec.structs.asdict(found), stream=resolved, health=health)
            for found in find_upstreams(reader, env)
        )
    read = [
        _upstream(reader, table, path, env, streams, health)
        for path, table in reader.tables(raw, "upstreams")
    ]
    reader.unique(raw, "upstreams", "name")
    return tuple(upstream for upstream in read if upstream is not None)


def upstream_names(raw: object, read: Sequence[UpstreamSettings]) -> list[str] | None:
    """What `[[models]]` and `[[prices]]` may name: the upstreams as written, or those of the environment.

    None where not all of the names could be read.
    """
    if _is_empty(raw):
        return [upstream.name for upstream in read]
    tables = raw if isinstance(raw, list | tuple) else [None]
    names = [table.get("name") if isinstance(table, dict) else None for table in tables]
    return None if None in names else [str(name) for name in names]


def models(
    reader: Reader, raw: object, known: list[str] | None, upstreams: Sequence[UpstreamSettings]
) -> tuple[ModelRule, ...]:
    """`[[models]]`. `known`: names of upstreams, None where not all of them could be read."""
    unable = {upstream.name for upstream in upstreams if upstream.prefill == "off"}
    read = []
    for path, table in reader.tables(raw, "models"):
        before = len(reader.problems)
        given = reader.settings(ModelRule, table, path)
        reader.parse(given, "affinity", path, partial(values.affinity, or_off=True))
        if "weights" in given:
            given["weights"] = _weights(
                reader, given["weights"], f"{path}.weights", given.get("upstreams", ())
            )
        for key in ("upstreams", "continue_on"):
            for index, name in enumerate(given.get(key, ())):
                _check_name(reader, name, f"{path}.{key}[{index}]", known)
        for index, name in enumerate(given.get("continue_on", ())):
            if name in unable:
                reader.problem(
                    f"{path}.continue_on[{index}]",
                    f'"{name}" has no way to take up an answer',
                    "its prefill says how it is asked to",
                )
        if len(reader.problems) == before:
            read.append(ModelRule(**given))
    return tuple(read)


def prices(reader: Reader, raw: object, known: list[str] | None) -> tuple[PriceSettings, ...]:
    """`[[prices]]`. `known`: as for models."""
    read = []
    for path, table in reader.tables(raw, "prices"):
        before = len(reader.problems)
        given = reader.settings(PriceSettings, table, path)
        if given.get("upstream"):
            _check_name(reader, given["upstream"], f"{path}.upstream", known)
        if len(reader.problems) == before:
            read.append(PriceSettings(**given))
    return tuple(read)


def keys(reader: Reader, raw: object) -> tuple[KeySettings, ...]:
    """`[[keys]]`."""
    read = [key(reader, table, path) for path, table in reader.tables(raw, "keys")]
    reader.unique(raw, "keys", "name")
    reader.unique(raw, "keys", "sha256")
    return tuple(found for found in read if found is not None)


def key(reader: Reader, raw: object, path: str) -> KeySettings | None:
    """One key, wherever it is kept; None, and problems noted, if it is none. TOML has dates, JSON strings."""
    before = len(reader.problems)
    if isinstance(raw, dict) and isinstance(raw.get("expires"), datetime.date):  # a datetime is one, too
        raw = {**raw, "expires": raw["expires"].isoformat()}
    given = reader.settings(KeySettings, raw, path)
    reader.parse(given, "sha256", path, values.sha256)
    reader.parse(given, "expires", path, values.expiry)
    reader.parse(given, "allowed_ips", path, values.network)
    return KeySettings(**given) if len(reader.problems) == before else None


# ── parts of tables ─────────────────────────────────────────────────────────────────────────────────


def _upstream(
    reader: Reader, raw: object, path: str, env: Environment, streams: Streams, health: HealthSettings
) -> UpstreamSettings | None:
    before = len(reader.problems)
    given = reader.settings(UpstreamSettings, raw, path)
    only_messages = given.get("dialects") == ("messages",)
    reader.parse(given, "base_url", path, lambda url: values.base_url(url, only_messages=only_messages))
    reader.parse(given, "api_keys", path, lambda key: values.secret(key, env, values.api_key))
    reader.parse(given, "proxy", path, lambda url: values.secret(url, env, values.proxy))
    reader.parse(given, "drop_fields", path, values.json_path)
    given["headers"] = _headers(reader, given.get("headers", {}), f"{path}.headers", env)
    overrides = reader.settings(StreamSettings, given.get("stream", {}), f"{path}.stream")
    given["stream"] = resolve_streams(streams.base, streams.by_dialect, overrides)
    own_health = _health(reader, given.get("health", {}), f"{path}.health")
    given["health"] = msgspec.structs.replace(health, **own_health)
    return UpstreamSettings(**given) if len(reader.problems) == before else None


def _headers(reader: Reader, raw: object, path: str, env: Environment) -> dict[str, Secret]:
    read: dict[str, Secret] = {}
    for name_given, value in reader.table(raw, path).items():
        where = f"{path}.{name_given}"
        name = reader.attempt(where, partial(values.header_name, name_given))
        if name in read:
            reader.problem(where, "is given twice; case does not count in names of headers")
        if not isinstance(value, str):
            reader.problem(where, f"expected a string, got {describe_value(value)}")
        elif name is not None:
            secret = reader.attempt(where, partial(values.secret, value, env, values.header_value))
            read[name] = secret or Secret("")
    return read


def _health(reader: Reader, raw: object, path: str) -> dict[str, Any]:
    given = reader.settings(HealthSettings, raw, path)
    reader.parse(given, "check_path", path, values.check_path)
    return given


def _weights(reader: Reader, raw: object, path: str, names: Sequence[str]) -> dict[str, float]:
    read: dict[str, float] = {}
    for name, weight in reader.table(raw, path).items():
        where = f"{path}.{name}"
        if names and name not in names:
            reader.problem(where, "is none of the rule's upstreams", suggest(name, names))
        elif not _is_weight(weight):
            reader.problem(where, f"expected a number above 0, got {describe_value(weight)}")
        else:
            read[name] = float(weight)
    return read


def _is_weight(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value <= MAX_WEIGHT  # which NaN is not


def _check_name(reader: Reader, name: str, path: str, known: list[str] | None) -> None:
    if known is not None and name not in known:
        reader.problem(path, f'no upstream is called "{name}"', suggest(name, known) if known else "")


def _keys_file(given: Mapping[str, Any], folder: Path | None) -> str:
    return _path(given.get("keys_file"), ServerSettings().keys_file, folder)


def _path(given: str | None, default: str, folder: Path | None) -> str:
    """Where a file is; `""` is nowhere. See `load.settings_from` about `folder`."""
    if folder is None:
        return given or ""
    chosen = default if given is None else given
    return str(folder / chosen) if chosen else ""


def _database(folder: Path, url: str) -> Secret:
    """With the path of a file made absolute."""
    file = url.removeprefix(values.SQLITE)
    return Secret(f"{values.SQLITE}{folder / file}" if file != url else url)


def _is_empty(raw: object) -> bool:
    return isinstance(raw, list | tuple) and not raw
