"""The command line's `keys`: make, list, revoke and rotate the keys of the gateway's clients.

They are kept in the file that `server.keys_file` names, which a running gateway watches. A key itself is
printed once, alone on stdout, and is in no file; all that is for people goes to stderr.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.keyfile import change_keys, load_keys
from sluiceway.config.load import find_config, load_keys_place
from sluiceway.config.problems import BadValue, ConfigError
from sluiceway.config.reader import Reader
from sluiceway.config.stored_keys import StoredKey, add, not_default, revoke, rotate
from sluiceway.config.tables import key as read_key
from sluiceway.config.values import unix_seconds
from sluiceway.policy.keys import new_key

DAY_S = 86400.0

keys_app = typer.Typer(help="API keys for the gateway's own clients.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file, whose `server.keys_file` is meant. Default: `$SLUICEWAY_CONFIG`, then "
        "`./sluiceway.toml`.",
        show_default=False,
    ),
]
NameArgument = Annotated[str, typer.Argument(help="The name of the key.")]

_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)


@keys_app.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(help="Who will use it; shown in logs and records.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    expires: Annotated[
        str, typer.Option(help="When it stops working, as `2027-01-31` or `2027-01-31T12:00:00+01:00`.")
    ] = "",
    models: Annotated[
        list[str] | None, typer.Option(help="Models it may ask for, names or globs; may be repeated.")
    ] = None,
    dialects: Annotated[
        list[str] | None,
        typer.Option(help="APIs it may use: `chat`, `responses`, `messages`, `images`; may be repeated."),
    ] = None,
    allowed_ips: Annotated[
        list[str] | None, typer.Option(help="Addresses or networks it may be used from; may be repeated.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Its share of the turns when requests wait, 1 to 100.")] = 1,
    max_in_flight: Annotated[int, typer.Option(help="Requests at once; 0 is unlimited, as below.")] = 0,
    requests_per_minute: Annotated[int, typer.Option(help="Requests in a minute.")] = 0,
    tokens_per_minute: Annotated[int, typer.Option(help="Tokens in a minute.")] = 0,
    tokens_per_day: Annotated[int, typer.Option(help="Tokens in a day, UTC.")] = 0,
    tokens_per_month: Annotated[int, typer.Option(help="Tokens in a month, UTC.")] = 0,
    cost_per_day: Annotated[float, typer.Option(help="Money in a day, by `[[prices]]`.")] = 0.0,
    cost_per_month: Annotated[float, typer.Option(help="Money in a month, by `[[prices]]`.")] = 0.0,
    print_only: Annotated[
        bool, typer.Option("--print-only", help="Keep nothing; print a `[[keys]]` table to paste instead.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Make a key for a client. It is shown once; only its SHA-256 is kept."""
    plain, digest = new_key()
    with _told():
        settings = _settings(
            name=name,
            sha256=digest,
            owner=owner,
            expires=expires,
            models=models or [],
            dialects=dialects or [],
            allowed_ips=allowed_ips or [],
            priority=priority,
            max_in_flight=max_in_flight,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            tokens_per_day=tokens_per_day,
            tokens_per_month=tokens_per_month,
            cost_per_day=cost_per_day,
            cost_per_month=cost_per_month,
        )
        if print_only:
            _show(plain)
            _err.print("\nFor the configuration file:", style="dim")
            _err.print(_as_toml(settings), markup=False)
            return
        place, configured = _place(config)
        _refuse_configured(configured, name, "choose another name")
        is_first = not configured and load_keys(place) is None
        change_keys(place, lambda keys: add(keys, settings, _now()))
    _show(plain)
    _err.print(f"\nIts hash is kept in {place}", style="dim", markup=False)
    if is_first:
        _err.print("It is the first one: from now on every client needs a key.", style="yellow")
    _warn_if_expired(settings)


@keys_app.command("list")
def keys_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """List all keys, those of the configuration file too. No key can be shown again."""
    with _told():
        place, configured = _place(config, may_be_nowhere=True)
        stored = load_keys(place) or ()
    now = _now()
    rows = [_row(key.settings, now, key) for key in stored] + [_row(key, now) for key in configured]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("name", "owner", "state", "expires", "made", "limits", "kept in", box=None, pad_edge=False)
    for row in rows:
        words = (row["name"], row.get("owner", ""), row["state"], row.get("expires", ""))
        table.add_row(*map(escape, (*words, _day(row.get("created")), _limits(row), row["kept_in"])))
    _out.print(table)


@keys_app.command("revoke")
def keys_revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """Make a key useless, within a second where a gateway runs. Answers that are running go on."""
    with _told():
        place, configured = _place(config)
        _refuse_configured(configured, name, "remove its [[keys]] table there")
        change_keys(place, lambda keys: revoke(keys, name, _now()))
    _err.print(f"{name} is revoked, in {place}", markup=False)


@keys_app.command("rotate")
def keys_rotate(
    name: NameArgument,
    grace_s: Annotated[
        float, typer.Option(min=0, help="How long the old one works on, in seconds; 0 is not at all.")
    ] = DAY_S,
    config: ConfigOption = None,
) -> None:
    """Give a client a new key, with the same name and limits. The old one works on for a while."""
    plain, digest = new_key()
    now = _now()
    with _told():
        place, configured = _place(config)
        _refuse_configured(
            configured, name, "put the hash of a new one there: sluiceway keys new --print-only"
        )
        change_keys(place, lambda keys: rotate(keys, name, digest, now, grace_s))
    _show(plain)
    until = f"works until {_moment(now + grace_s)}" if grace_s else "works no longer"
    _err.print(f"\nThe old one {until}. Kept in {place}", style="dim", markup=False)
    for key in load_keys(place) or ():
        if key.settings.sha256 == digest:
            _warn_if_expired(key.settings)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of the configuration, of the keys file and of names end the command, in words."""
    try:
        yield
    except BadValue as error:
        _fail(f"{error.message}\n    {error.hint}" if error.hint else error.message)
    except ConfigError as error:
        _fail(str(error))


def _fail(message: str) -> None:
    _err.print(message, style="red", markup=False)
    raise typer.Exit(2)


def _place(config: Path | None, *, may_be_nowhere: bool = False) -> tuple[str, tuple[KeySettings, ...]]:
    """The keys file, and the keys of the configuration itself."""
    place, configured = load_keys_place(find_config(config, os.environ, Path.cwd()))
    if not place and not may_be_nowhere:
        raise BadValue("server.keys_file is empty, so there is no place for keys", "see --print-only")
    return place, configured


def _refuse_configured(configured: Iterable[KeySettings], name: str, hint: str) -> None:
    if any(key.name.lower() == name.lower() for key in configured):
        raise BadValue(f'the key "{name}" is in the configuration file', hint)


def _settings(**options: Any) -> KeySettings:
    """The options of a new key, checked as the configuration is."""
    for option, value in options.items():
        for text in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            if not text.isprintable():  # it would break lines of logs, or the file
                raise BadValue(f"{option}: holds line breaks or other characters that can't be shown")
    reader = Reader({})
    settings = read_key(reader, options, "")
    if settings is None:
        raise ConfigError(reader.problems, "the new key")
    return settings


def _now() -> float:
    """Unix seconds, whole ones: people read the file, too."""
    return float(int(time.time()))


# ── showing ─────────────────────────────────────────────────────────────────────────────────────────


def _show(plain: str) -> None:
    _err.print("The key, shown this once:", style="dim")
    typer.echo(plain)


def _as_toml(settings: KeySettings) -> str:
    # TOML's basic strings escape as JSON's do; numbers and lists of strings are the same.
    lines = (
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in not_default(settings).items()
    )
    return "\n".join(["[[keys]]", *lines])


def _row(settings: KeySettings, now: float, stored: StoredKey | None = None) -> dict[str, Any]:
    """What is told of a key: what it is limited to, and how it stands. Not its hash, which nobody needs."""
    row = {name: value for name, value in not_default(settings).items() if name != "sha256"}
    row["state"] = _state(settings, now, stored)
    row["kept_in"] = "configuration" if stored is None else "keys file"
    if stored is not None:
        row["created"] = stored.created
        if stored.revoked:
            row["revoked"] = stored.revoked
        elif stored.previous is not None and stored.previous.until > now:
            row["previous_until"] = stored.previous.until
    return row


def _state(settings: KeySettings, now: float, stored: StoredKey | None) -> str:
    if stored is not None and stored.revoked:
        return "revoked"
    return "expired" if _is_expired(settings, now) else "active"


def _is_expired(settings: KeySettings, now: float) -> bool:
    return bool(settings.expires) and unix_seconds(settings.expires) <= now


def _warn_if_expired(settings: KeySettings) -> None:
    """Whoever gets a new key expects it to work."""
    if _is_expired(settings, _now()):
        _err.print(
            f"It expired on {settings.expires}, so nobody is let in with it.", style="yellow", markup=False
        )


def _limits(row: dict[str, Any]) -> str:
    """What a key is limited to, in the words of its settings."""
    told = {"name", "owner", "state", "expires", "created", "revoked", "kept_in"}
    words = []
    for name, value in row.items():
        if name == "previous_until":
            words.append(f"the key before until {_moment(value)}")
        elif name not in told:
            words.append(f"{name} {' '.join(value) if isinstance(value, tuple) else value}")
    return ", ".join(words)


def _day(seconds: float | None) -> str:
    return "" if seconds is None else _moment(seconds)[:10]


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(sep=" ", timespec="seconds")
