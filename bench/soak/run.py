"""Runs a soak: load, then quiet, then what is left."""

from __future__ import annotations

import asyncio
import datetime
import random
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
import uvloop

from bench.client import BenchError
from bench.results import machine
from bench.soak import gauge
from bench.soak.client import Client
from bench.soak.gauge import Ready, Sample
from bench.soak.load import Wish
from bench.soak.world import World, unrest

SAMPLE_S = 10.0
QUIET_S = 20.0
"""How long the gateway may take to become quiet: no clock of an answer runs for longer."""

KEEPALIVE_S = 62.0
"""After so long, idle connections toward upstreams have been closed (after 55 s)."""

SHOWN_WRONGS = 20


class Options(msgspec.Struct, frozen=True):
    """`minutes` of load by so many `clients` at a time, drawn from `seed`. `settle`: wait for idle connections to be
    closed, too, which takes a minute.
    """

    minutes: float
    seed: int
    clients: int
    home: Path
    settle: bool = True


class Result(msgspec.Struct):
    """`outcomes`: how often, by (kind of request, fault or manner, outcome). `wrongs`: what was dishonest, in words;
    `before`, `quiet`, `after`: the process before the load, after it, and when idle connections are closed.
    """

    date: str
    command: str
    options: Options
    machine: dict[str, str]
    outcomes: Counter[tuple[str, str, str]]
    wrongs: list[str]
    samples: list[Sample]
    before: Sample
    quiet: Sample
    after: Sample | None
    reloads: int
    kills: int
    exit_code: int | None
    complaints: list[str]

    @property
    def requests(self) -> int:
        """All that clients began."""
        return self.outcomes.total()


def run(options: Options) -> Result:
    """The whole of it; every process that it starts has ended when this returns or raises."""
    world = World(options.home)
    try:
        return uvloop.run(_Run(options, world).run())
    except psutil.NoSuchProcess:
        raise BenchError(f"the gateway died: {world.gateway.last_words()}") from None
    finally:
        world.close()


class _Run:
    def __init__(self, options: Options, world: World) -> None:
        self._options = options
        self._world = world
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._wrongs: list[str] = []
        self._samples: list[Sample] = []
        self._began = 0.0

    async def run(self) -> Result:
        options, world = self._options, self._world
        await self._warm_up()
        before = await self._rest(None)
        await self._load()
        quiet = await self._rest(before.ready)
        after = None
        if options.settle:
            await asyncio.sleep(KEEPALIVE_S)
            after = await self._sample()
        exit_code = await asyncio.to_thread(world.drain)
        return Result(
            date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            command=" ".join(["python -m bench", *sys.argv[1:]]),
            options=options,
            machine=machine(),
            outcomes=self._outcomes,
            wrongs=self._wrongs,
            samples=self._samples,
            before=before,
            quiet=quiet,
            after=after,
            reloads=world.reloads,
            kills=world.kills,
            exit_code=exit_code,
            complaints=world.complaints(),
        )

    async def _warm_up(self) -> None:
        """What is made with the first request is there before the baseline is taken."""
        first = Client(self._world.port, "warm/w0", lambda *_: None)
        await first.run(time.monotonic() + 0.5)

    async def _load(self) -> None:
        options = self._options
        run_s = options.minutes * 60
        self._began = time.monotonic()
        until = self._began + run_s
        clients = [
            Client(self._world.port, f"{options.seed}/c{number}", self._note)
            for number in range(options.clients)
        ]
        watcher = asyncio.create_task(self._watch(min(SAMPLE_S, run_s / 6)))
        try:
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(client.run(until))
                group.create_task(unrest(self._world, random.Random(options.seed), until, run_s))
        finally:
            watcher.cancel()

    async def _watch(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            self._samples.append(await self._sample())
            newest = self._samples[-1]
            running = newest.ready
            print(
                f"{newest.at_s:5.0f} s: {self._outcomes.total()} requests, {len(self._wrongs)} dishonest, "
                f"{newest.rss_bytes / 2**20:.0f} MiB, {newest.files} files"
                + (f", {running.in_flight} in flight, {running.queued} queued" if running else ""),
                file=sys.stderr,
                flush=True,
            )

    async def _rest(self, baseline: Ready | None) -> Sample:
        """Wait until the gateway is quiet; the last look at it, quiet or not."""
        deadline = time.monotonic() + QUIET_S
        while True:
            await asyncio.sleep(0.3)
            seen = await self._sample()
            ready = seen.ready
            # A health check that is under way is a task more; it is over in milliseconds.
            calm = (
                ready is not None and ready.is_quiet and (baseline is None or ready.tasks <= baseline.tasks)
            )
            if (calm and seen.clients == 0) or time.monotonic() > deadline:
                return seen

    async def _sample(self) -> Sample:
        world = self._world
        at_s = time.monotonic() - self._began if self._began else 0.0
        ports = set(world.mock_ports.values())
        return await asyncio.to_thread(gauge.sample, world.gateway.pid, world.port, ports, at_s)

    def _note(self, wish: Wish, outcome: str, wrong: str) -> None:
        kind = f"bad: {wish.bad.name}" if wish.bad else f"{wish.api}{' stream' if wish.stream else ''}"
        why = "wrong key" if wish.wrong_key else wish.fault if wish.manner == "stays" else wish.manner
        self._outcomes[kind, "" if wish.bad else why, outcome] += 1
        if wrong:
            told = f"{kind} at {wish.model}, {wish.fault or 'no fault'}, {wish.manner}: {wrong}"
            self._wrongs.append(told)
            if len(self._wrongs) <= SHOWN_WRONGS:
                print(told, file=sys.stderr, flush=True)
