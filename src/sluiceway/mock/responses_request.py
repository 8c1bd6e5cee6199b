"""Reads what a client asks of the Responses API. Shapes: the OpenAI API reference, responses/create."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sluiceway.errors import InvalidRequest
from sluiceway.mock.compose import Asked, Function, last_user_text, read_json, text_of
from sluiceway.mock.images_request import ImagesRequest

_JsonObject = dict[str, Any]
_IMAGE_FIELDS = ("size", "quality", "background", "output_format", "output_compression", "partial_images")


class ResponsesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request the answer depends on, and what the answer repeats; all else is ignored."""

    model: Annotated[str, Meta(min_length=1)]
    input: str | Annotated[list[_JsonObject], Meta(min_length=1)]
    stream: bool | None = None
    instructions: str | list[_JsonObject] | None = None
    tools: list[_JsonObject] | None = None
    tool_choice: str | _JsonObject | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    parallel_tool_calls: bool | None = None
    metadata: dict[str, str] | None = None
    include: list[str] | None = None

    @property
    def items(self) -> list[_JsonObject]:
        """The input as items: a string is one message of the user's."""
        if isinstance(self.input, str):
            return [{"role": "user", "content": self.input}]
        return self.input

    @property
    def seals_thoughts(self) -> bool:
        """Whether the client wants thoughts that it can give back unread."""
        return "reasoning.encrypted_content" in (self.include or ())


def read_request(body: bytes) -> ResponsesRequest:
    """Raises `InvalidRequest` that names the field at fault (`param`)."""
    return read_json(body, ResponsesRequest)


def asked_by(request: ResponsesRequest) -> Asked:
    """What the answer depends on."""
    choice = request.tool_choice
    chosen = choice.get("name") if isinstance(choice, dict) else None
    functions = [tool for tool in request.tools or () if tool.get("type") == "function"]
    instructions = () if request.instructions is None else (request.instructions,)
    return Asked(
        model=request.model,
        said=request.items,
        texts=(*map(text_of, instructions), *(_item_text(item) for item in request.items)),
        last_user_text=last_user_text(request.items),
        functions=tuple(
            Function(str(tool.get("name", "lookup")), tool.get("parameters")) for tool in functions
        ),
        chosen=chosen,
        may_call=choice != "none" and not _picture_chosen(request) and not _answered(request),
        limit=request.max_output_tokens,
    )


def picture_asked_by(request: ResponsesRequest) -> ImagesRequest | None:
    """The picture to draw, if the image tool is offered. Raises `InvalidRequest` for what it can't be."""
    offered = [tool for tool in request.tools or () if tool.get("type") == "image_generation"]
    if not offered or not _may_draw(request) or _answered(request):
        return None
    fields = {name: offered[0].get(name) for name in _IMAGE_FIELDS}
    try:
        wanted = msgspec.convert(fields, ImagesRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The image_generation tool: {error}.", param="tools") from None
    return msgspec.structs.replace(wanted, prompt=last_user_text(request.items))


def _may_draw(request: ResponsesRequest) -> bool:
    """Whether the request's choice of tools leaves the image tool among them."""
    choice = request.tool_choice
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = choice.get("tools")
        return isinstance(allowed, list) and any(
            isinstance(tool, dict) and tool.get("type") == "image_generation" for tool in allowed
        )
    return _picture_chosen(request) if isinstance(choice, dict) else choice != "none"


def _picture_chosen(request: ResponsesRequest) -> bool:
    choice = request.tool_choice
    return isinstance(choice, dict) and choice.get("type") == "image_generation"


def _answered(request: ResponsesRequest) -> bool:
    """Whether the last word is a tool's result."""
    return request.items[-1].get("type") == "function_call_output"


def _item_text(item: _JsonObject) -> str:
    return text_of(next((item[name] for name in ("content", "arguments", "output") if name in item), None))
