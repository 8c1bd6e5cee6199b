"""A Responses request as a conversation, and back.

Source: the SDK's `response_create_params`. What `input` holds is in `responses_items`.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.errors import InvalidRequest
from sluiceway.translate.effort import effort_of
from sluiceway.translate.neutral import Conversation, JsonFormat, Message, Text, Tool
from sluiceway.translate.request_fields import Fields, Notes
from sluiceway.translate.responses_items import PARAGRAPHS, read_items, refuse_programs, write_items

UNNAMED_FORMAT: Final = "answer"
"""The name of a JSON format where the client gave none: this API demands one."""

# The provider's own business, or a hint. `metadata`, `safety_identifier`: labels for OpenAI's records.
# `prompt_cache_…`: its cache. `service_tier`: how fast, at which price, of OpenAI's. `stream_options`:
# padding against eavesdroppers. `truncation`: what to do where the upstream would refuse a long request.
# `image`: how OpenAI packs pictures.
DROPPED: Final = (
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "stream_options",
    "truncation",
    "image",
)
# Not named anywhere, and so lost: `previous_response_id`, `conversation`, `prompt`, `context_management` (state
# on OpenAI's side), `max_tool_calls` (of tools there), `moderation`, `access_programs`, and whatever else
# there is or will be.

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def read_request(fields: dict[str, Any]) -> Conversation:
    """See `neutral.Translator`."""
    notes = Notes()
    request = Fields(fields, "", notes)
    said: dict[str, Any] = {
        "model": request.required_text("model"),
        "stream": bool(request.flag("stream")),
        "tools": _read_tools(request),
        "parallel_calls": request.flag("parallel_tool_calls"),
        "max_tokens": request.count("max_output_tokens"),
        "temperature": request.number("temperature"),
        "top_p": request.number("top_p"),
        "user": request.text("user"),
    }
    said |= _read_tool_choice(request, notes) | _read_reasoning(request) | _read_text(request)
    instructions = request.text("instructions")
    messages = [Message("system", (Text(instructions),))] if instructions else []
    items = request.take("input")
    if items is not None:
        messages += read_items(items, notes)
    if request.flag("store"):
        notes.dropped.append("store")  # whoever refers to the stored answer later is refused then
    if request.flag("background"):
        request.lose("background")
    if request.count("top_logprobs"):
        request.lose("top_logprobs")
    _read_include(request, notes)
    request.drop(*DROPPED)
    request.close()
    if items is None and not notes.lost:  # a stored prompt or conversation would stand in for it
        raise InvalidRequest("the request has no input", param="input")
    return Conversation(
        **said, messages=tuple(messages), dropped=tuple(notes.dropped), lost=tuple(notes.lost)
    )


def _read_include(request: Fields, notes: Notes) -> None:
    """Sealed thoughts don't come from another API, and are no loss to a client that would only send them
    back; everything else (logprobs, what tools at OpenAI found) is wanted for itself."""
    for number, name in enumerate(request.texts("include")):
        noted = notes.dropped if name == "reasoning.encrypted_content" else notes.lost
        noted.append(f"include[{number}]")


def _read_tools(request: Fields) -> tuple[Tool, ...]:
    tools = []
    for tool in request.inners("tools"):
        if tool.required_text("type") != "function":
            tool.abandon("type")  # runs at OpenAI (web_search), or takes no JSON (custom, local_shell)
            continue
        tools.append(
            Tool(
                name=tool.required_text("name"),
                description=tool.text("description"),
                parameters=tool.json_object("parameters"),
                strict=tool.flag("strict"),
            )
        )
        refuse_programs(tool)
        if tool.flag("defer_loading"):
            tool.lose("defer_loading")  # offered only once a search on OpenAI's side finds it
        if tool.items("allowed_callers") not in ([], ["direct"]):
            tool.lose("allowed_callers")
        tool.drop("output_schema")  # for code that calls it
        tool.close()
    return tuple(tools)


def _read_tool_choice(request: Fields, notes: Notes) -> dict[str, Any]:
    value = request.take("tool_choice")
    if value is None or value in ("auto", "none", "required"):
        return {"tool_choice": value}
    if isinstance(value, str):
        raise InvalidRequest("tool_choice must be auto, none, required or an object", param="tool_choice")
    choice = Fields(value, "tool_choice", notes)
    if choice.required_text("type") != "function":
        choice.abandon("type")
        return {}
    name = choice.required_text("name")
    choice.close()
    return {"tool_choice": "tool", "tool_name": name}


def _read_reasoning(request: Fields) -> dict[str, Any]:
    reasoning = request.inner("reasoning")
    if reasoning is None:
        return {}
    old, new = reasoning.text("generate_summary"), reasoning.text("summary")
    said = {"effort": reasoning.text("effort") or None, "show_thinking": bool(old or new)}
    reasoning.drop("context")  # which earlier thoughts OpenAI shows the model again
    if reasoning.text("mode") not in ("", "standard"):
        reasoning.lose("mode")
    reasoning.close()
    return said


def _read_text(request: Fields) -> dict[str, Any]:
    text = request.inner("text")
    if text is None:
        return {}
    text.drop("verbosity")
    wanted = text.inner("format")
    text.close()
    return {} if wanted is None else {"json_format": _read_format(wanted)}


def _read_format(wanted: Fields) -> JsonFormat | None:
    kind = wanted.required_text("type")
    if kind not in ("text", "json_object", "json_schema"):
        wanted.abandon("type")
        return None
    if kind != "json_schema":
        wanted.close()
        return JsonFormat() if kind == "json_object" else None
    path = wanted.path("schema")
    found = JsonFormat(
        name=wanted.required_text("name"),
        schema=wanted.json_object("schema"),
        strict=wanted.flag("strict"),
        description=wanted.text("description"),
    )
    if found.schema is None:
        raise InvalidRequest(f"{path} must be an object", param=path)
    wanted.close()
    return found


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_request(conversation: Conversation) -> dict[str, Any]:
    """See `neutral.Translator`. Nothing is stored at OpenAI that the client did not ask to be stored.

    A system message in front becomes `instructions`; others, and one that has nothing behind it, are items:
    a request needs some input. OpenAI takes no `max_output_tokens` below 16, and says so itself.
    """
    if conversation.stop:
        raise InvalidRequest("stop sequences can't be carried over to this API: leave out stop", param="stop")
    messages = conversation.messages
    instructions = ""
    if len(messages) > 1 and messages[0].role == "system":
        texts = [part.text for part in messages[0].parts if isinstance(part, Text)]
        instructions = PARAGRAPHS.join(texts)
        messages = messages[1:]
    wanted = conversation.json_format
    request = {
        "model": conversation.model,
        "instructions": instructions or None,
        "input": write_items(messages),
        "tools": [_write_tool(tool) for tool in conversation.tools] or None,
        "tool_choice": _write_tool_choice(conversation),
        "parallel_tool_calls": conversation.parallel_calls,
        "max_output_tokens": conversation.max_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "reasoning": _write_reasoning(conversation),
        "text": None if wanted is None else {"format": _write_format(wanted)},
        "user": conversation.user or None,
        "store": False,
        "stream": conversation.stream or None,
    }
    return _said(request)


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _write_tool(tool: Tool) -> dict[str, Any]:
    """Strict is this API's default and no other's, and it refuses most schemas: so it is always said."""
    described = {"description": tool.description} if tool.description else {}
    return {
        "type": "function",
        "name": tool.name,
        **described,
        "parameters": tool.parameters,
        "strict": bool(tool.strict),
    }


def _write_tool_choice(conversation: Conversation) -> str | dict[str, Any] | None:
    if conversation.tool_choice == "tool":
        return {"type": "function", "name": conversation.tool_name}
    return conversation.tool_choice


def _write_reasoning(conversation: Conversation) -> dict[str, Any] | None:
    effort, budget = conversation.effort, conversation.thinking_tokens
    if effort is None and budget is not None:
        effort = effort_of(budget)
    summary = "auto" if conversation.show_thinking else None
    return _said({"effort": effort, "summary": summary}) or None


def _write_format(wanted: JsonFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    written = {
        "type": "json_schema",
        "name": wanted.name or UNNAMED_FORMAT,
        "description": wanted.description or None,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return _said(written)
