"""Several processes on one port: started, restarted when they die, reloaded and drained together.

The supervisor opens the sockets and serves nothing itself. Each worker is a fresh interpreter with a listening
socket of its own; since the supervisor holds it, too, connections that wait in the socket of a worker that died
are served by its successor. Only the supervisor reads the configuration, and hands all workers the same.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sluiceway.config.source import Loaded, Source
from sluiceway.listener import listen_for
from sluiceway.policy.parts import has_limits
from sluiceway.reload import Reloader
from sluiceway.server import raise_file_limit
from sluiceway.worker import Apply, Message, Ready, Start, Stop, encode, messages

log = logging.getLogger("sluiceway.workers")

# A worker that lived for so long died by accident; its successor starts at once.
STABLE_S = 10.0

# Otherwise its successor waits: a little, then longer each time, so that a worker that can't live does not take
# the machine. Not for long: new connections that the kernel gave to its socket wait as well.
BACKOFF_S = 0.5
MAX_BACKOFF_S = 4.0


async def supervise(source: Source, loaded: Loaded, announce: Callable[[Loaded, int], None]) -> int:
    """Run `server.workers` processes until a signal says stop; gives the exit code.

    `announce` is called once, with the port, when all of them are up. Raises `OSError` if the port is taken.
    """
    raise_file_limit()
    server = loaded.settings.server
    listeners = listen_for(server.workers, server.host, server.port)
    port = listeners[0].getsockname()[1]
    shared = tempfile.TemporaryDirectory(prefix="sluiceway-", ignore_cleanup_errors=True)
    supervisor = Supervisor(listeners, loaded, Path(shared.name))
    reloader = Reloader(source, loaded, supervisor.apply)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    reloader.start()
    try:
        return await supervisor.run(lambda: announce(reloader.loaded, port))
    finally:
        await reloader.close()
        shared.cleanup()


class Supervisor:
    """Keeps one worker alive for each listening socket."""

    def __init__(self, listeners: list[socket.socket], loaded: Loaded, shared: Path) -> None:
        """`shared`: a folder for what workers leave for each other."""
        self._listeners = listeners
        self._shared = shared
        self._loaded = loaded
        self._writers: dict[int, asyncio.StreamWriter] = {}  # by worker, of those that live
        self._stop: Stop | None = None  # the latest order to stop
        self._stopping = asyncio.Event()
        self._waiting_for = set(range(len(listeners)))  # to be up for the first time
        self._all_up = asyncio.Event()
        self._exit_code = 0

    async def run(self, announce: Callable[[], None]) -> int:
        """Until all workers have ended: 0, or 1 if one could not start at all."""
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
        self._tell_all(Apply(loaded.settings, loaded.stored))
        if not has_limits(before.settings, before.stored):
            self._say_how_limits_count()

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
        for writer in self._writers.values():
            writer.write(encode(message))

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
        workers, shared = len(self._listeners), str(self._shared)
        start = Start(self._loaded.settings, self._loaded.stored, worker, workers, listener, shared)
        writer.write(encode(start))
        if self._stop is not None:
            writer.write(encode(self._stop))
        self._writers[worker] = writer
        async for message in messages(reader):
            if isinstance(message, Ready):
                self._waiting_for.discard(worker)
                if not self._waiting_for:
                    self._all_up.set()
        del self._writers[worker]
        writer.close()
        await process.wait()
        return process

    async def _pause(self, seconds: float) -> None:
        if seconds:
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([stopping], timeout=seconds)
            stopping.cancel()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {-code} ({signal.strsignal(-code)})"
    return f"exit code {code}"
