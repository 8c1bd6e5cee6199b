"""Image answers of the simulated provider: functions of the request, its uploads, its settings and a seed.

The JSON answer and the events are two views of one `ImagesAnswer`, so both show the same files and count
the same tokens. Shapes: the OpenAI API reference, images and image streaming events.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
from PIL import Image

from sluiceway.errors import InvalidRequest
from sluiceway.mock.images_request import ImagesRequest, Kind, Uploads
from sluiceway.mock.pictures import draw, draw_edit, encoded, read_image, size_of
from sluiceway.mock.settings import MockSettings

_CREATED = 1_700_000_000  # answers of one seed are made at one time
_CREATED_RANGE = 10_000_000
_CHARS_PER_TOKEN = 4
_UPLOAD_TOKENS = 194  # a square image: 65, and 129 for its one tile, as gpt-image-1 counts
_SQUARE_PIXELS = 1024 * 1024
# Of a square picture; the first three are those of gpt-image-1, where two thirds more pixels cost as much more.
_QUALITY_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "xhigh": 8320, "max": 16640}

_JsonObject = dict[str, Any]


class Shot(msgspec.Struct, frozen=True):
    """One picture as base64: what is shown while it is made, and what is made."""

    partials: tuple[str, ...]
    final: str


class ImagesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer before it has a form. `event`: what its events' names begin with."""

    event: str
    created: int
    shots: tuple[Shot, ...]
    about: dict[str, str]
    usage: _JsonObject | None
    as_url: bool
    revised_prompt: str | None

    def json(self) -> _JsonObject:
        """The body of a JSON answer; its usage is the sum of what the events say."""
        data = []
        for shot in self.shots:
            item = {"url": self._data_url(shot)} if self.as_url else {"b64_json": shot.final}
            if self.revised_prompt is not None:
                item["revised_prompt"] = self.revised_prompt
            data.append(item)
        body: _JsonObject = {"created": self.created, "data": data, **self.about}
        if self.usage is not None:
            body["usage"] = _times(self.usage, len(self.shots))
        return body

    def events(self) -> list[_JsonObject]:
        """The data of each event, in order: one picture after the other, since nothing else tells whose
        partial it is.
        """
        events: list[_JsonObject] = []
        for shot in self.shots:
            for index, partial in enumerate(shot.partials):
                event = self._event("partial_image", partial)
                event["partial_image_index"] = index
                events.append(event)
            event = self._event("completed", shot.final)
            if self.usage is not None:
                event["usage"] = self.usage
            events.append(event)
        return events

    def _event(self, name: str, b64: str) -> _JsonObject:
        return {"type": f"{self.event}.{name}", "b64_json": b64, "created_at": self.created, **self.about}

    def _data_url(self, shot: Shot) -> str:
        return f"data:image/{self.about['output_format']};base64,{shot.final}"


def compose(kind: Kind, request: ImagesRequest, uploads: Uploads, settings: MockSettings) -> ImagesAnswer:
    """Draw all pictures of an answer: some 200 ms for each, so not for an event loop.

    Raises `InvalidRequest` for a size or an image that can't be used.
    """
    size = size_of(request.size)
    seed = seed_for(kind, request, uploads, settings)
    references = [read_image(data, "image") for data in uploads.images]
    mask = _mask(uploads, references)
    image_format = request.output_format or "png"
    transparent = request.background == "transparent"
    quality = request.quality if request.quality in _QUALITY_TOKENS else "high"
    prompt = request.prompt or ""
    compression = 100 if request.output_compression is None else request.output_compression
    partials = (request.partial_images or 0) if kind != "variation" else 0
    shots = []
    for number in range(request.n or 1):
        if references:
            image = draw_edit(seed + number, prompt, size, references, mask, transparent=transparent)
        else:
            image = draw(seed + number, prompt, size, transparent=transparent)
        *sketches, final = [
            base64.b64encode(
                encoded(
                    image,
                    seed + number,
                    sharpness=(step + 1) / (partials + 1),
                    image_format=image_format,
                    compression=compression,
                )
            ).decode()
            for step in range(partials + 1)
        ]
        shots.append(Shot(tuple(sketches), final))
    return ImagesAnswer(
        event="image_generation" if kind == "generation" else "image_edit",
        created=_CREATED + seed % _CREATED_RANGE,
        shots=tuple(shots),
        about={
            "background": "transparent" if transparent else "opaque",
            "output_format": image_format,
            "quality": str(quality),
            "size": f"{size[0]}x{size[1]}",
        },
        usage=None if settings.usage == "off" else _usage(prompt, len(references), str(quality), size),
        as_url=request.response_format == "url",
        # Only models from before gpt-image revise prompts, and only they know `response_format`.
        revised_prompt=request.prompt if request.response_format else None,
    )


def seed_for(kind: Kind, request: ImagesRequest, uploads: Uploads, settings: MockSettings) -> int:
    """The knob, else made from the prompt and the uploaded files."""
    if settings.seed is not None:
        return settings.seed
    digest = hashlib.sha256(f"{kind}/{request.prompt or ''}".encode())
    for data in (*uploads.images, uploads.mask or b""):
        digest.update(hashlib.sha256(data).digest())
    return int.from_bytes(digest.digest()[:4])


def _mask(uploads: Uploads, references: list[Image.Image]) -> Image.Image | None:
    if uploads.mask is None or not references:
        return None
    mask = read_image(uploads.mask, "mask")
    if mask.size != references[0].size:
        raise InvalidRequest("The mask must have the size of the first image.", param="mask")
    if mask.getchannel("A").getextrema() == (255, 255):
        raise InvalidRequest(
            "The mask has no transparent pixels, where the image would change.", param="mask"
        )
    return mask


def _usage(prompt: str, uploads: int, quality: str, size: tuple[int, int]) -> _JsonObject:
    """Of one picture."""
    text_tokens = -(-len(prompt) // _CHARS_PER_TOKEN)
    image_tokens = uploads * _UPLOAD_TOKENS
    output_tokens = max(1, round(_QUALITY_TOKENS[quality] * size[0] * size[1] / _SQUARE_PIXELS))
    return {
        "input_tokens": text_tokens + image_tokens,
        "input_tokens_details": {"image_tokens": image_tokens, "text_tokens": text_tokens},
        "output_tokens": output_tokens,
        "total_tokens": text_tokens + image_tokens + output_tokens,
    }


def _times(usage: _JsonObject, count: int) -> _JsonObject:
    return {
        name: _times(value, count) if isinstance(value, dict) else value * count
        for name, value in usage.items()
    }
