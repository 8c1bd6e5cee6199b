"""POST /v1/chat/completions: from a request to a script. A further API is one more pair of files like
`chat.py` and this one, and a line in the table of `app.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sluiceway.mock.chat import (
    ChatRequest,
    answer_for,
    asked_by,
    carries_token,
    chunks_for,
    read_request,
)
from sluiceway.mock.compose import seed_for
from sluiceway.mock.exchange import Exchange
from sluiceway.mock.pace import Pace
from sluiceway.mock.scene import Event, Scene, Script
from sluiceway.mock.settings import MockSettings
from sluiceway.mock.stage import script_for, turned


async def chat_completions(exchange: Exchange) -> Script:
    """Read the request, turn the knobs, and answer, properly or not.

    Raises `InvalidRequest` for a request that OpenAI would refuse, a knob or a fault that does not exist.
    """
    request = read_request(await exchange.body())
    name, settings = turned(exchange, request.model, stream=bool(request.stream))
    request = msgspec.structs.replace(request, model=name)
    scene = Scene(
        stream=bool(request.stream),
        events=chat_events(request, settings),
        answer=answer_for(request, settings),
        pace=Pace(settings.ttft, settings.tps, settings.jitter, seed_for(asked_by(request), settings)),
        error_event=lambda message, kind, code: Event("error", openai_error(message, kind, code)),
        error_body=openai_error,
        closing=exchange.closing,
        http10=exchange.http10,
    )
    return script_for(scene, settings)


def chat_events(request: ChatRequest, settings: MockSettings) -> tuple[Event, ...]:
    """The answer as events, `[DONE]` included."""
    chunks = (Event(_kind(chunk), chunk) for chunk in chunks_for(request, settings))
    return (*chunks, Event("end", "[DONE]"))


def _kind(chunk: dict[str, Any]) -> Any:
    if not chunk["choices"]:
        return "usage"
    if chunk["choices"][0]["finish_reason"] is not None:
        return "finish"
    return "token" if carries_token(chunk) else "role"


def openai_error(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """The error object of the OpenAI API, the same for HTTP bodies and events."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
