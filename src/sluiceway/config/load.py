"""From a file and the environment to `Settings`: find, read, check, resolve.

All problems are reported at once. Without `[[upstreams]]`, upstreams come from the variables that the
providers' own SDKs read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluiceway.config import tables
from sluiceway.config.environment import CONFIG_NAME, CONFIG_VARIABLE, Environment
from sluiceway.config.key_settings import KeySettings
from sluiceway.config.observe_settings import StoreSettings
from sluiceway.config.problems import ConfigError, Problem
from sluiceway.config.reader import Reader
from sluiceway.config.settings import Settings

__all__ = ["ConfigError", "Problem", "find_config", "load", "load_keys_place", "settings_from"]


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

    `server`: keys of `[server]` that win over the file's, as command-line options do. Paths that are not
    absolute begin at the file's folder, without a file at the working directory. Raises `ConfigError`.
    """
    if path is None:
        return settings_from({}, env, server=server, folder=_folder(path))
    return settings_from(_read(path), env, server=server, source=str(path), folder=_folder(path))


def load_keys_place(path: Path | None) -> tuple[str, tuple[KeySettings, ...]]:
    """Where the keys file is, `""` for nowhere, and the keys of the configuration itself.

    Nothing else in it has to be right: keys are made before the gateway can listen beyond loopback, and by
    people who lack the secrets that it names. Raises `ConfigError`.
    """
    config = {} if path is None else _read(path)
    reader = Reader(tables.OWNERS)
    place = tables.keys_file(reader, config.get("server", {}), _folder(path))
    keys = tables.keys(reader, config.get("keys", []))
    if reader.problems:
        raise ConfigError(reader.problems, str(path))
    return place, keys


def load_store(path: Path | None, env: Environment) -> StoreSettings:
    """`[store]` alone: whoever migrates a database need not have the keys of all upstreams. Raises `ConfigError`."""
    config: dict[str, Any] = {} if path is None else _read(path)
    reader = Reader(tables.OWNERS)
    settings = tables.store(reader, config.get("store", {}), env, _folder(path))
    if reader.problems:
        raise ConfigError(reader.problems, str(path))
    return settings


def settings_from(
    config: Mapping[str, Any],
    env: Environment,
    *,
    server: Mapping[str, Any] | None = None,
    source: str = "configuration",
    folder: Path | None = None,
) -> Settings:
    """The same from tables, as `tomllib` gives them. `source`: what errors call them.

    `folder`: where paths begin that are not absolute. With None there is no place of the configuration's own:
    `server.keys_file` and `state.file` are then empty unless they are given, and are taken as given.
    """
    reader = Reader(tables.OWNERS)
    top = reader.table(dict(config), "", Settings.__struct_fields__)
    server_settings = tables.server(
        reader, top.get("server", {}), server or {}, folder, has_keys=bool(top.get("keys"))
    )
    streams = tables.streams(reader, top.get("stream", {}))
    health = tables.health(reader, top.get("health", {}))
    upstreams = tables.upstreams(reader, top.get("upstreams", []), env, streams, health)
    known = tables.upstream_names(top.get("upstreams", []), upstreams)
    settings = Settings(
        server=server_settings,
        stream=streams.base,
        queue=tables.queue(reader, top.get("queue", {})),
        routing=tables.routing(reader, top.get("routing", {})),
        failover=tables.failover(reader, top.get("failover", {})),
        health=health,
        state=tables.state(reader, top.get("state", {}), env, folder),
        store=tables.store(reader, top.get("store", {}), env, folder),
        capture=tables.capture(reader, top.get("capture", {})),
        inspector=tables.inspector(reader, top.get("inspector", {})),
        metrics=tables.metrics(reader, top.get("metrics", {})),
        tracing=tables.tracing(reader, top.get("tracing", {}), env),
        admin=tables.admin(reader, top.get("admin", {}), env),
        upstreams=upstreams,
        models=tables.models(reader, top.get("models", []), known, upstreams),
        prices=tables.prices(reader, top.get("prices", []), known),
        keys=tables.keys(reader, top.get("keys", [])),
    )
    if reader.problems:
        raise ConfigError(reader.problems, source)
    return settings


def _folder(path: Path | None) -> Path:
    return (path or Path(CONFIG_NAME)).absolute().parent


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
