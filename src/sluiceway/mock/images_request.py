"""Reads what a client asks of the images API: JSON, or a form with its images.

Shapes: the OpenAI API reference, images/generations, images/edits and images/variations.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from sluiceway.errors import InvalidRequest
from sluiceway.mock.exchange import MAX_JSON_BYTES

MAX_IMAGES = 10
MAX_PARTIALS = 3
MAX_UPLOADS = 16  # as OpenAI for its GPT image models
_MAX_PROMPT_CHARS = 32_000
_IMAGE_FIELDS = ("image", "image[]")

Kind = Literal["generation", "edit", "variation"]
_T = TypeVar("_T")
Part = tuple[str, bytes]


class ImagesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request the pictures depend on; everything else is accepted and ignored."""

    prompt: Annotated[str, Meta(min_length=1, max_length=_MAX_PROMPT_CHARS)] | None = None
    model: Annotated[str, Meta(min_length=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_IMAGES)] | None = None
    size: str | None = None
    quality: Literal["low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"] | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    partial_images: Annotated[int, Meta(ge=0, le=MAX_PARTIALS)] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    stream: bool | None = None


class Uploads(msgspec.Struct, frozen=True):
    """The image files that came with a request."""

    images: tuple[bytes, ...] = ()
    mask: bytes | None = None


class _Reference(msgspec.Struct, frozen=True):
    image_url: str | None = None
    file_id: str | None = None


class _References(msgspec.Struct, frozen=True):
    images: list[_Reference] = []
    mask: _Reference | None = None


def read_images_request(kind: Kind, body: bytes, content_type: str) -> tuple[ImagesRequest, Uploads]:
    """A request and its files. Raises `InvalidRequest` that names the field at fault (`param`)."""
    media_type, options = parse_options_header(content_type)
    if media_type == b"multipart/form-data":
        fields, uploads = _sorted(_form_parts(body, options.get(b"boundary")))
        request = _valid(fields, ImagesRequest, strict=False)
    else:
        fields = _json(body)
        uploads = _referenced(_valid(fields, _References)) if kind == "edit" else Uploads()
        request = _valid(fields, ImagesRequest)
    _check(kind, request, uploads)
    return request, uploads


def _check(kind: Kind, request: ImagesRequest, uploads: Uploads) -> None:
    if kind != "variation" and request.prompt is None:
        raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt")
    if kind != "generation" and not uploads.images:
        raise InvalidRequest("Missing required parameter: 'image'.", param="image")
    if len(uploads.images) > MAX_UPLOADS:
        raise InvalidRequest(f"There can be {MAX_UPLOADS} images at most.", param="image")
    if request.background == "transparent" and request.output_format == "jpeg":
        raise InvalidRequest("A JPEG has no transparent background.", param="background")


def _json(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.ValidationError:
        raise InvalidRequest("The request body is not a JSON object.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest("The request body is not valid JSON.") from None


def _valid(fields: dict[str, Any], struct: type[_T], *, strict: bool = True) -> _T:
    try:
        return msgspec.convert(fields, struct, strict=strict)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        field = where.rstrip("`")
        raise InvalidRequest(f"{reason} ({field}).", param=field) from None


def _form_parts(body: bytes, boundary: bytes | None) -> list[Part]:
    """The parts of a `multipart/form-data` body: RFC 7578."""
    parts: list[Part] = []
    ends: list[bool] = []

    def on_field(field: Field) -> None:
        parts.append((_name(field.field_name), field.value or b""))

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        parts.append((_name(file.field_name), file.file_object.read()))
        file.close()

    # Files stay in memory, where the whole body is already, and never become temporary files.
    config = {"MAX_MEMORY_FILE_SIZE": 2 * MAX_JSON_BYTES}
    try:
        form = FormParser(
            "multipart/form-data", on_field, on_file, lambda: ends.append(True), boundary, config=config
        )
        form.write(body)
        form.finalize()
    except FormParserError:
        ends.clear()
    if not ends:
        raise InvalidRequest("The request body is not a whole multipart/form-data body.")
    return parts


def _name(field: bytes | None) -> str:
    return (field or b"").decode(errors="replace")


def _sorted(parts: list[Part]) -> tuple[dict[str, Any], Uploads]:
    images = tuple(data for name, data in parts if name in _IMAGE_FIELDS)
    mask = next((data for name, data in parts if name == "mask"), None)
    fields = {
        name: data.decode(errors="replace") for name, data in parts if name not in (*_IMAGE_FIELDS, "mask")
    }
    return fields, Uploads(images, mask)


def _referenced(references: _References) -> Uploads:
    images = tuple(_inline(image, f"images[{index}]") for index, image in enumerate(references.images))
    return Uploads(images, _inline(references.mask, "mask") if references.mask else None)


def _inline(reference: _Reference, param: str) -> bytes:
    """The bytes of a `data:` URL (RFC 2397): the provider stores no files and never calls out."""
    head, comma, data = (reference.image_url or "").partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        raise InvalidRequest("An image is given as a data: URL in base64 (image_url).", param=param)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("The data: URL is not valid base64.", param=param) from None
