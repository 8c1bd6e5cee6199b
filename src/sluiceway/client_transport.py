"""What a response may do with the connection below its request, under our own front: write to it, and be told.

`front` hands it out as `scope["extensions"]["sluiceway.transport"]`; under any other ASGI server there is none.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from sluiceway.front import FrontProtocol

EXTENSION = "sluiceway.transport"


class Refusal(msgspec.Struct, frozen=True):
    """What the front has answered itself, to a request that was on its way to somebody. `size`: of its body."""

    status: int
    message: str
    code: str
    size: int


class TransportListener(Protocol):
    """Who is told about the client's connection while a response is being written to it."""

    def client_paused(self) -> None:
        """The transport's buffer is full."""
        ...

    def client_resumed(self) -> None:
        """The transport's buffer has drained."""
        ...

    def client_gone(self) -> None:
        """The connection is closed; nothing written from now on arrives."""
        ...


class ClientTransport:
    """What a response may do with the connection of its request: write, and say when it is complete.

    A pipelined request replaces `front.cycle` while an earlier one is still being answered, so the
    cycle is kept from the start.
    """

    __slots__ = ("_cycle", "front", "transport")

    def __init__(self, front: FrontProtocol) -> None:
        self.front = front
        self.transport: asyncio.Transport = front.transport
        self._cycle = front.cycle

    @property
    def keep_alive(self) -> bool:
        """Whether the connection outlives this response."""
        return self._cycle.keep_alive and not (self._cycle.more_body and self.front._reading == "body")

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """`date`, as uvicorn keeps it up to date once a second."""
        return self._cycle.default_headers

    @property
    def refusal(self) -> Refusal | None:
        """The front's own answer to this request, since it never came whole."""
        front = self.front
        return front.refused if front.cycle is self._cycle else None

    def listen(self, listener: TransportListener | None) -> None:
        """Tell `listener` of back-pressure and of the client's leaving, until the response is complete."""
        self.front.listener = listener

    def begin(self) -> None:
        """From here on the response is being written: nobody else may speak on this connection."""
        self._cycle.response_started = True

    def complete(self, *, keep_alive: bool = True) -> None:
        """The response was written straight to the transport, whole.

        Mirrors the end of uvicorn's `RequestResponseCycle.send`: keep-alive, pipelining and the
        keep-alive timer go on from there.
        """
        cycle = self._cycle
        keep_alive = keep_alive and self.keep_alive
        self.front.listener = None
        cycle.response_started = True
        cycle.response_complete = True
        cycle.message_event.set()
        # Cuts the circle scope → extensions → this → cycle → scope, which would wait for the garbage collector.
        cycle.scope["extensions"] = None  # type: ignore[typeddict-item]
        if keep_alive:
            cycle.on_response()
        else:
            self.front.close_gently()

    def abort(self) -> None:
        """Cut the connection: the response can't be completed and the client must notice."""
        self.front.listener = None
        self._cycle.disconnected = True  # so that uvicorn does not take it for a forgotten response
        self.transport.abort()


def client_transport(scope: Any) -> ClientTransport | None:
    """The connection below this request, if the server is ours; None under any other ASGI server."""
    extensions = scope.get("extensions")
    return extensions.get(EXTENSION) if extensions else None
