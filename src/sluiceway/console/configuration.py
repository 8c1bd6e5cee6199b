"""The configuration: what is in force, whether a new one would be, and to have it read again."""

from __future__ import annotations

import asyncio
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from sluiceway.config.environment import CONFIG_NAME
from sluiceway.config.load import settings_from
from sluiceway.config.problems import ConfigError, Problem
from sluiceway.console.deps import Deps
from sluiceway.console.operation import Call, Nothing, Operation, unavailable
from sluiceway.console.reloading import reload_now
from sluiceway.console.shown import shown
from sluiceway.reload import Result


class ReloadResult(msgspec.Struct, frozen=True):
    """How reading the configuration again went. What was not valid has changed nothing."""

    at: Annotated[float, Meta(description="Unix seconds.")]
    reason: str
    ok: Annotated[bool, Meta(description="What was read is in force.")]
    changes: Annotated[list[str], Meta(description="What is different, in words; no secrets.")]
    needs_restart: Annotated[list[str], Meta(description="Settings that only a restart applies.")]
    problems: Annotated[list[str], Meta(description="Why it is not in force.")]


class Configuration(msgspec.Struct, frozen=True):
    """What is in force."""

    settings: Annotated[
        dict[str, Any],
        Meta(
            description='All settings, as in the configuration reference; secrets are `"…"`, hashes of keys left out.'
        ),
    ]
    files: Annotated[list[str], Meta(description="What it is read from; none: from the environment alone.")]
    started: Annotated[float, Meta(description="When this process began, in Unix seconds.")]
    can_reload: Annotated[bool, Meta(description="There is something to be read again.")]
    last_reload: Annotated[ReloadResult | None, Meta(description="Null if it was never read again.")]


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A configuration to be checked."""

    toml: Annotated[str, Meta(description="What `sluiceway.toml` would hold.")]


class Trouble(msgspec.Struct, frozen=True):
    """One thing to put right."""

    path: Annotated[str, Meta(description="The key, as `upstreams[1].base_url`; empty: the whole.")]
    message: str
    hint: Annotated[str, Meta(description="How; may be empty.")]


class Checked(msgspec.Struct, frozen=True):
    """What is wrong with it, all at once."""

    valid: bool
    problems: list[Trouble]


async def show_configuration(call: Call[Nothing, Nothing]) -> Configuration:
    """What is in force."""
    deps = call.deps
    reloader = deps.reloader
    last = reloader.last_result if reloader is not None else None
    return Configuration(
        settings=shown(deps.settings()),
        files=[str(file) for file in deps.files()],
        started=deps.started,
        can_reload=reloader is not None,
        last_reload=_told(last) if last is not None else None,
    )


async def validate_configuration(call: Call[Nothing, Draft]) -> Checked:
    """As `sluiceway check`, on text that is in no file yet. Changes nothing."""
    problems = await asyncio.to_thread(_problems, call.body.toml, _folder(call.deps))
    return Checked(not problems, [Trouble(one.path, one.message, one.hint) for one in problems])


async def reload_configuration(call: Call[Nothing, Nothing]) -> ReloadResult:
    """As SIGHUP, but one hears how it went."""
    if call.deps.reloader is None:
        raise unavailable("this gateway was started without a configuration that could be read again")
    result = await reload_now(call.deps, "an administrator asked for it")
    if result is None:
        raise unavailable("the files take too long to read; the log will say how it went")
    return _told(result)


def _told(result: Result) -> ReloadResult:
    return ReloadResult(
        result.at,
        result.reason,
        result.ok,
        list(result.changes),
        list(result.needs_restart),
        list(result.problems),
    )


def _folder(deps: Deps) -> Path:
    """Where paths begin: at the configuration file."""
    return next(iter(deps.files()), Path(CONFIG_NAME)).absolute().parent


def _problems(text: str, folder: Path) -> list[Problem]:
    try:
        settings_from(tomllib.loads(text), os.environ, folder=folder)
    except ConfigError as error:
        return error.problems
    except RecursionError:
        return [Problem("", "is nested too deeply")]
    except ValueError as error:  # TOMLDecodeError, and numbers that Python refuses
        return [Problem("", f"is not valid TOML: {error}"[:1000])]
    return []


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/config",
        name="showConfiguration",
        summary="The settings in force, secrets hidden; where they come from; how the last reload went.",
        handler=show_configuration,
        answer=Configuration,
    ),
    Operation(
        method="POST",
        path="/api/config/validate",
        name="validateConfiguration",
        summary="Check a configuration, all that is wrong with it at once. Changes nothing.",
        handler=validate_configuration,
        body=Draft,
        answer=Checked,
    ),
    Operation(
        method="POST",
        path="/api/config/reload",
        name="reloadConfiguration",
        summary="Read the configuration files again, and put them in force if they are valid.",
        handler=reload_configuration,
        answer=ReloadResult,
        fails={503: "there is nothing to be read again, or it takes too long to read"},
    ),
)
