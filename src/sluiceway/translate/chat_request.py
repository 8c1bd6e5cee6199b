"""A chat request as a conversation, and back.

Source: the SDK's `completion_create_params`. The messages are in `chat_messages`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sluiceway.errors import InvalidRequest
from sluiceway.translate.chat_messages import read_messages, write_messages
from sluiceway.translate.effort import effort_of
from sluiceway.translate.neutral import Conversation, JsonFormat, Tool
from sluiceway.translate.request_fields import Fields, Notes

# OpenAI's reasoning models refuse `max_tokens`, and most imitators know nothing else.
# https://platform.openai.com/docs/api-reference/chat/create, "max_tokens": deprecated, and not for o-series.
_NEW_LIMIT: Final = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9])")

# Hints, labels, and the provider's own business. `seed`: best effort by the API's own words. `prediction`:
# a matter of speed. `verbosity`: a hint on length. The rest: OpenAI's records, cache, prices.
DROPPED: Final = (
    "seed",
    "prediction",
    "verbosity",
    "metadata",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
)
# Not named anywhere, and so lost: `functions`, `function_call` (whose clients can't read the answer's
# `tool_calls`), `audio`, `moderation`, and whatever else there is or
# will be.

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def read_request(fields: dict[str, Any]) -> Conversation:
    """See `neutral.Translator`. Who asks for an effort gets the thoughts to see, where the upstream has any."""
    notes = Notes()
    request = Fields(fields, "", notes)
    effort = request.text("reasoning_effort") or None
    effort = "xhigh" if effort == "max" else effort  # the neutral form has none that is higher
    said: dict[str, Any] = {
        "model": request.required_text("model"),
        "messages": read_messages(request.inners("messages")),
        "stream": bool(request.flag("stream")),
        "include_usage": _read_include_usage(request),
        "parallel_calls": request.flag("parallel_tool_calls"),
        "temperature": request.number("temperature"),
        "top_p": request.number("top_p"),
        "stop": _read_stop(request),
        "json_format": _read_format(request),
        "effort": effort,
        "show_thinking": effort not in (None, "none"),
        "user": request.text("user"),
    }
    limit, old_limit = request.count("max_completion_tokens"), request.count("max_tokens")
    said["max_tokens"] = old_limit if limit is None else limit
    said["tools"] = _read_tools(request)
    said |= _read_tool_choice(request, notes)
    _lose_what_changes_the_answer(request)
    request.drop(*DROPPED)
    request.close()
    if not said["messages"]:
        raise InvalidRequest("messages must not be empty", param="messages")
    return Conversation(**said, dropped=tuple(notes.dropped), lost=tuple(notes.lost))


def _lose_what_changes_the_answer(request: Fields) -> None:
    """What asks for more or other than one text answer; values that ask for nothing are as good as absent."""
    count = request.count("n")
    if count not in (None, 1):
        request.lose("n")
    if request.flag("logprobs"):
        request.lose("logprobs")
    if request.count("top_logprobs"):
        request.lose("top_logprobs")
    if request.json_object("logit_bias"):
        request.lose("logit_bias")
    for name in ("presence_penalty", "frequency_penalty"):
        if request.number(name):
            request.lose(name)
    if any(kind != "text" for kind in request.texts("modalities")):
        request.lose("modalities")
    if request.json_object("web_search_options") is not None:  # `{}` asks for a search too
        request.lose("web_search_options")


def _read_include_usage(request: Fields) -> bool:
    options = request.inner("stream_options")
    if options is None:
        return False
    wanted = bool(options.flag("include_usage"))
    options.drop_rest()
    return wanted


def _read_stop(request: Fields) -> tuple[str, ...]:
    value = request.take("stop")
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest("stop must be a string or a list of strings", param="stop")
    return tuple(texts)


def _read_format(request: Fields) -> JsonFormat | None:
    wanted = request.inner("response_format")
    if wanted is None:
        return None
    kind = wanted.required_text("type")
    if kind not in ("text", "json_object", "json_schema"):
        wanted.abandon("type")
        return None
    if kind != "json_schema":
        wanted.close()
        return JsonFormat() if kind == "json_object" else None
    schema = wanted.required_inner("json_schema")
    found = JsonFormat(
        name=schema.required_text("name"),
        schema=schema.json_object("schema") or {},
        strict=schema.flag("strict"),
        description=schema.text("description"),
    )
    schema.close()
    wanted.close()
    return found


def _read_tools(request: Fields) -> tuple[Tool, ...]:
    tools = []
    for tool in request.inners("tools"):
        if tool.required_text("type") != "function":
            tool.abandon("type")  # custom: takes no JSON
            continue
        tools.append(_read_function(tool.required_inner("function")))
        tool.drop("cache_control")  # Anthropic's, as OpenRouter takes it
        tool.close()
    return tuple(tools)


def _read_function(function: Fields) -> Tool:
    tool = Tool(
        name=function.required_text("name"),
        description=function.text("description"),
        parameters=function.json_object("parameters"),
        strict=function.flag("strict"),
    )
    function.close()
    return tool


def _read_tool_choice(request: Fields, notes: Notes) -> dict[str, Any]:
    value = request.take("tool_choice")
    if value in (None, "auto", "none", "required"):
        return {"tool_choice": value}
    if isinstance(value, str):
        raise InvalidRequest("tool_choice must be auto, none, required or an object", param="tool_choice")
    choice = Fields(value, "tool_choice", notes)
    if choice.required_text("type") != "function":
        choice.abandon("type")  # allowed_tools, custom
        return {}
    function = choice.required_inner("function")
    choice.close()
    name = function.required_text("name")
    function.close()
    return {"tool_choice": "tool", "tool_name": name}


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_request(conversation: Conversation) -> dict[str, Any]:
    """See `neutral.Translator`."""
    messages = write_messages(conversation.messages)
    if not messages:
        raise InvalidRequest("the conversation needs a message", param="messages")
    asks_usage = conversation.stream and conversation.include_usage
    limit = "max_completion_tokens" if _NEW_LIMIT.match(conversation.model) else "max_tokens"
    request = {
        "model": conversation.model,
        "messages": messages,
        "tools": [_write_tool(tool) for tool in conversation.tools] or None,
        "tool_choice": _write_tool_choice(conversation),
        "parallel_tool_calls": conversation.parallel_calls if conversation.tools else None,
        limit: conversation.max_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop": list(conversation.stop) or None,
        "response_format": _write_format(conversation.json_format),
        "reasoning_effort": _write_effort(conversation),
        "user": conversation.user or None,
        "stream": conversation.stream or None,
        "stream_options": {"include_usage": True} if asks_usage else None,
    }
    return _said(request)


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _write_tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description or None,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    return {"type": "function", "function": _said(function)}


def _write_tool_choice(conversation: Conversation) -> Any:
    choice = conversation.tool_choice
    if not conversation.tools:
        if choice in ("required", "tool"):
            raise InvalidRequest("a tool must be called, but there are no tools", param="tool_choice")
        return None
    if choice == "tool":
        return {"type": "function", "function": {"name": conversation.tool_name}}
    return choice


def _write_format(wanted: JsonFormat | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.schema is None:
        return {"type": "json_object"}
    schema = {
        "name": wanted.name or "answer",  # the API demands one
        "description": wanted.description or None,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return {"type": "json_schema", "json_schema": _said(schema)}


def _write_effort(conversation: Conversation) -> str | None:
    """Switched off thinking is left out: only some models know an effort of `none`."""
    if conversation.effort is not None:
        return conversation.effort
    return effort_of(conversation.thinking_tokens) if conversation.thinking_tokens else None
