"""The command line's `replay`: send a captured request again and compare, or play its answer to a client.

The answer goes to stdout as it streams, byte for byte; what is for people goes to stderr.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer
from rich.console import Console

from sluiceway.config.load import find_config
from sluiceway.config.problems import ConfigError
from sluiceway.config.settings import Settings
from sluiceway.config.source import Source

if TYPE_CHECKING:  # what it takes to replay is loaded when it is done: that keeps --help quick
    from sluiceway.replay import Answer, Comparison, Original

Find: TypeAlias = "Callable[[Settings, str], Original | None]"

# With `--timing`, at most so many pieces are listed: the rest says the same.
MAX_LISTED = 1000

_err = Console(stderr=True, soft_wrap=True, highlight=False)


def add_replay(app: typer.Typer, find: Find) -> None:
    """Give the command line its `replay`. `find`: looks a request up in the store that the settings name; raises
    `Refused` with a message if that can't be read."""

    @app.command("replay")
    def replay(
        record: Annotated[str, typer.Argument(metavar="RECORD", help="The id of the request: `req_…`.")],
        url: Annotated[
            str,
            typer.Option(
                help="Where to send it: another gateway, or an upstream, as its SDKs take it. Default: this gateway.",
                show_default=False,
            ),
        ] = "",
        key: Annotated[
            str,
            typer.Option(
                envvar="SLUICEWAY_KEY",
                help="The API key to send, since none is ever kept; better in the environment than here.",
                show_default=False,
                show_envvar=True,
            ),
        ] = "",
        timing: Annotated[
            bool, typer.Option("--timing", help="List when each piece came, then and now.")
        ] = False,
        serve: Annotated[
            bool,
            typer.Option(
                "--serve",
                help="Send nothing: be an upstream that plays the captured answer, byte for byte and at its "
                "original pace, to whoever asks it anything.",
            ),
        ] = False,
        port: Annotated[int, typer.Option(help="With `--serve`: the port; 0 takes a free one.")] = 9100,
        force: Annotated[
            bool, typer.Option("--force", help="Even if not all of it was kept as it was.")
        ] = False,
        config: Annotated[
            Path | None,
            typer.Option(
                "--config",
                "-c",
                help="The configuration file, whose store is meant. Default: `$SLUICEWAY_CONFIG`, then "
                "`./sluiceway.toml`.",
                show_default=False,
            ),
        ] = None,
    ) -> None:
        """Send a captured request again, and compare the answer with the one it had.

        Exits with 0 if they are the same apart from ids and times, 1 if not, 2 if it could not be sent.
        """
        from sluiceway.replay import Refused, check_answer, check_request, compare, send

        try:
            settings = Source(find_config(config, os.environ, Path.cwd())).load().settings
            original = find(settings, record)
            if original is None:
                raise Refused(
                    f"nothing was captured of {record}: see capture.mode, and how long bodies are kept"
                )
            if not force:
                (check_answer if serve else check_request)(original.captured)
            if serve:
                asyncio.run(_serve(original, port))
                return
            answer = send(original.captured, url or _own_url(settings), key=key, took=_write)
        except (Refused, ConfigError, OSError) as error:
            _err.print(str(error) or type(error).__name__, style="red", markup=False)
            raise typer.Exit(2) from None
        comparison = compare(original, answer)
        _tell(original, answer, comparison)
        if timing:
            _list(original.captured.timing, answer.timing)
        if answer.broken or not (comparison.same_status and comparison.same_but_ids):
            raise typer.Exit(1)


def _own_url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}/v1"


def _write(piece: bytes) -> None:
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


async def _serve(original: Original, port: int) -> None:
    from sluiceway.mock.server import make_server
    from sluiceway.replay import Player

    server = make_server(Player(original), port=port)
    captured = original.captured
    _err.print(
        f"Playing the answer to {captured.method} {captured.path} on http://127.0.0.1:{server.port}/v1",
        markup=False,
    )
    await server.serve()


# ── telling ─────────────────────────────────────────────────────────────────────────────────────────


def _tell(original: Original, answer: Answer, comparison: Comparison) -> None:
    captured = original.captured
    then = str(original.status) if original.status else "not kept"
    lines = [
        f"status  {answer.status}{'' if comparison.same_status else f', then {then}'}",
        f"answer  {_words(captured.redacted, comparison)}{'; it broke off' if answer.broken else ''}",
        f"bytes   {len(answer.body)}, then {captured.response_size}",
        f"pieces  {_pace(answer.timing)}",
        f"  then  {_pace(captured.timing)}",
    ]
    _err.print("\n" + "\n".join(lines), markup=False)


def _words(redacted: int, comparison: Comparison) -> str:
    if comparison.same_bytes:
        return "the same bytes"
    if comparison.same_but_ids:
        return "the same apart from ids, times and heartbeats"
    where = f", from event {comparison.first_difference} on" if comparison.first_difference else ""
    unsure = " (something was taken out of what was kept)" if redacted else ""
    return f"another one{where}{unsure}"


def _pace(timing: tuple[tuple[float, int], ...]) -> str:
    """How the pieces of an answer came, in words."""
    if not timing:
        return "none"
    moments = [at for at, _ in timing]
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    longest = f", longest silence {max(gaps):.0f} ms" if gaps else ""
    return f"{len(timing)}, first after {moments[0]:.0f} ms, last after {moments[-1]:.0f} ms{longest}"


def _list(then: tuple[tuple[float, int], ...], now: tuple[tuple[float, int], ...]) -> None:
    """One line for each piece. Network and buffers cut as they like, so the rows need not belong together."""
    _err.print("\n  piece          then                now", markup=False)
    for number in range(min(max(len(then), len(now)), MAX_LISTED)):
        columns = (_cell(then, number), _cell(now, number))
        _err.print(f"{number + 1:7d}  {columns[0]}  {columns[1]}", markup=False)


def _cell(timing: tuple[tuple[float, int], ...], number: int) -> str:
    if number >= len(timing):
        return " " * 22
    at_ms, size = timing[number]
    return f"{at_ms:9.1f} ms {size:7d} B"
