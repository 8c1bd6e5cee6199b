"""The command line: serve, demo, mock, check, keys, db, replay, doctor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sluiceway import __version__
from sluiceway.cli_db import db_app
from sluiceway.cli_doctor import add_doctor
from sluiceway.cli_keys import keys_app
from sluiceway.cli_replay import add_replay
from sluiceway.config.load import ConfigError, find_config, settings_from
from sluiceway.config.notes import notes
from sluiceway.config.settings import Settings
from sluiceway.config.source import Loaded, Source
from sluiceway.errors import GatewayError
from sluiceway.mock.settings import MockSettings
from sluiceway.observe.logs import configure_logging

if TYPE_CHECKING:
    from sluiceway.replay import Original

Result = TypeVar("Result")

app = typer.Typer(
    name="sluiceway",
    help="A self-hosted, streaming-first AI gateway: a stream never dies quietly.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # locals may hold keys
)
app.add_typer(keys_app, name="keys")
app.add_typer(db_app, name="db")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file. Default: `$SLUICEWAY_CONFIG`, then `./sluiceway.toml`; with neither, "
        "upstreams come from `OPENAI_API_KEY` and `ANTHROPIC_API_KEY`.",
        show_default=False,
    ),
]

_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)


def main() -> None:
    """Entry point of the `sluiceway` command."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        _out.print(f"sluiceway {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Instead of `server.host`.", show_default=False)] = None,
    port: Annotated[
        int | None, typer.Option(help="Instead of `server.port`; 0 takes a free one.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Instead of `server.workers`: processes that share the port.", show_default=False),
    ] = None,
) -> None:
    """Run the gateway.

    SIGTERM (or Ctrl-C) drains: no new connections, running streams may finish for `server.drain_s`
    seconds, what is left then ends with an in-band error; a second one ends the waiting. SIGHUP reads the
    configuration again.
    """
    source = _source(config, host=host, port=port, workers=workers)
    loaded = _load(source)
    configure_logging(loaded.settings.server.log_level)
    if loaded.settings.server.workers > 1:
        from sluiceway.watching import demand_packages
        from sluiceway.workers import supervise

        with _in_words():
            demand_packages(loaded.settings)
        raise typer.Exit(asyncio_run(supervise(source, loaded, _announce)))
    _run(_serve(loaded, source))


@app.command()
def check(config: ConfigOption = None) -> None:
    """Read the configuration and say what it means, or everything that is wrong with it. Starts nothing."""
    path = find_config(config, os.environ, Path.cwd())
    loaded = _load(_source(config))
    settings = loaded.settings
    _out.print(f"[green]ok[/green] {escape(str(path or 'no file: upstreams from the environment'))}")
    for upstream in settings.upstreams:
        speaks = ", ".join(upstream.dialects)
        keys = f"{len(upstream.api_keys)} key{'s' if len(upstream.api_keys) != 1 else ''}"
        forced = ", forced to stream" if upstream.force_stream else ""
        _out.print(
            f"  upstream {upstream.name}: {upstream.base_url} ({speaks}; {keys}{forced})", markup=False
        )
    for rule in settings.models:
        renamed = f" as {rule.rewrite_to}" if rule.rewrite_to else ""
        _out.print(f"  model {rule.name}: {' then '.join(rule.upstreams)}{renamed}", markup=False)
    if not settings.models:
        _out.print("  models: every model goes to every upstream, in order")
    _out.print(f"  clients: {_who_may(loaded)}")
    for note in notes(settings):
        _out.print(f"  note: {note}", style="yellow", markup=False)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="The gateway's port; 0 takes a free one.")] = 8787,
) -> None:
    """Run the gateway in front of a simulated provider, in one process. Needs no key and no network.

    Prints a curl line to try. See `sluiceway mock --help` for what the provider can be made to do.
    """
    configure_logging("info")
    _run(_demo(port))


@app.command()
def mock(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 9100,
    knob: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="KNOB=VALUE", help="Turn a knob for every request; may be repeated."
        ),
    ] = None,
    faults: Annotated[bool, typer.Option("--list", help="List knobs and faults, and exit.")] = False,
) -> None:
    """Run the simulated provider: the APIs of OpenAI and Anthropic, which answer, stall or break as they are told.

    Point your own client at it and see what it does when the stream breaks: `"model": "fault-rst"`, or any
    model with knobs behind a question mark: `"model": "mock-gpt?ttft=2&tps=20"`, or headers: `x-mock-ttft: 2`.
    """
    from sluiceway.mock.faults import find_fault
    from sluiceway.mock.settings import knobs, settings_for

    if faults:
        _list_faults(knobs())
        return
    configure_logging("info")
    try:
        turned = dict(pair.partition("=")[::2] for pair in knob or [])
        _name, settings = settings_for(
            MockSettings(), "", {f"x-mock-{name}": value for name, value in turned.items()}
        )
        if settings.fault:
            find_fault(settings.fault)
    except GatewayError as error:
        _err.print(error.message, style="red", markup=False)
        raise typer.Exit(2) from None
    asyncio_run(_mock(settings, host, port))


def _captured(settings: Settings, request_id: str) -> Original | None:
    """What the store has kept of a request's bodies, for `replay`."""
    from sluiceway.replay import Original, Refused
    from sluiceway.store.opening import Store, StoreError
    from sluiceway.store.queries import Queries

    if not settings.store.url:
        raise Refused("store.url is empty, so nothing is kept")
    try:
        with contextlib.closing(Store(settings.store.url)) as store:
            queries = Queries(store)
            captured, record = queries.capture(request_id), queries.record(request_id)
    except StoreError as error:
        raise Refused(str(error)) from None
    if captured is None:
        return None
    return Original(captured, status=record.status if record is not None else 0)


add_replay(app, _captured)
add_doctor(app)


def _run(main: Coroutine[Any, Any, None]) -> None:
    with _in_words():
        asyncio_run(main)


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """What the settings ask for and can't be had ends the command with a message."""
    from sluiceway.store.opening import StoreError

    try:
        yield
    except (ConfigError, StoreError) as error:
        _err.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None


def _source(path: Path | None, **options: object) -> Source:
    """`options`: keys of `[server]` that the command line gives, None where it does not."""
    given = {name: value for name, value in options.items() if value is not None}
    return Source(find_config(path, os.environ, Path.cwd()), given)


def _load(source: Source) -> Loaded:
    try:
        return source.load()
    except ConfigError as error:
        _err.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None


def _who_may(loaded: Loaded) -> str:
    count = len(loaded.settings.keys) + sum(not key.revoked for key in loaded.stored or ())
    if not count and loaded.stored is None:
        return "need no key"
    return f"need one of {count} key{'s' if count != 1 else ''}"


def describe(loaded: Loaded, port: int) -> str:
    """The one line that `serve` prints when it is ready."""
    settings = loaded.settings
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    upstreams = ", ".join(f"{upstream.name} ({upstream.base_url})" for upstream in settings.upstreams)
    return f"Sluiceway {__version__} on http://{host}:{port} → {upstreams}; clients {_who_may(loaded)}"


def _announce(loaded: Loaded, port: int) -> None:
    _out.print(describe(loaded, port), markup=False)


def _list_faults(knobs: dict[str, str]) -> None:
    from sluiceway.mock.faults import FAULTS

    table = Table("knob", "meaning", box=None, pad_edge=False)
    for name, meaning in knobs.items():
        table.add_row(name, meaning)
    _out.print(table)
    table = Table("fault", "what happens", box=None, pad_edge=False)
    for fault in FAULTS.values():
        table.add_row(fault.name, fault.what)
    _out.print()
    _out.print(table)


async def _mock(settings: MockSettings, host: str, port: int) -> None:
    from sluiceway.mock.app import MockProvider
    from sluiceway.mock.server import make_server
    from sluiceway.server import raise_file_limit

    raise_file_limit()
    server = make_server(MockProvider(settings), host, port)
    _out.print(f"Simulated provider on http://{host}:{server.port}/v1", markup=False)
    await server.serve()


async def _demo(port: int) -> None:
    from sluiceway.mock.app import MockProvider
    from sluiceway.mock.server import serving
    from sluiceway.mock.settings import LIFELIKE

    async with serving(MockProvider(LIFELIKE)) as provider:
        upstream = {"name": "demo", "base_url": f"http://127.0.0.1:{provider.port}/v1"}
        with tempfile.TemporaryDirectory(prefix="sluiceway-") as folder:
            config = {
                "server": {"port": port},
                "upstreams": [upstream],
                "store": {"url": f"sqlite:///{folder}/demo.db", "spill_bytes": 0},
                "capture": {"mode": "all"},
                "inspector": {"show_content": True},
            }
            await _serve(Loaded(settings_from(config, {})), afterwards=_CURL)


_CURL = """
The console, for a browser: http://{address}/

Try it, with any OpenAI client or:

  curl -N http://{address}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "mock-gpt", "stream": true, "messages": [{{"role": "user", "content": "hello"}}]}}'

A provider that dies in mid-answer: "model": "fault-rst". All faults: sluiceway mock --list
"""


async def _serve(loaded: Loaded, source: Source | None = None, *, afterwards: str = "") -> None:
    """In this process. `source`: where to read the configuration again, None if nowhere."""
    from sluiceway.listener import listen  # here: keeps --help quick
    from sluiceway.reload import Reloader
    from sluiceway.server import build_server, is_up, raise_file_limit, tune_gc
    from sluiceway.watching import watching

    settings = loaded.settings
    raise_file_limit()
    listener = listen(settings.server.host, settings.server.port)
    port = listener.getsockname()[1]
    with watching(settings) as onlooking:
        server = build_server(settings, loaded.stored, onlooking=onlooking)
        reloader = Reloader(source, loaded, server.apply) if source is not None else None
        if source is not None:
            server.app.deps.reloader, server.app.deps.files = reloader, lambda: source.files
        serving = asyncio.create_task(server.serve([listener]))
        if reloader is not None:
            reloader.start()
        try:
            await is_up(server, serving)
            _announce(loaded, port)
            if afterwards:
                _out.print(afterwards.format(address=f"{settings.server.host}:{port}"), markup=False)
            tune_gc()
            await serving
        finally:
            if reloader is not None:
                await reloader.close()


def asyncio_run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run on uvloop where there is one; gives what `main` returns. A port that can't be had is an error in words."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)
    except OSError as error:
        _err.print(f"can't listen: {error.strerror or error}", style="red", markup=False)
        raise typer.Exit(1) from None
