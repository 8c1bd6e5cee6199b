"""The simulated provider as an ASGI application: routing, records, errors.

It needs Sluiceway's own server (`server.py`): a fault writes bytes that no ASGI message can say.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from sluiceway.client_transport import client_transport
from sluiceway.errors import ClientGone, GatewayError, UnknownPath, WrongMethod
from sluiceway.front import FrontProtocol
from sluiceway.mock.chat_endpoint import chat_completions, openai_error
from sluiceway.mock.endpoints import (
    clear_endpoint,
    embeddings,
    health,
    models,
    requests_endpoint,
    transcriptions,
)
from sluiceway.mock.exchange import Endpoint, Exchange
from sluiceway.mock.faults import find_fault
from sluiceway.mock.images_endpoint import images_edits, images_generations, images_variations
from sluiceway.mock.journal import Journal
from sluiceway.mock.messages_endpoint import anthropic_error, count_tokens, messages
from sluiceway.mock.perform import Performance, reset
from sluiceway.mock.responses_endpoint import responses
from sluiceway.mock.scene import Script, json_response
from sluiceway.mock.settings import MockSettings

_UNRECORDED = ("/_mock/", "/healthz")  # looking at the journal does not change it


class MockProvider:
    """A provider that answers as its settings, its requests and their faults say.

    `journal` holds the last requests. Raises `InvalidRequest` if the settings name an unknown fault.
    """

    def __init__(self, settings: MockSettings | None = None) -> None:
        self.settings = settings or MockSettings()
        if self.settings.fault:
            find_fault(self.settings.fault)
        self.journal = Journal()
        self._running: set[Performance] = set()
        self._doomed: WeakSet[FrontProtocol] = WeakSet()
        self._routes: dict[str, dict[str, Endpoint]] = {
            "/v1/chat/completions": {"POST": chat_completions},
            "/v1/responses": {"POST": responses},
            "/v1/messages": {"POST": messages},
            "/v1/messages/count_tokens": {"POST": count_tokens},
            "/v1/images/generations": {"POST": images_generations},
            "/v1/images/edits": {"POST": images_edits},
            "/v1/images/variations": {"POST": images_variations},
            "/v1/embeddings": {"POST": embeddings},
            "/v1/audio/transcriptions": {"POST": transcriptions},
            "/v1/models": {"GET": models},
            "/healthz": {"GET": health},
            "/_mock/requests": {
                "GET": requests_endpoint(self.journal),
                "DELETE": clear_endpoint(self.journal),
            },
        }

    def __repr__(self) -> str:
        return f"<MockProvider {len(self._running)} running, {len(self.journal.records)} recorded>"

    def abort_all(self) -> None:
        """Cut every running answer: some faults would outlast any patience at shutdown."""
        for performance in list(self._running):
            performance.abort()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        link = client_transport(scope)
        if link is None:
            raise RuntimeError("The simulated provider has to run on sluiceway.mock.server.")
        if link.front in self._doomed:  # the fault `stale`
            reset(link.transport)
            link.complete(keep_alive=False)
            return
        journal = Journal() if scope["path"].startswith(_UNRECORDED) else self.journal
        record = journal.begin(scope)
        exchange = Exchange(
            scope, receive, record=record, settings=self.settings, closing=not link.keep_alive
        )
        performance = Performance(link, record)
        self._running.add(performance)
        try:
            script = await self._script(exchange)
            await performance.play(_head_only(script) if scope["method"] == "HEAD" else script)
        except ClientGone:
            record.end("aborted")
        finally:
            self._running.discard(performance)
        if performance.doomed:
            self._doomed.add(link.front)

    async def _script(self, exchange: Exchange) -> Script:
        try:
            return await self._endpoint(exchange)(exchange)
        except ClientGone:
            raise
        except GatewayError as error:
            # What is left of a body that was refused would be read as the next request.
            closing = exchange.closing or (not exchange.body_read and _has_body(exchange))
            body = _error_body(exchange.record.path, error)
            headers = [(name.decode(), value.decode()) for name, value in error.headers]
            return json_response(error.status, body, *headers).tweak(closing=closing).script()

    def _endpoint(self, exchange: Exchange) -> Endpoint:
        path, method = exchange.record.path, exchange.record.method
        methods = self._routes.get(path)
        if methods is None:
            raise UnknownPath(f"Unknown request URL: {method} {path}.")
        endpoint = methods.get(method)
        if endpoint is None:
            raise WrongMethod(f"{path} does not take {method}.", allowed=", ".join(sorted(methods)))
        return endpoint


def _error_body(path: str, error: GatewayError) -> dict[str, Any]:
    """Every API has its own shape of error."""
    if path.startswith("/v1/messages"):
        return anthropic_error(error)
    return openai_error(error.message, error.type, error.code, error.param)


def _has_body(exchange: Exchange) -> bool:
    return "transfer-encoding" in exchange.headers or exchange.headers.get("content-length", "0") != "0"


def _head_only(script: Script) -> Script:
    """RFC 9110 section 9.3.2: the answer to HEAD has the headers and no body."""
    head_sent = False
    for step in script:
        if isinstance(step, bytes):
            if not head_sent:
                yield step
            head_sent = True
        else:
            yield step
