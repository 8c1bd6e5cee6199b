"""The images dialect: OpenAI's `/v1/images/generations`, `/v1/images/edits` and `/v1/images/variations`.

An answer ends with the `*.completed` event of the last image that was asked for. Requests are JSON, or
forms where images are uploaded. Source: the OpenAI API reference and SDK types.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from sluiceway.dialects.base import Dialect, DialectRequest, HeartbeatForm, Usage, comment_heartbeat
from sluiceway.dialects.form_request import (
    MULTIPART,
    URLENCODED,
    FormRequest,
    changed_form,
    read_form,
    read_media_type,
)
from sluiceway.dialects.images_collect import ImagesCollector
from sluiceway.dialects.images_explode import explode
from sluiceway.dialects.images_follow import ImagesFollower
from sluiceway.dialects.images_usage import read_usage
from sluiceway.dialects.json_answer import read_success
from sluiceway.dialects.json_request import (
    Fields,
    changed_body,
    read_fields,
    read_member,
    read_model,
    read_stream,
)
from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.dialects.openai_errors import error_json, read_http_error
from sluiceway.errors import GatewayError, InvalidRequest, UpstreamReported

IMAGES_MAX: Final = 10
"""Of one request (`n`). Source: the API reference."""

PARTIALS_MAX: Final = 3
"""Of one image (`partial_images`). Source: the API reference."""

_read_n = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1, le=IMAGES_MAX)] | None).decode
_read_partials = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=0, le=PARTIALS_MAX)] | None).decode

_FORM_FIELDS: Final = frozenset({"model", "n", "partial_images", "stream"})
_FORM_FLAGS: Final = {b"1": b"true", b"0": b"false"}


class _Answer(msgspec.Struct, gc=False):
    object: Any = None
    usage: Any = None
    error: Any = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


class ImagesDialect:
    """See `base.Dialect`. Usage is always on the stream, so nothing is asked for or hidden.

    `prefix`: of the names of events that are made here. `takes_forms`: images can be uploaded.
    `can_stream`: the API knows `stream` here, so it can be forced.
    """

    __slots__ = ("_can_stream", "_prefix", "_takes_forms")
    name: str = "images"
    default_heartbeat: HeartbeatForm = "block"

    def __init__(self, prefix: str, *, takes_forms: bool, can_stream: bool) -> None:
        self._prefix = prefix
        self._takes_forms = takes_forms
        self._can_stream = can_stream

    def read_request(self, body: bytes, content_type: bytes = b"") -> DialectRequest:
        """See `base.Dialect`.

        Whatever is not said to be a form is read as JSON. The API has defaults for `model`; here it must be
        named, as it decides who is asked. A form's `stream` may be `1` or `0`, and in any case.
        """
        media_type, boundary = read_media_type(content_type)
        if media_type == MULTIPART and self._takes_forms:
            return _read_form(body, boundary)
        if media_type in (MULTIPART, URLENCODED):
            expected = "application/json or multipart/form-data" if self._takes_forms else "application/json"
            raise InvalidRequest(f"the content-type must be {expected}, not {media_type.decode()}")
        fields = read_fields(body)
        model = read_model(fields)
        stream, images = _read_options(fields)
        return DialectRequest(body=body, fields=fields, model=model, stream=stream, images=images)

    def write_request(
        self, request: DialectRequest, *, model: str | None, force_stream: bool, ask_usage: bool
    ) -> bytes:
        """See `base.Dialect`. Variations are never forced to stream: an upstream would refuse the field."""
        force_stream = force_stream and self._can_stream
        if isinstance(request, FormRequest):
            return changed_form(request, model=model, force_stream=force_stream)
        return changed_body(request, model=model, force_stream=force_stream)

    def follow(self, request: DialectRequest, *, hide_usage: bool) -> ImagesFollower:
        """See `base.Dialect`."""
        return ImagesFollower(images=request.images)

    def collect(self, request: DialectRequest, *, max_bytes: int) -> ImagesCollector:
        """See `base.Dialect`."""
        return ImagesCollector(images=request.images, max_bytes=max_bytes)

    def explode(self, body: bytes, request: DialectRequest, *, include_usage: bool) -> bytes:
        """See `base.Dialect` and `images_explode`."""
        return explode(body, prefix=self._prefix, images=request.images)

    def read_answer(self, body: bytes) -> Usage | None:
        """See `base.Dialect`. The images are skipped unread."""
        try:
            answer = _decode_answer(body)
            if not answer.error and answer.object != "error":
                return read_usage(answer.usage)
        except NOT_JSON:
            pass
        return read_usage(read_success(body).get("usage"))

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `base.Dialect`."""
        return read_http_error(status, body)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """See `base.Dialect`. OpenAI's error object has no place for the request's id but its header."""
        return error_json(error)

    def heartbeat(self, form: HeartbeatForm) -> bytes:
        """See `base.Dialect`. There is no ping in this dialect: a comment stands in."""
        return comment_heartbeat(form)


def _read_form(body: bytes, boundary: bytes) -> FormRequest:
    form = read_form(body, boundary, _FORM_FIELDS)
    try:
        model = form.values.get("model", b"").decode()
    except UnicodeDecodeError:
        raise InvalidRequest("model must be text in UTF-8", param="model") from None
    if not model:
        raise InvalidRequest("the request names no model", param="model")
    # What these hold reads as JSON does, and a browser sends an empty one for what was left open.
    options = {
        name: value.strip().lower() or b"null" for name, value in form.values.items() if name != "model"
    }
    if (flag := options.get("stream")) in _FORM_FLAGS:
        options["stream"] = _FORM_FLAGS[flag]
    stream, images = _read_options({name: msgspec.Raw(value) for name, value in options.items()})
    return FormRequest(
        body=body,
        fields={},
        model=model,
        stream=stream,
        images=images,
        model_at=form.spans["model"],
        stream_at=form.spans.get("stream"),
        first_part=form.first_part,
        boundary=boundary,
    )


def _read_options(fields: Fields) -> tuple[bool, int]:
    """Whether to stream, and how many images are asked for."""
    read_member(fields, "partial_images", _read_partials, f"a whole number from 0 to {PARTIALS_MAX}")
    images = read_member(fields, "n", _read_n, f"a whole number from 1 to {IMAGES_MAX}")
    return read_stream(fields), images or 1


IMAGE_GENERATIONS: Dialect = ImagesDialect("image_generation", takes_forms=False, can_stream=True)
IMAGE_EDITS: Dialect = ImagesDialect("image_edit", takes_forms=True, can_stream=True)

# The API has no stream here. One that is made from JSON, for a client that asks for it all the same, looks
# like that of an edit, which is the API's next of kin: an image in, an image out.
IMAGE_VARIATIONS: Dialect = ImagesDialect("image_edit", takes_forms=True, can_stream=False)
