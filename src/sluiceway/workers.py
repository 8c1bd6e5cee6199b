"""Several processes on one port: started, restarted when they die, reloaded and drained together.

The supervisor opens the sockets and serves nothing itself. Each worker is a fresh interpreter with a listening
socket of its own; since the supervisor holds it, too, connections that wait in the socket of a worker that died
are served by its successor. Only the supervisor reads the configuration, and hands all workers the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sluiceway.config.source import Loaded, Source
from sluiceway.listener import listen_for
from sluiceway.orders import (
    Answer,
    Apply,
    Drain,
    Message,
    Obeyed,
    Ready,
    Reload,
    Reloaded,
    SetDrained,
    Start,
    Stop,
    encode,
    messages,
)
from sluiceway.policy.parts import has_limits
from sluiceway.reload import Reloader, Result
from sluiceway.server import raise_file_limit

log = logging.getLogger("sluiceway.workers")

# A worker that lived for so long died by accident; its successor starts at once.
STABLE_S = 10.0

# Otherwise its successor waits: a little, then longer each time, so that a worker that can't live does not take
# the machine. Not for long: new connections that the kernel gave to its socket wait as well.
BACKOFF_S = 0.5
MAX_BACKOFF_S = 4.0

# How long an order may take all workers before whoever asked for it is told that it is done. A worker obeys within
# milliseconds; one that is stuck will obey first of all, once it is not.
OBEY_S = 2.0


async def supervise(source: Source, loaded: Loaded, announce: Callable[[Loaded, int], None]) -> int:
    """Run `server.workers` processes until a signal says stop; gives the exit code.

    `announce` is called once, with the port, when all of them are up. Raises `OSError` if the port is taken.
    """
    raise_file_limit()
    server = loaded.settings.server
    listeners = listen_for(server.workers, server.host, server.port)
    port = listeners[0].getsockname()[1]
    shared = tempfile.TemporaryDirectory(prefix="sluiceway-", ignore_cleanup_errors=True)
    supervisor = Supervisor(listeners, loaded, Path(shared.name), source.files)
    reloader = Reloader(
        source, loaded, supervisor.apply, lambda result: supervisor.reloaded(result, source.files)
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    reloader.start()
    try:
        return await supervisor.run(lambda: announce(reloader.loaded, port), reloader.reload)
    finally:
        await reloader.close()
        shared.cleanup()


class Life:
    """One life of a worker: how it is told, and what of it was done. `sent`, `obeyed`: orders."""

    __slots__ = ("is_ready", "obeyed", "sent", "writer")

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.is_ready = False
        self.sent = 0
        self.obeyed = 0

    def tell(self, message: Message) -> None:
        """Hand it over; it never waits."""
        self.sent += isinstance(message, Apply | Drain)
        self.writer.write(encode(message))


class Supervisor:
    """Keeps one worker alive for each listening socket."""

    def __init__(
        self, listeners: list[socket.socket], loaded: Loaded, shared: Path, files: Sequence[Path] = ()
    ) -> None:
        """`shared`: a folder for what workers leave for each other. `files`: what the configuration is read from."""
        self._listeners = listeners
        self._shared = shared
        self._loaded = loaded
        self._files = tuple(map(str, files))
        self._last_reload: Result | None = None
        self._drained: set[str] = set()  # upstreams, for as long as the gateway runs
        self._lives: dict[int, Life] = {}  # by worker, of those that live
        self._obeyed = asyncio.Event()  # some worker, some order; or it died
        self._doing: set[asyncio.Task[None]] = set()  # what workers have asked for
        self._stop: Stop | None = None  # the latest order to stop
        self._stopping = asyncio.Event()
        self._waiting_for = set(range(len(listeners)))  # to be up for the first time
        self._all_up = asyncio.Event()
        self._exit_code = 0

    async def run(self, announce: Callable[[], None], reload: Callable[[str], Awaitable[Result]]) -> int:
        """Until all workers have ended: 0, or 1 if one could not start at all. `reload`: has the configuration read
        again, for a reason; when it returns, `apply` was called if need be."""
        self._reload = reload
        self._say_how_limits_count()
        keeping = [asyncio.create_task(self._keep(worker)) for worker in range(len(self._listeners))]
        announcing = asyncio.create_task(self._announce(announce))
        await asyncio.gather(*keeping)
        announcing.cancel()
        return self._exit_code

    def apply(self, loaded: Loaded) -> None:
        """Hand a configuration to all workers, those that start later included."""
        before, self._loaded = self._loaded, loaded
        logging.getLogger("sluiceway").setLevel(loaded.settings.server.log_level.upper())
        self._drained &= {upstream.name for upstream in loaded.settings.upstreams}
        self._tell_all(Apply(loaded.settings, loaded.stored))
        if not has_limits(before.settings, before.stored):
            self._say_how_limits_count()

    def reloaded(self, result: Result, files: Sequence[Path]) -> None:
        """Tell all workers how a reload went, and what is read from now on."""
        self._last_reload, self._files = result, tuple(map(str, files))
        self._tell_all(Reloaded(result, self._files))

    @property
    def drained(self) -> tuple[str, ...]:
        """Upstreams to which no worker sends anything new."""
        return tuple(sorted(self._drained))

    def stop(self) -> None:
        """Drain all workers; the second time, end their waiting."""
        self._stop = Stop(at_once=self._stopping.is_set())
        self._stopping.set()
        self._tell_all(self._stop)
        for listener in self._listeners:
            listener.close()  # each worker has its own, and accepts what waits there

    async def _announce(self, announce: Callable[[], None]) -> None:
        await self._all_up.wait()
        announce()

    def _tell_all(self, message: Message) -> None:
        for life in self._lives.values():
            life.tell(message)

    def _say_how_limits_count(self) -> None:
        settings, workers = self._loaded.settings, len(self._listeners)
        if not settings.state.redis and has_limits(settings, self._loaded.stored):
            log.warning(
                "without state.redis no worker knows of the others: each gets its part of every limit",
                extra={"workers": workers},
            )

    # ── one worker ──────────────────────────────────────────────────────────────────────────────────

    async def _keep(self, worker: int) -> None:
        loop = asyncio.get_running_loop()
        backoff_s = 0.0
        while not self._stopping.is_set():
            began = loop.time()
            process = await self._live(worker)
            if self._stopping.is_set():
                break
            died = {"worker": worker, "pid": process.pid, "how": _how(process.returncode)}
            if worker in self._waiting_for:
                log.error("a worker could not start", extra=died)
                self._exit_code = 1
                self.stop()
                break
            if loop.time() - began >= STABLE_S:
                backoff_s = 0.0
            log.error("a worker died and is started again", extra={**died, "in_s": backoff_s})
            await self._pause(backoff_s)
            backoff_s = min(MAX_BACKOFF_S, backoff_s * 2 or BACKOFF_S)

    async def _live(self, worker: int) -> asyncio.subprocess.Process:
        """One life of a worker, from its start to its end."""
        listener = self._listeners[worker].fileno()
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sluiceway.worker",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(), listener),
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        life = self._lives[worker] = Life(writer)
        life.tell(self._start(worker, listener))
        if self._stop is not None:
            life.tell(self._stop)
        async for message in messages(reader):
            self._heard(worker, life, message)
        del self._lives[worker]
        self._obeyed.set()
        writer.close()
        await process.wait()
        return process

    def _start(self, worker: int, listener: int) -> Start:
        return Start(
            self._loaded.settings,
            self._loaded.stored,
            worker,
            len(self._listeners),
            listener,
            str(self._shared),
            self.drained,
            self._files,
            self._last_reload,
        )

    # ── what workers say ────────────────────────────────────────────────────────────────────────────

    def _heard(self, worker: int, life: Life, message: Message) -> None:
        match message:
            case Ready():
                life.is_ready = True
                self._waiting_for.discard(worker)
                if not self._waiting_for:
                    self._all_up.set()
            case Obeyed():
                life.obeyed += 1
                self._obeyed.set()
            case Reload() | SetDrained():
                doing = asyncio.create_task(self._do(worker, life, message))
                self._doing.add(doing)
                doing.add_done_callback(self._doing.discard)

    async def _do(self, worker: int, life: Life, asked: Reload | SetDrained) -> None:
        result: Result | None = None
        if isinstance(asked, Reload):
            result = await self._reload(asked.reason)
        else:
            (self._drained.add if asked.drained else self._drained.discard)(asked.upstream)
            self._tell_all(Drain(self.drained))
        await self._all_obey()
        if self._lives.get(worker) is life:
            life.tell(Answer(asked.number, result))

    async def _all_obey(self) -> None:
        """Wait until all workers that serve have done what they were told so far; not for ever."""
        told = [(worker, life, life.sent) for worker, life in self._lives.items() if life.is_ready]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OBEY_S):
                while any(
                    life.obeyed < sent and self._lives.get(worker) is life for worker, life, sent in told
                ):
                    self._obeyed.clear()
                    await self._obeyed.wait()

    async def _pause(self, seconds: float) -> None:
        if seconds:
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([stopping], timeout=seconds)
            stopping.cancel()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {-code} ({signal.strsignal(-code)})"
    return f"exit code {code}"
