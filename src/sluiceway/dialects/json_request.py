"""Request bodies in JSON, read only as far as the gateway needs, and changed only where it has to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.errors import InvalidRequest

Fields = dict[str, msgspec.Raw]
_T = TypeVar("_T")

TRUE: Final = msgspec.Raw(b"true")

_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode


def read_fields(body: bytes) -> Fields:
    """The members of a body that must be a JSON object; of one that comes twice, the last.

    Raises `InvalidRequest`.
    """
    if not body:
        raise InvalidRequest("the request has no body")
    try:
        return _decode_fields(body)
    except msgspec.ValidationError:
        raise InvalidRequest("the request body must be a JSON object") from None
    except RecursionError:
        raise InvalidRequest("the request body is nested too deeply") from None
    except UnicodeDecodeError:
        raise InvalidRequest("the request body is not valid JSON: it is not UTF-8") from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise InvalidRequest(f"the request body is not valid JSON: {reason}") from None


def read_member(fields: Fields, name: str, decode: Callable[[msgspec.Raw], _T], expected: str) -> _T | None:
    """One member of the request, decoded; None where it is missing. Raises `InvalidRequest`.

    `expected` ends the sentence "NAME must be …".
    """
    if name not in fields:
        return None
    try:
        return decode(fields[name])
    except NOT_JSON:
        raise InvalidRequest(f"{name} must be {expected}", param=name) from None


def read_model(fields: Fields) -> str:
    """The model; raises `InvalidRequest` where none is named."""
    model = read_member(fields, "model", _decode_text, "a string")
    if not model:
        raise InvalidRequest("the request names no model", param="model")
    return model


def read_stream(fields: Fields) -> bool:
    """Whether the client asks for a stream. Raises `InvalidRequest`."""
    return bool(read_member(fields, "stream", _decode_flag, "true or false"))


def changed_body(
    request: DialectRequest, *, model: str | None, force_stream: bool, changed: Fields | None = None
) -> bytes:
    """The body for the upstream, see `base.Dialect.write_request`; `changed` are further members to set.

    The client's own bytes where nothing changes; values that do not change stay byte for byte.
    """
    changed = changed or {}
    if model is not None and model != request.model:
        changed["model"] = msgspec.Raw(msgspec.json.encode(model))
    if force_stream and not request.stream:
        changed["stream"] = TRUE
    return msgspec.json.encode(request.fields | changed) if changed else request.body
