"""The provider's other paths: enough of each to see that a request went through unharmed."""

from __future__ import annotations

import base64
import math
import struct
import time
from typing import Any

import msgspec

from sluiceway.errors import InvalidRequest
from sluiceway.mock.exchange import Endpoint, Exchange
from sluiceway.mock.faults import FAULTS
from sluiceway.mock.journal import Journal
from sluiceway.mock.scene import Script, json_response
from sluiceway.mock.settings import FAULT_MODEL_PREFIX
from sluiceway.mock.words import seeded

MODELS = ("mock-gpt", "mock-gpt-mini", "mock-claude", "mock-image", "mock-embedding", "mock-transcribe")
_CREATED = 1_700_000_000
_DIMENSIONS = 8
_MAX_DIMENSIONS = 4096


class EmbeddingsRequest(msgspec.Struct, frozen=True):
    """What an embedding depends on."""

    model: str
    input: str | list[Any]
    dimensions: int | None = None
    encoding_format: str | None = None


async def health(exchange: Exchange) -> Script:
    """It is up."""
    return _answer(exchange, {"status": "ok"})


async def models(exchange: Exchange) -> Script:
    """The plain models, and one for each fault."""
    names = (*MODELS, *(FAULT_MODEL_PREFIX + name for name in FAULTS))
    data = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "mock"} for name in names]
    return _answer(exchange, {"object": "list", "data": data})


async def embeddings(exchange: Exchange) -> Script:
    """A short unit vector per input, the same for the same text."""
    try:
        request = msgspec.json.decode(await exchange.body(), type=EmbeddingsRequest)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"{error}.") from None
    texts: list[Any] = [request.input] if isinstance(request.input, str) else request.input
    dimensions = request.dimensions or _DIMENSIONS
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise InvalidRequest(f"dimensions is 1 to {_MAX_DIMENSIONS}.", param="dimensions")
    data = []
    for index, text in enumerate(texts):
        vector = unit_vector(text, dimensions)
        embedding: Any = vector
        if request.encoding_format == "base64":  # what the openai SDK asks for
            embedding = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    tokens = sum(1 + len(str(text)) // 4 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _answer(exchange, {"object": "list", "data": data, "model": request.model, "usage": usage})


def unit_vector(text: object, dimensions: int) -> list[float]:
    """A vector of length 1 that depends on the text alone."""
    rng = seeded("embedding", text)
    raw = [rng.uniform(-1, 1) for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in raw)) or 1.0
    return [value / length for value in raw]


async def transcriptions(exchange: Exchange) -> Script:
    """Take an upload of any size without holding it; the text says how many bytes came."""
    async for _ in exchange.body_pieces():
        pass
    return _answer(exchange, {"text": f"This upload had {exchange.record.body_bytes} bytes."})


def requests_endpoint(journal: Journal) -> Endpoint:
    """The endpoint that shows the journal; `now` is the clock of its times."""

    async def requests(exchange: Exchange) -> Script:
        body = {"now": time.monotonic(), "dropped": journal.dropped, "requests": journal.records}
        return _answer(exchange, body)

    return requests


def clear_endpoint(journal: Journal) -> Endpoint:
    """The endpoint that empties the journal."""

    async def clear(exchange: Exchange) -> Script:
        journal.clear()
        return _answer(exchange, {"requests": []})

    return clear


def _answer(exchange: Exchange, body: Any) -> Script:
    return json_response(200, body).tweak(closing=exchange.closing).script()
