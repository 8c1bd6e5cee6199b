"""What a supervisor and its workers say to each other, over a pair of sockets for each worker.

    supervisor ──► worker   Start, then Apply, Drain, Reloaded and Stop as they come; Answer to what was asked
    worker ──► supervisor   Ready, Obeyed for each Apply and Drain; asks for Reload and SetDrained

A message is its length, then msgpack. Secrets are in it, so it is for these processes' eyes only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Any

import msgspec

from sluiceway.config.kinds import Secret
from sluiceway.config.settings import Settings
from sluiceway.config.stored_keys import StoredKeys
from sluiceway.reload import Result

# A configuration with thousands of keys takes a few hundred KiB.
_LENGTH_BYTES = 4


# ── to a worker ─────────────────────────────────────────────────────────────────────────────────────


class Start(msgspec.Struct, frozen=True, tag=True):
    """The first order. `listener`: the file descriptor of its listening socket. `shared`: a folder of all workers.

    drained: upstreams that take nothing new. files: what the configuration is read from. last_reload: how the
    latest one went, if there was one.
    """

    settings: Settings
    stored: StoredKeys | None
    worker: int
    workers: int
    listener: int
    shared: str
    drained: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    last_reload: Result | None = None


class Apply(msgspec.Struct, frozen=True, tag=True):
    """Put this configuration in force."""

    settings: Settings
    stored: StoredKeys | None


class Drain(msgspec.Struct, frozen=True, tag=True):
    """These upstreams take nothing new; all others do."""

    upstreams: tuple[str, ...]


class Reloaded(msgspec.Struct, frozen=True, tag=True):
    """How a reload went, whoever asked for it. `files`: what is read from now on."""

    result: Result
    files: tuple[str, ...]


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What was asked for under that number is done, by all workers. `result`: of a reload."""

    number: int
    result: Result | None = None


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Drain and end; `at_once`: wait no longer."""

    at_once: bool = False


# ── to the supervisor ───────────────────────────────────────────────────────────────────────────────


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker accepts connections."""


class Obeyed(msgspec.Struct, frozen=True, tag=True):
    """The next `Apply` or `Drain` in a row is done."""


class Reload(msgspec.Struct, frozen=True, tag=True):
    """Read the configuration again. `number`: of the question; its `Answer` has the same."""

    number: int
    reason: str


class SetDrained(msgspec.Struct, frozen=True, tag=True):
    """Have no worker send anything new to that upstream, or have them all send to it again."""

    number: int
    upstream: str
    drained: bool


Message = Start | Apply | Drain | Reloaded | Answer | Stop | Ready | Obeyed | Reload | SetDrained


# ── as bytes ────────────────────────────────────────────────────────────────────────────────────────


def encode(message: Message) -> bytes:
    """The bytes of a message, secrets included."""
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
