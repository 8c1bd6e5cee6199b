"""Plays a script on a client's connection: the one place of the provider that writes and waits."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

from sluiceway.client_transport import ClientTransport
from sluiceway.mock.faults.base import FOREVER_S
from sluiceway.mock.journal import Record
from sluiceway.mock.scene import Act, Script, Wait

# on, 0 s: close() then sends a reset at once, as a crashed or overloaded server would (socket(7)).
_LINGER_NOT = struct.pack("ii", 1, 0)


class Performance:
    """One response being written. Told by the front of back-pressure and of the client's leaving."""

    __slots__ = ("_draining", "_due", "_gone", "_link", "_paused", "_record", "_wake", "doomed")

    def __init__(self, link: ClientTransport, record: Record) -> None:
        self._link = link
        self._record = record
        self._due = 0.0
        self._paused = False
        self._draining = False
        self._gone = False
        self._wake: asyncio.Future[None] | None = None
        self.doomed = False

    def client_paused(self) -> None:
        """The client reads slower than the script writes."""
        self._paused = True

    def client_resumed(self) -> None:
        """The client has caught up."""
        self._paused = False
        if self._draining:  # else it waits for its time, not for the client
            self._wake_up()

    def client_gone(self) -> None:
        """The client left: whatever was left to say is not said."""
        self._gone = True
        self._record.end("aborted")
        self._wake_up()

    def abort(self) -> None:
        """The provider is shutting down."""
        self._link.transport.abort()

    async def play(self, script: Script) -> None:
        """Play until the script ends or the client leaves."""
        if self._link.transport.is_closing():  # before there was anybody to be told
            self.client_gone()
        self._link.listen(self)
        self._due = asyncio.get_running_loop().time()
        for step in script:
            if self._gone:
                return
            if isinstance(step, Wait):
                await self._sleep(step)
            elif isinstance(step, bytes):
                await self._write(step)
            elif self._act(step):
                return

    async def _write(self, data: bytes) -> None:
        transport = self._link.transport
        if not data:
            return
        transport.write(data)
        if self._record.first_byte_at is None:
            self._record.first_byte_at = time.monotonic()
        self._record.bytes_written += len(data)
        # One turn of the loop per write: the transport joins what is written within one turn, and an
        # endless script may not starve the others.
        await asyncio.sleep(0)
        if self._paused:
            await self._drained()

    async def _drained(self) -> None:
        while self._paused and not self._gone:
            self._draining = True
            await self._woken()
            self._draining = False
        self._due = asyncio.get_running_loop().time()  # what the client's slowness cost is not caught up

    async def _sleep(self, wait: Wait) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        # Steady waits count from when the last was due, not from when it was noticed: timers are late by
        # up to a millisecond, which at 50 tokens per second would slow the stream by 5 %.
        self._due = (self._due if wait.steady else now) + min(wait.seconds, FOREVER_S)
        if self._due <= now:
            return
        timer = loop.call_at(self._due, self._wake_up)
        try:
            await self._woken()
        finally:
            timer.cancel()

    async def _woken(self) -> None:
        self._wake = asyncio.get_running_loop().create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _act(self, act: Act) -> bool:
        """Do it; true if nothing can follow."""
        transport = self._link.transport
        if self._record.ended:  # after `DONE`: the connection belongs to the next request by now
            transport.close()
            return True
        self._record.end("broken" if act in (Act.CLOSE, Act.RESET) else "complete")
        if act is Act.RESET:
            reset(transport)
        self.doomed = act is Act.DOOM
        stays_open = act in (Act.DONE, Act.DOOM)
        self._link.complete(keep_alive=stays_open)
        return not stays_open


def reset(transport: asyncio.Transport) -> None:
    """Close a connection with a TCP reset."""
    if not transport.is_closing():  # a closed socket has no options left
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
