"""A Messages request as a conversation, and back.

Source: the SDK's `message_create_params`, the stable and the beta one. Content is in `messages_blocks`
(reading) and `messages_turns` (writing), thinking in `messages_thinking`.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.errors import InvalidRequest
from sluiceway.translate.messages_blocks import read_system, read_turn
from sluiceway.translate.messages_thinking import plan_thinking, read_effort
from sluiceway.translate.messages_turns import write_system, write_turns
from sluiceway.translate.neutral import Conversation, JsonFormat, Message, Tool
from sluiceway.translate.request_fields import Fields, Notes

NO_PARAMETERS: Final = {"type": "object", "properties": {}}
"""The schema of a tool without parameters, which OpenAI's tools may leave out and Anthropic's may not."""

TOP_TEMPERATURE: Final = 1.0
"""Anthropic's scale ends here, OpenAI's at 2: what is hotter has no equal, and cooling it is not ours."""

# The provider's own business, or a hint. `cache_control`: the cache. `service_tier`, `speed`: how fast, and
# at which price, of Anthropic's. `diagnostics`: of its cache. `context_management`: what Anthropic may clear
# out of a long history, which coding agents always send; without it the model sees all. `top_k`: no
# equal in OpenAI's APIs, and `top_p` cuts the same tail. `anthropic_version`, `anthropic_beta`, `betas`:
# what Amazon and Google have in the body and others in headers.
DROPPED: Final = (
    "cache_control",
    "service_tier",
    "speed",
    "diagnostics",
    "context_management",
    "top_k",
    "anthropic_version",
    "anthropic_beta",
    "betas",
)
# Not named anywhere, and so lost: `container`, `mcp_servers`, `thread`, `compaction` (state and tools on
# Anthropic's side), `inference_geo` (a promise where data goes), `fallbacks`, `billing_policy`, and whatever
# else there is or will be.

_CHOICE_OF: Final = {"auto": "auto", "any": "required", "none": "none", "tool": "tool"}
_NAME_OF_CHOICE: Final = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def read_request(fields: dict[str, Any]) -> Conversation:
    """See `neutral.Translator`. A missing `max_tokens` is no error: only Anthropic itself needs it."""
    notes = Notes()
    request = Fields(fields, "", notes)
    said: dict[str, Any] = {
        "model": request.required_text("model"),
        "messages": _read_messages(request),
        "stream": bool(request.flag("stream")),
        "max_tokens": request.count("max_tokens"),
        "temperature": request.number("temperature"),
        "top_p": request.number("top_p"),
        "stop": request.texts("stop_sequences"),
        "tools": _read_tools(request),
        "user": _read_user(request),
    }
    said |= _read_tool_choice(request) | _read_output(request) | _read_thinking(request)
    request.drop(*DROPPED)
    request.close()
    return Conversation(**said, dropped=tuple(notes.dropped), lost=tuple(notes.lost))


def _read_messages(request: Fields) -> tuple[Message, ...]:
    system = read_system(request, "system")
    messages = [Message("system", tuple(system))] if system else []
    for message in request.inners("messages"):
        role = message.required_text("role")
        if role == "user":
            messages.append(Message("user", tuple(read_turn(message, "content"))))
        elif role == "assistant":
            messages.append(Message("assistant", tuple(read_turn(message, "content"))))
        elif role == "system":  # in mid-conversation, which later models take
            messages.append(Message("system", tuple(read_system(message, "content"))))
        else:
            path = message.path("role")
            raise InvalidRequest(f"{path} must be user, assistant or system", param=path)
        message.close()
    return tuple(messages)


def _read_tools(request: Fields) -> tuple[Tool, ...]:
    tools = []
    for tool in request.inners("tools"):
        if tool.text("type") not in ("", "custom"):
            tool.abandon("type")  # runs at Anthropic (web search), or is known to Claude alone (bash)
            continue
        tools.append(
            Tool(
                name=tool.required_text("name"),
                description=tool.text("description"),
                parameters=tool.json_object("input_schema"),
                strict=tool.flag("strict"),
            )
        )
        if tool.flag("defer_loading"):
            tool.lose("defer_loading")  # offered only once a search on Anthropic's side finds it
        callers = tool.items("allowed_callers")
        if callers not in ([], ["direct"]):
            tool.lose("allowed_callers")  # code that runs on Anthropic's side
        # Examples illustrate the schema, which is carried. Eager streaming trades checks for speed.
        tool.drop("cache_control", "input_examples", "eager_input_streaming")
        tool.close()
    return tuple(tools)


def _read_tool_choice(request: Fields) -> dict[str, Any]:
    choice = request.inner("tool_choice")
    if choice is None:
        return {}
    kind = choice.required_text("type")
    if kind not in _CHOICE_OF:
        choice.abandon("type")
        return {}
    alone = choice.flag("disable_parallel_tool_use")
    said = {
        "tool_choice": _CHOICE_OF[kind],
        "tool_name": choice.required_text("name") if kind == "tool" else "",
        "parallel_calls": None if alone is None else not alone,
    }
    choice.close()
    return said


def _read_output(request: Fields) -> dict[str, Any]:
    """`output_config`, and `output_format`, the beta's name for its `format`."""
    said: dict[str, Any] = {"json_format": _read_format(request, "output_format")}
    output = request.inner("output_config")
    if output is not None:
        said["effort"] = read_effort(output.text("effort"))
        said["json_format"] = _read_format(output, "format") or said["json_format"]
        output.close()
    return said


def _read_format(fields: Fields, name: str) -> JsonFormat | None:
    chosen = fields.inner(name)
    if chosen is None:
        return None
    if chosen.required_text("type") != "json_schema":
        chosen.abandon("type")
        return None
    schema = chosen.json_object("schema")
    chosen.close()
    return JsonFormat(schema=schema)


def _read_thinking(request: Fields) -> dict[str, Any]:
    """Thoughts are shown unless the client asks to have them omitted."""
    thinking = request.inner("thinking")
    if thinking is None:
        return {}
    kind = thinking.required_text("type")
    said: dict[str, Any] = {}
    if kind in ("enabled", "adaptive"):
        said["show_thinking"] = thinking.text("display") != "omitted"
        if kind == "enabled":
            said["thinking_tokens"] = thinking.count("budget_tokens")
    elif kind == "disabled":
        said["thinking_tokens"] = 0
    else:
        thinking.abandon("type")  # `between_tools`, and what is yet to come
    thinking.close()
    return said


def _read_user(request: Fields) -> str:
    metadata = request.inner("metadata")
    if metadata is None:
        return ""
    user = metadata.text("user_id")
    metadata.drop_rest()
    return user


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_request(conversation: Conversation) -> dict[str, Any]:
    """See `neutral.Translator`; `messages_turns` and `messages_thinking` for how the API's demands are met.

    Left out, since the API has no place for it: a JSON format's name, description and `strict` (it always
    is), a tool choice of `auto` or `none` where there are no tools.
    """
    turns = write_turns(conversation.messages)
    plan = plan_thinking(conversation, turns)
    if conversation.temperature is not None and conversation.temperature > TOP_TEMPERATURE:
        raise InvalidRequest("temperature must be 1 or less for this model", param="temperature")
    output = {"effort": plan.effort, "format": _write_format(conversation.json_format)}
    request = {
        "model": conversation.model,
        "max_tokens": plan.max_tokens,
        "system": write_system(conversation.messages),
        "messages": turns,
        "tools": [_write_tool(tool) for tool in conversation.tools] or None,
        "tool_choice": _write_tool_choice(conversation),
        "thinking": plan.thinking,
        "output_config": _said(output) or None,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop_sequences": list(conversation.stop) or None,
        "metadata": {"user_id": conversation.user} if conversation.user else None,
        "stream": conversation.stream or None,
    }
    return _said(request)


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _write_tool(tool: Tool) -> dict[str, Any]:
    schema = NO_PARAMETERS if tool.parameters is None else {"type": "object"} | tool.parameters
    written = {
        "name": tool.name,
        "description": tool.description or None,
        "input_schema": schema,
        "strict": tool.strict,
    }
    return _said(written)


def _write_tool_choice(conversation: Conversation) -> dict[str, Any] | None:
    choice, parallel = conversation.tool_choice, conversation.parallel_calls
    if not conversation.tools:
        if choice in ("required", "tool"):
            raise InvalidRequest("a tool must be called, but there are no tools", param="tool_choice")
        return None
    if choice is None and parallel is None:
        return None
    written: dict[str, Any] = {"type": _NAME_OF_CHOICE[choice or "auto"]}
    if choice == "tool":
        written["name"] = conversation.tool_name
    if parallel is not None and choice != "none":
        written["disable_parallel_tool_use"] = not parallel
    return written


def _write_format(wanted: JsonFormat | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.schema is None:
        raise InvalidRequest(
            "JSON needs a schema for this model: response_format must be json_schema", param="response_format"
        )
    return {"type": "json_schema", "schema": wanted.schema}
