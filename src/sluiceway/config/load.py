"""From a file and the environment to `Settings`: find, read, check, resolve.

All problems are reported at once. Without `[[upstreams]]`, upstreams come from the variables that the
providers' own SDKs read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from sluiceway.config import values
from sluiceway.config.fields import describe_value
from sluiceway.config.problems import ConfigError, Problem, suggest
from sluiceway.config.reader import Reader
from sluiceway.config.settings import (
    DIALECT_NAMES,
    DialectName,
    KeySettings,
    ModelRule,
    Secret,
    ServerSettings,
    Settings,
    StreamSettings,
    UpstreamSettings,
    resolve_streams,
)

__all__ = ["ConfigError", "Problem", "find_config", "load", "settings_from"]

CONFIG_VARIABLE = "SLUICEWAY_CONFIG"
CONFIG_NAME = "sluiceway.toml"

Environment = Mapping[str, str]

_TABLES: dict[str, type[msgspec.Struct]] = {
    "[server]": ServerSettings,
    "[stream]": StreamSettings,
    "[[upstreams]]": UpstreamSettings,
    "[[models]]": ModelRule,
    "[[keys]]": KeySettings,
}


class _Streams(msgspec.Struct, frozen=True):
    """`[stream]` and what its tables by dialect override."""

    base: StreamSettings
    by_dialect: dict[str, dict[str, Any]]


def find_config(explicit: Path | None, env: Environment, cwd: Path) -> Path | None:
    """The file to load: `--config`, `SLUICEWAY_CONFIG`, `./sluiceway.toml`, or None if there is none.

    One that was named is returned whether or not it exists, so that a typo is an error.
    """
    if explicit is not None:
        return explicit
    if named := env.get(CONFIG_VARIABLE):
        return cwd / named
    here = cwd / CONFIG_NAME
    return here if here.is_file() else None


def load(path: Path | None, env: Environment, *, server: Mapping[str, Any] | None = None) -> Settings:
    """Read, check and resolve the file; with None, what the environment alone gives.

    `server`: keys of `[server]` that win over the file's, as command-line options do. Raises `ConfigError`.
    """
    if path is None:
        return settings_from({}, env, server=server)
    return settings_from(_read(path), env, server=server, source=str(path))


def settings_from(
    config: Mapping[str, Any],
    env: Environment,
    *,
    server: Mapping[str, Any] | None = None,
    source: str = "configuration",
) -> Settings:
    """The same from tables, as `tomllib` gives them. `source`: what errors call them."""
    reader = Reader(_TABLES)
    top = reader.table(dict(config), "", Settings.__struct_fields__)
    server_settings = _server(reader, top.get("server", {}), server or {}, has_keys=bool(top.get("keys")))
    streams = _streams(reader, top.get("stream", {}))
    upstreams = _upstreams(reader, top.get("upstreams", []), env, streams)
    settings = Settings(
        server=server_settings,
        stream=streams.base,
        upstreams=upstreams,
        models=_models(reader, top.get("models", []), _names(top.get("upstreams", []), upstreams)),
        keys=_keys(reader, top.get("keys", [])),
    )
    if reader.problems:
        raise ConfigError(reader.problems, source)
    return settings


def _read(path: Path) -> dict[str, Any]:
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors put a BOM in front
        return tomllib.loads(text)
    except OSError as error:
        problem = Problem("", f"can't be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        problem = Problem(f"byte {error.start}", "is not UTF-8, as TOML has to be")
    except RecursionError:
        problem = Problem("", "is nested too deeply")
    except ValueError as error:  # TOMLDecodeError, and numbers that Python refuses
        end = f"line {text.count(chr(10)) + 1}, the end of the file"
        reason = str(error).replace("end of document", end)
        problem = Problem("", f"is not valid TOML: {reason}")
    raise ConfigError([problem], str(path))


# ── one table each ──────────────────────────────────────────────────────────────────────────────────


def _server(reader: Reader, raw: object, options: Mapping[str, Any], *, has_keys: bool) -> ServerSettings:
    given = reader.settings(ServerSettings, {**raw, **options} if isinstance(raw, dict) else raw, "server")
    reader.parse(given, "host", "server", values.host)
    reader.parse(given, "cors_origins", "server", values.cors_origin)
    server = ServerSettings(**given)
    if not (values.is_loopback(server.host) or has_keys or server.allow_anonymous):
        reader.problem(
            "server.host",
            f"{server.host} can be reached from other machines, but clients need no key",
            "add [[keys]] (sluiceway keys new NAME), or set server.allow_anonymous = true",
        )
    return server


def _streams(reader: Reader, raw: object) -> _Streams:
    given = reader.settings(StreamSettings, raw, "stream", also=DIALECT_NAMES)
    by_dialect: dict[str, dict[str, Any]] = {
        name: reader.settings(StreamSettings, given.pop(name), f"stream.{name}")
        for name in DIALECT_NAMES
        if name in given
    }
    return _Streams(StreamSettings(**given), by_dialect)


def _upstreams(
    reader: Reader, raw: object, env: Environment, streams: _Streams
) -> tuple[UpstreamSettings, ...]:
    if _is_empty(raw):
        return _upstreams_from_environment(reader, env, streams)
    read = [_upstream(reader, table, path, env, streams) for path, table in reader.tables(raw, "upstreams")]
    reader.unique(raw, "upstreams", "name")
    return tuple(upstream for upstream in read if upstream is not None)


def _upstream(
    reader: Reader, raw: object, path: str, env: Environment, streams: _Streams
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
    return UpstreamSettings(**given) if len(reader.problems) == before else None


def _headers(reader: Reader, raw: object, path: str, env: Environment) -> dict[str, Secret]:
    read: dict[str, Secret] = {}
    for key, value in reader.table(raw, path).items():
        where = f"{path}.{key}"
        name = reader.attempt(where, partial(values.header_name, key))
        if name in read:
            reader.problem(where, "is given twice; case does not count in names of headers")
        if not isinstance(value, str):
            reader.problem(where, f"expected a string, got {describe_value(value)}")
        elif name is not None:
            secret = reader.attempt(where, partial(values.secret, value, env, values.header_value))
            read[name] = secret or Secret("")
    return read


def _models(reader: Reader, raw: object, known: list[str] | None) -> tuple[ModelRule, ...]:
    """`known`: names of upstreams, None where not all of them could be read."""
    read = []
    for path, table in reader.tables(raw, "models"):
        before = len(reader.problems)
        given = reader.settings(ModelRule, table, path)
        for index, name in enumerate(given.get("upstreams", ())):
            if known is not None and name not in known:
                hint = suggest(name, known) if known else ""
                reader.problem(f"{path}.upstreams[{index}]", f'no upstream is called "{name}"', hint)
        if len(reader.problems) == before:
            read.append(ModelRule(**given))
    return tuple(read)


def _keys(reader: Reader, raw: object) -> tuple[KeySettings, ...]:
    read = []
    for path, table in reader.tables(raw, "keys"):
        before = len(reader.problems)
        given = reader.settings(KeySettings, table, path)
        reader.parse(given, "sha256", path, values.sha256)
        if len(reader.problems) == before:
            read.append(KeySettings(**given))
    reader.unique(raw, "keys", "name")
    reader.unique(raw, "keys", "sha256")
    return tuple(read)


def _is_empty(raw: object) -> bool:
    return isinstance(raw, list | tuple) and not raw


def _names(raw: object, upstreams: tuple[UpstreamSettings, ...]) -> list[str] | None:
    """What `[[models]]` may name: the upstreams as written, or those of the environment."""
    if _is_empty(raw):
        return [upstream.name for upstream in upstreams]
    tables = raw if isinstance(raw, list | tuple) else [None]
    names = [table.get("name") if isinstance(table, dict) else None for table in tables]
    return None if None in names else [str(name) for name in names]


# ── upstreams without a file ────────────────────────────────────────────────────────────────────────

# The variables and defaults of the providers' own SDKs. Anthropic's takes a base URL without the version.
_PROVIDERS: tuple[tuple[str, str, str, tuple[DialectName, ...]], ...] = (
    ("openai", "OPENAI", "https://api.openai.com/v1", ("chat", "responses", "images")),
    ("anthropic", "ANTHROPIC", "https://api.anthropic.com", ("messages",)),
)


def _upstreams_from_environment(
    reader: Reader, env: Environment, streams: _Streams
) -> tuple[UpstreamSettings, ...]:
    """A key or a base URL makes an upstream, since local servers often take no key."""
    read = []
    before = len(reader.problems)
    for name, prefix, default_url, dialects in _PROVIDERS:
        given_url, given_key = env.get(f"{prefix}_BASE_URL"), env.get(f"{prefix}_API_KEY")
        if not given_url and not given_key:
            continue
        to_url = partial(values.base_url, given_url or default_url, only_messages=dialects == ("messages",))
        url = reader.attempt(f"{prefix}_BASE_URL", to_url)
        key = reader.attempt(f"{prefix}_API_KEY", partial(values.api_key, given_key)) if given_key else None
        upstream = UpstreamSettings(
            name=name,
            base_url=url or default_url,
            api_keys=(Secret(key),) if key else (),
            dialects=dialects,
            stream=resolve_streams(streams.base, streams.by_dialect, {}),
        )
        read.append(upstream)
    if not read and len(reader.problems) == before:
        reader.problem(
            "upstreams",
            "there is none, so no request could be answered",
            f"add [[upstreams]] to {CONFIG_NAME}, or set OPENAI_API_KEY or ANTHROPIC_API_KEY",
        )
    return tuple(read)
