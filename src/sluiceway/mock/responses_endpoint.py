"""POST /v1/responses: from a request to a script."""

from __future__ import annotations

import asyncio

import msgspec

from sluiceway.mock import images
from sluiceway.mock.chat_endpoint import openai_error
from sluiceway.mock.compose import seed_for
from sluiceway.mock.exchange import Exchange
from sluiceway.mock.images_request import Uploads
from sluiceway.mock.pace import DrawingPace
from sluiceway.mock.responses import events_for, response_for
from sluiceway.mock.responses_request import asked_by, picture_asked_by, read_request
from sluiceway.mock.scene import Event, Scene, Script
from sluiceway.mock.stage import script_for, turned


async def responses(exchange: Exchange) -> Script:
    """Read the request, turn the knobs, draw what is to be drawn, and answer, properly or not.

    Raises `InvalidRequest` for a request that OpenAI would refuse, a knob or a fault that does not exist.
    """
    request = read_request(await exchange.body())
    name, settings = turned(exchange, request.model, stream=bool(request.stream))
    request = msgspec.structs.replace(request, model=name)
    wanted = picture_asked_by(request)
    picture = None
    if wanted is not None:  # painting takes longer than the other streams of this process can wait
        picture = await asyncio.to_thread(images.compose, "generation", wanted, Uploads(), settings)
    events = events_for(request, settings, picture)
    strokes = (position for position, event in enumerate(events) if _shows_picture(event))
    scene = Scene(
        stream=bool(request.stream),
        events=events,
        answer=response_for(request, settings, picture),
        pace=DrawingPace(
            settings.ttft,
            settings.tps,
            settings.jitter,
            seed_for(asked_by(request), settings),
            settings.tokens,
            frozenset(strokes),
        ),
        error_event=_error_event,
        error_body=openai_error,
        closing=exchange.closing,
        http10=exchange.http10,
    )
    return script_for(scene, settings)


def _shows_picture(event: Event) -> bool:
    return event.kind == "token" and event.name.startswith("response.image_generation_call.")


def _error_event(message: str, kind: str, code: str) -> Event:
    """An error in the middle of a stream; the scene gives it the number of its place."""
    data = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": 0}
    return Event("error", data, "error")
