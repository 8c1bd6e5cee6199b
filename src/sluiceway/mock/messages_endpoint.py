"""POST /v1/messages and /v1/messages/count_tokens: from a request to a script."""

from __future__ import annotations

from typing import Any

import msgspec

from sluiceway.errors import GatewayError, InvalidRequest
from sluiceway.mock.compose import seed_for
from sluiceway.mock.exchange import Exchange
from sluiceway.mock.messages import asked_by, count_for, events_for, message_for, read_request
from sluiceway.mock.pace import Pace
from sluiceway.mock.scene import Event, Scene, Script, json_response
from sluiceway.mock.stage import script_for, turned

_REQUEST_ID = "req_mock"
_TYPE_BY_STATUS = {404: "not_found_error", 413: "request_too_large"}
_TYPE_BY_CODE = {
    "rate_limit_exceeded": "rate_limit_error",
    "overloaded": "overloaded_error",
    "internal_error": "api_error",
}


async def messages(exchange: Exchange) -> Script:
    """Read the request, turn the knobs, and answer, properly or not.

    Raises `InvalidRequest` for a request that Anthropic would refuse, a knob or a fault that does not exist.
    """
    body = await exchange.body()
    _demand_version(exchange)
    request = read_request(body)
    name, settings = turned(exchange, request.model, stream=bool(request.stream))
    request = msgspec.structs.replace(request, model=name)
    scene = Scene(
        stream=bool(request.stream),
        events=events_for(request, settings),
        answer=message_for(request, settings),
        pace=Pace(settings.ttft, settings.tps, settings.jitter, seed_for(asked_by(request), settings)),
        error_event=lambda message, kind, code: Event("error", _error(message, kind, code), "error"),
        error_body=lambda message, kind, code: _error(message, kind, code) | {"request_id": _REQUEST_ID},
        closing=exchange.closing,
        http10=exchange.http10,
    )
    return script_for(scene, settings)


async def count_tokens(exchange: Exchange) -> Script:
    """What the prompt would cost. Raises `InvalidRequest` as `messages` does."""
    body = await exchange.body()
    _demand_version(exchange)
    return json_response(200, count_for(body)).tweak(closing=exchange.closing).script()


def anthropic_error(error: GatewayError) -> dict[str, Any]:
    """The body of an HTTP error of the Anthropic API, which has neither code nor param."""
    kind = _TYPE_BY_STATUS.get(error.status, error.type)
    return _error(error.message, kind, None) | {"request_id": _REQUEST_ID}


def _error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"type": "error", "error": {"type": _TYPE_BY_CODE.get(code or "", kind), "message": message}}


def _demand_version(exchange: Exchange) -> None:
    if not exchange.headers.get("anthropic-version"):
        raise InvalidRequest("anthropic-version: header is required")
