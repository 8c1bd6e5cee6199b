"""One of several processes that share the port: what its supervisor tells it, and how it obeys.

They talk over a pair of sockets. When the supervisor dies its end closes, and the worker drains. It obeys no
signal: a terminal or a service manager sends them to all processes, and a worker would take the supervisor's
order, which follows, for a second one.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import uvloop

from sluiceway.config.kinds import Secret
from sluiceway.config.settings import Settings
from sluiceway.config.source import Loaded
from sluiceway.config.stored_keys import StoredKeys
from sluiceway.observe.logs import configure_logging
from sluiceway.policy.parts import divided
from sluiceway.server import GatewayServer, build_server, is_up, tune_gc
from sluiceway.watching import watching

log = logging.getLogger("sluiceway.worker")

# A message: its length, then msgpack. A configuration with thousands of keys takes a few hundred KiB.
_LENGTH_BYTES = 4


class Start(msgspec.Struct, frozen=True, tag=True):
    """The first order. `listener`: the file descriptor of its listening socket. `shared`: a folder of all workers."""

    settings: Settings
    stored: StoredKeys | None
    worker: int
    workers: int
    listener: int
    shared: str


class Apply(msgspec.Struct, frozen=True, tag=True):
    """Put this configuration in force."""

    settings: Settings
    stored: StoredKeys | None


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Drain and end; `at_once`: wait no longer."""

    at_once: bool = False


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker's only message: it accepts connections."""


Message = Start | Apply | Stop | Ready


# ── messages ────────────────────────────────────────────────────────────────────────────────────────


def encode(message: Message) -> bytes:
    """The bytes of a message; secrets included, so for a worker's eyes only."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    """Those of the other side, until it is gone."""
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            yield _decoder.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise NotImplementedError(f"can't send a {type(value).__name__}")


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(value)
    raise NotImplementedError(f"can't receive a {kind.__name__}")


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message, dec_hook=_secret)


# ── the process ─────────────────────────────────────────────────────────────────────────────────────


async def work(control: socket.socket) -> None:
    """Serve as the supervisor says, until it says stop or is gone."""
    reader, writer = await asyncio.open_connection(sock=control)
    orders = messages(reader)
    start = await anext(orders, None)
    if not isinstance(start, Start):
        return  # it is gone before it began
    configure_logging(start.settings.server.log_level)
    settings, stored = divided(start.settings, start.stored, start.workers)
    with watching(settings, worker=start.worker, shared=Path(start.shared)) as onlooking:
        server = build_server(
            settings, stored, onlooking=onlooking, worker=start.worker, workers=start.workers
        )
        serving = asyncio.create_task(server.serve([socket.socket(fileno=start.listener)]))
        obeying = asyncio.create_task(_obey(orders, server, start.workers))
        try:
            await is_up(server, serving)
            writer.write(encode(Ready()))
            tune_gc()
            await serving
        finally:
            obeying.cancel()
            writer.close()


async def _obey(orders: AsyncIterator[Message], server: GatewayServer, workers: int) -> None:
    async for order in orders:
        match order:
            case Apply(settings, stored):
                try:
                    server.apply(Loaded(*divided(settings, stored, workers)))
                except Exception:
                    log.exception("the configuration could not be put in force; nothing has changed")
            case Stop(at_once):
                server.stop(at_once=at_once)
    if not server.should_exit:
        log.error("the supervisor is gone; draining")
        server.stop()


def main() -> None:
    """Entry point of the process; its only argument is the file descriptor of its end of the pair."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    uvloop.run(work(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
