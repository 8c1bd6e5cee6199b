"""The command line's `db`: bring the database of records up to date, and tell how it stands."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from sluiceway.config.load import ConfigError, find_config, load_store
from sluiceway.config.observe_settings import StoreSettings

if TYPE_CHECKING:
    from sluiceway.store.opening import Store

db_app = typer.Typer(help="The database of records.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file, whose `store.url` is meant. Default: `$SLUICEWAY_CONFIG`, then "
        "`./sluiceway.toml`.",
        show_default=False,
    ),
]

_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)


@db_app.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Make the tables, or change them to what this version needs. A gateway does so itself when it starts."""
    from sluiceway.store.migrations import upgrade
    from sluiceway.store.tables import HEAD

    with _opened(_settings(config)) as store:
        before = upgrade(store)
        was = "was empty" if before is None else f"was at {before}"
        done = f"is at {HEAD} already" if before == HEAD else f"{was}, is at {HEAD} now"
        _out.print(f"{store.name} {done}", markup=False)


@db_app.command("status")
def db_status(config: ConfigOption = None) -> None:
    """Tell what the database holds, and what waits in files because it was away."""
    from sluiceway.store.migrations import version
    from sluiceway.store.queries import Queries
    from sluiceway.store.spill import Spill
    from sluiceway.store.tables import HEAD

    settings = _settings(config)
    # First, since it is what one wants to know while the database is away.
    waiting = Spill(settings.spill_folder, settings.spill_bytes).used_bytes
    _out.print(f"{waiting:,} bytes wait in {settings.spill_folder}", markup=False)
    with _opened(settings) as store:
        at = version(store)
        _out.print(f"{store.name} is at {at or 'no version'}, this program needs {HEAD}", markup=False)
        if at == HEAD:
            kept = Queries(store).kept()
            since = f", from {_moment(kept.oldest)} to {_moment(kept.newest)}" if kept.records else ""
            _out.print(f"{kept.records:,} records{since}")
            _out.print(f"{kept.captures:,} requests with bodies, {kept.capture_bytes:,} bytes")


def _settings(config: Path | None) -> StoreSettings:
    """Where records are kept; mistakes in the configuration end the command, in words."""
    try:
        settings = load_store(find_config(config, os.environ, Path.cwd()), os.environ)
    except ConfigError as error:
        _fail(str(error))
    if not settings.url:
        _fail("store.url is empty, so nothing is kept")
    return settings


@contextlib.contextmanager
def _opened(settings: StoreSettings) -> Iterator[Store]:
    """The database; its errors end the command, in words."""
    from sluiceway.store.opening import Store, StoreError  # here: keeps --help quick

    try:
        store = Store(settings.url)
        with contextlib.closing(store):
            yield store
    except StoreError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    _err.print(message, style="red", markup=False)
    raise typer.Exit(2)


def _moment(seconds: float | None) -> str:
    return datetime.datetime.fromtimestamp(seconds or 0.0, datetime.UTC).isoformat(
        sep=" ", timespec="seconds"
    )
