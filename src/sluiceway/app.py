"""The ASGI application: gateway paths to `Gateway.handle`, its own few paths answered here."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from sluiceway.config.settings import Settings
from sluiceway.config.stored_keys import StoredKeys
from sluiceway.console.api import PREFIX as API
from sluiceway.console.api import build
from sluiceway.console.auth import Admins
from sluiceway.console.deps import Deps
from sluiceway.console.site import Site
from sluiceway.dialects.table import DEFAULT_ERRORS
from sluiceway.errors import GatewayError, UnknownPath, WrongMethod
from sluiceway.gateway import Gateway
from sluiceway.observe.draft import new_request_id
from sluiceway.observe.metric_sources import gateway_source
from sluiceway.outbound import Receive, Scope, Send
from sluiceway.watching import Watching
from sluiceway.wire.http import Headers, get_header

_OWN = ("/healthz", "/readyz", "/metrics")


class App:
    """`/v1/…` is relayed; `/healthz` and `/readyz` are for load balancers, `/metrics` for Prometheus, `/api/…` for
    the console; what a browser opens besides is the console itself, and all else is unknown."""

    def __init__(
        self, gateway: Gateway, onlooking: Watching | None = None, *, worker: int = 0, workers: int = 1
    ) -> None:
        """`onlooking`: without it there are no metrics, and the console knows of no records. `worker`: which of
        `workers` processes this is, from 0."""
        self.gateway = gateway
        self.metrics = onlooking.metrics if onlooking is not None else None
        self.deps = Deps(
            gateway,
            store=onlooking.queries if onlooking is not None else None,
            inspector=gateway.onlookers.inspector,
            used=gateway.state.used,
            worker=worker,
            workers=workers,
        )
        self._api = build(self.deps)
        self._site = Site()
        self._admins = Admins()

    def apply(self, settings: Settings, stored: StoredKeys | None) -> None:
        """Another configuration, for the requests that come from now on."""
        self.gateway.apply(settings, stored)
        if self.metrics is not None:
            self.metrics.reconfigure(settings.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection scope (ASGI 3.0: http or lifespan)."""
        if scope["type"] == "http":
            path = scope["path"]
            try:
                if path.startswith(API) and path[len(API) : len(API) + 1] in ("", "/"):
                    await self._api(scope, receive, send)  # which is closed to other origins
                elif (
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
                scope["extensions"] = None  # which refer to the server's own objects, and these to the scope
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _own(self, scope: Scope, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        try:
            if path not in _OWN:
                if await self._show(scope, send):
                    return
                raise UnknownPath(f"no such path: {path[:200]} (the API is under /v1/)")
            if method not in ("GET", "HEAD"):
                raise WrongMethod(f"{path} takes GET, not {method}", allowed="GET, HEAD")
            if path == "/metrics":
                await self._tell_metrics(scope, send)
                return
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

    async def _show(self, scope: Scope, send: Send) -> bool:
        """A page or file of the console; `False` if it is none, or there is no console."""
        admin = self.gateway.runtime.settings.admin
        shown = admin.enabled and scope["method"] in ("GET", "HEAD") and scope["path"] != "/v1"
        return shown and await self._site(scope, send, admin.frame_ancestors)

    async def _tell_metrics(self, scope: Scope, send: Send) -> None:
        """Prometheus asks; whoever may read it, `metrics.public` says."""
        settings = self.gateway.runtime.settings
        if self.metrics is None:
            raise UnknownPath("there are no metrics here: metrics.enabled is false")
        if not settings.metrics.public:
            self._admins.check(scope, settings)
        content_type, page = await self.metrics.page(get_header(scope["headers"], b"accept"))
        await _respond(send, 200, page, [(b"content-type", content_type)])

    async def _preflight(self, scope: Scope, send: Send) -> None:
        headers = self.gateway.runtime.cors.preflight(scope["headers"])
        await _respond(send, 204 if headers else 403, b"", headers or [])

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.gateway.start()
                if self.metrics is not None:
                    self.metrics.read(gateway_source(self.gateway, asyncio.get_running_loop().time))
                    await self.metrics.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.shield(self._close())
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _close(self) -> None:
        await self.gateway.close()
        if self.metrics is not None:
            await self.metrics.close()


def _is_preflight(scope: Scope) -> bool:
    return bool(get_header(scope["headers"], b"access-control-request-method"))


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


async def _respond(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    head = [(b"x-request-id", new_request_id().encode()), *(headers or [])]
    if status != 204:
        if not any(name == b"content-type" for name, _ in head):
            head.append((b"content-type", b"application/json"))
        head.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
