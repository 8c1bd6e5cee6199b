"""A JSON answer with images as the event stream that would have carried it.

For upstreams that answer with JSON where the client wants a stream. Collecting the stream gives the answer
back, but for members beside `data` that the API does not have: those end up in each image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sluiceway.dialects.images_event import error_event, has_image, missing_images
from sluiceway.dialects.images_usage import zero_usage
from sluiceway.dialects.json_text import read_json, write_json
from sluiceway.dialects.openai_errors import read_object_error
from sluiceway.errors import UpstreamInvalid
from sluiceway.wire.sse import encode_event

_NOT_OF_AN_EVENT: Final = ("created", "data", "usage")


def explode(body: bytes, *, prefix: str, images: int) -> bytes:
    """See `base.Dialect.explode`. One `PREFIX.completed` for each image; `url` stays where that came.

    Fewer images than the `images` that were asked for: those that came, since they were paid for, and then
    the error that says how many are missing. None at all is `UpstreamInvalid`.
    """
    try:
        return b"".join(_write(read_json(body), f"{prefix}.completed", images))
    except ValueError:
        raise UpstreamInvalid("the upstream's answer is not JSON") from None
    except RecursionError:
        raise UpstreamInvalid("the upstream's answer is nested too deeply") from None


def _write(answer: Any, kind: str, images: int) -> Iterator[bytes]:
    if not isinstance(answer, dict):
        raise UpstreamInvalid("the upstream's answer is not a JSON object")
    if (error := read_object_error(answer)) is not None:
        raise error
    data = answer.get("data")
    items = [item for item in data if has_image(item)] if isinstance(data, list) else []
    if not items:
        raise UpstreamInvalid("the upstream's answer has no images")
    about = {name: value for name, value in answer.items() if name not in _NOT_OF_AN_EVENT}
    if answer.get("created") is not None:
        about["created_at"] = answer["created"]
    usage = answer.get("usage")
    for left, item in zip(reversed(range(len(items))), items, strict=True):
        fields = {"type": kind} | about | item
        fields["type"] = kind
        if isinstance(usage, dict):
            # All is counted in the last event, so the sum is right; SDKs in typed languages want it in each.
            fields["usage"] = zero_usage(usage) if left else usage
        yield encode_event(write_json(fields), event=kind.encode())
    if len(items) < images:
        yield error_event(missing_images(len(items), images))
