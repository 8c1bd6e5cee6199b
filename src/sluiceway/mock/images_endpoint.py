"""POST /v1/images/generations, /edits and /variations: from a request to a script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from sluiceway.mock.chat_endpoint import openai_error
from sluiceway.mock.exchange import Exchange
from sluiceway.mock.faults import find_fault
from sluiceway.mock.faults.base import settings_with
from sluiceway.mock.images import compose, seed_for
from sluiceway.mock.images_request import ImagesRequest, Kind, Uploads, read_images_request
from sluiceway.mock.pace import Pace
from sluiceway.mock.scene import Event, Scene, Script
from sluiceway.mock.settings import MockSettings, settings_for
from sluiceway.mock.words import seeded

DEFAULT_MODEL = "mock-image"


class PicturePace(Pace, frozen=True):
    """A picture takes as long as a text of so many `tokens`, however many partials show it meanwhile."""

    tokens: int

    def waits(self, tokens: Iterable[bool]) -> Iterator[float]:
        """Seconds before each event: `ttft` before the first, the rest of the time in even gaps.

        A lone event is a finished picture, and comes when all the time is over.
        """
        rng = seeded(self.seed, "pace")
        count = len(list(tokens))
        drawing_s = max(0, self.tokens - 1) / self.tps if self.tps else 0.0
        for position in range(count):
            if count == 1:
                yield self.ttft + drawing_s
            elif position == 0:
                yield self.ttft
            else:
                yield drawing_s / (count - 1) * (1 + self.jitter * rng.uniform(-1, 1))


async def images_generations(exchange: Exchange) -> Script:
    """Pictures from a prompt. Raises `InvalidRequest`, as the two others, for what OpenAI would refuse, and
    for a knob or a fault that does not exist.
    """
    return await _images(exchange, "generation")


async def images_edits(exchange: Exchange) -> Script:
    """Pictures from a prompt and from images, which come in a form or as `data:` URLs in JSON."""
    return await _images(exchange, "edit")


async def images_variations(exchange: Exchange) -> Script:
    """Pictures from an image alone; never a stream, since the API has none here."""
    return await _images(exchange, "variation")


async def _images(exchange: Exchange, kind: Kind) -> Script:
    request, uploads = read_images_request(
        kind, await exchange.body(), exchange.headers.get("content-type", "")
    )
    _, settings = settings_for(exchange.settings, request.model or DEFAULT_MODEL, exchange.headers)
    streams = bool(request.stream) and kind != "variation"
    exchange.record.stream = streams
    exchange.record.fault = settings.fault
    if not settings.fault:
        return (await _scene(exchange, kind, request, uploads, settings, streams)).response().script()
    fault, arg = find_fault(settings.fault)
    settings = settings_with(settings, fault)
    scene = await _scene(exchange, kind, request, uploads, settings, streams)
    return fault.play(scene.tweak(arg=arg))


async def _scene(
    exchange: Exchange,
    kind: Kind,
    request: ImagesRequest,
    uploads: Uploads,
    settings: MockSettings,
    streams: bool,
) -> Scene:
    # Painting takes longer than the other streams of this process can wait.
    answer = await asyncio.to_thread(compose, kind, request, uploads, settings)
    events = (
        Event("token" if "partial_image_index" in data else "finish", data, data["type"])
        for data in answer.events()
    )
    return Scene(
        stream=streams,
        events=tuple(events),
        answer=answer.json(),
        pace=PicturePace(
            settings.ttft,
            settings.tps,
            settings.jitter,
            seed_for(kind, request, uploads, settings),
            settings.tokens,
        ),
        error_event=images_error_event,
        error_body=openai_error,
        closing=exchange.closing,
        http10=exchange.http10,
    )


def images_error_event(message: str, kind: str, code: str) -> Event:
    """An error in the middle of an image stream."""
    return Event("error", {"type": "error", **openai_error(message, kind, code)}, "error")
