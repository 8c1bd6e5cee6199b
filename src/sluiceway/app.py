"""The ASGI application: gateway paths to `Gateway.handle`, its own few paths answered here."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from sluiceway.dialects.table import DEFAULT_ERRORS
from sluiceway.errors import GatewayError, UnknownPath, WrongMethod
from sluiceway.gateway import Gateway
from sluiceway.observe.draft import new_request_id
from sluiceway.outbound import Receive, Scope, Send
from sluiceway.wire.http import Headers, get_header


class App:
    """`/v1/…` is relayed; `/healthz` and `/readyz` are for load balancers; all else is unknown."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection scope (ASGI 3.0: http or lifespan)."""
        if scope["type"] == "http":
            path = scope["path"]
            try:
                if (
                    scope["method"] == "OPTIONS"
                    and self.gateway.runtime.cors.enabled
                    and _is_preflight(scope)
                ):
                    await self._preflight(scope, send)
                elif path.startswith("/v1/"):
                    await self.gateway.handle(scope, receive, send)
                else:
                    await self._own(scope, send)
            finally:
                scope["extensions"] = {}  # which refer to the server's own objects, and these to the scope
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _own(self, scope: Scope, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        try:
            if path not in ("/healthz", "/readyz"):
                raise UnknownPath(f"no such path: {path[:200]} (the API is under /v1/)")
            if method not in ("GET", "HEAD"):
                raise WrongMethod(f"{path} takes GET, not {method}", allowed="GET, HEAD")
        except GatewayError as error:
            body = DEFAULT_ERRORS.error_body(error, "")
            await _respond(send, error.status, body, error.headers)
            return
        gateway = self.gateway
        in_flight = len(gateway.active)
        if path == "/healthz":
            await _respond(send, 200, _json({"status": "ok", "in_flight": in_flight}))
            return
        state = {
            "status": "draining" if gateway.draining else "ok",
            "in_flight": in_flight,
            "queued": gateway.admission.waiting,
            "upstreams": {name: upstream.in_flight for name, upstream in gateway.upstreams.items()},
            "tasks": len(asyncio.all_tasks()),
        }
        await _respond(send, 503 if gateway.draining else 200, _json(state))

    async def _preflight(self, scope: Scope, send: Send) -> None:
        headers = self.gateway.runtime.cors.preflight(scope["headers"])
        await _respond(send, 204 if headers else 403, b"", headers or [])

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.gateway.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.shield(self.gateway.close())
                await send({"type": "lifespan.shutdown.complete"})
                return


def _is_preflight(scope: Scope) -> bool:
    return bool(get_header(scope["headers"], b"access-control-request-method"))


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


async def _respond(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    head = [(b"x-request-id", new_request_id().encode()), *(headers or [])]
    if status != 204:
        head += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
