"""One request on its way in: what an endpoint is given to answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from sluiceway.errors import BodyTooLarge, ClientGone
from sluiceway.mock.journal import KEPT_BODY_BYTES, Record
from sluiceway.mock.scene import Script
from sluiceway.mock.settings import MockSettings

MAX_JSON_BYTES = 64 * 1024 * 1024  # a request that is held whole; uploads are only counted


class Exchange:
    """A request: its headers (lower case), its body, and the provider's settings.

    `closing`: the connection ends after this answer. `http10`: no chunked answers. `body_read`: nothing
    of the body is left on the connection.
    """

    __slots__ = ("_receive", "body_read", "closing", "headers", "http10", "record", "settings")

    def __init__(
        self, scope: Any, receive: Any, *, record: Record, settings: MockSettings, closing: bool
    ) -> None:
        self._receive = receive
        self.record = record
        self.settings = settings
        self.closing = closing
        self.headers = dict(record.headers)
        self.http10 = scope["http_version"] == "1.0"
        self.body_read = False

    async def body_pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes; raises `ClientGone` if it never comes whole."""
        kept = bytearray()
        while not self.body_read:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("The client left while it sent its request.")
            piece = message["body"]
            self.body_read = not message["more_body"]
            kept += piece[: KEPT_BODY_BYTES - len(kept)]
            self.record.body_bytes += len(piece)
            if self.body_read:
                self.record.body = kept.decode(errors="replace")
            yield piece

    async def body(self) -> bytes:
        """The whole body; raises `ClientGone` or, over 64 MiB, `BodyTooLarge`."""
        pieces = bytearray()
        async for piece in self.body_pieces():
            pieces += piece
            if len(pieces) > MAX_JSON_BYTES:
                raise BodyTooLarge(f"The request body is over {MAX_JSON_BYTES} bytes.")
        return bytes(pieces)


Endpoint = Callable[[Exchange], Awaitable[Script]]
