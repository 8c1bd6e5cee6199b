"""A whole Responses answer in the neutral form, and back; what streams share with it: items, stops, usage.

Source: the SDK's `response`, `response_output_item` and `response_usage`.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.openai_errors import read_object_error
from sluiceway.errors import UpstreamInvalid, UpstreamReported
from sluiceway.translate.neutral import Answer, Call, Image, Refusal, Stop, Text, Thinking, Tokens
from sluiceway.translate.responses_items import PARAGRAPHS, SEALED_BY

AnswerPart = Text | Thinking | Refusal | Call | Image

_STOP_OF: Final[dict[str, Stop]] = {"max_output_tokens": "length", "content_filter": "filter"}
_REASON_OF: Final[dict[Stop | None, str]] = {"length": "max_output_tokens", "filter": "content_filter"}

_NO_ANSWER: Final = ("queued", "in_progress", "cancelled")
"""Values of `status` under which there is no answer, or only half of one."""

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def read_answer(answer: dict[str, Any]) -> Answer:
    """See `neutral.Translator`. Raises `UpstreamReported` for a failed response, and `UpstreamInvalid` for an
    item that has no neutral form, too."""
    if (error := read_object_error(answer)) is not None:
        raise error
    status, output = answer.get("status"), answer.get("output")
    if status == "failed":
        raise UpstreamReported("the upstream reported a failed response without a reason")
    if status in _NO_ANSWER:
        raise UpstreamInvalid(f"the upstream's answer is not complete: its status is {status}")
    if not isinstance(output, list):
        raise UpstreamInvalid("the upstream's answer has no output")
    parts = [part for item in output for part in _read_item(item)]
    return Answer(
        id=text_of(answer, "id"),
        model=text_of(answer, "model"),
        parts=tuple(parts),
        stop=read_stop(
            answer,
            calls=any(isinstance(part, Call) for part in parts),
            refuses=any(isinstance(part, Refusal) for part in parts),
        ),
        created=read_created(answer),
        tokens=read_tokens(answer.get("usage")),
    )


def read_stop(response: dict[str, Any], *, calls: bool, refuses: bool) -> Stop | None:
    """Why a whole response ended; None where it is cut for a reason that is not known."""
    details = response.get("incomplete_details")
    reason = text_of(details, "reason") if isinstance(details, dict) else ""
    if reason or response.get("status") == "incomplete":
        return _STOP_OF.get(reason)
    if calls:
        return "calls"
    return "refusal" if refuses else "end"


def read_tokens(usage: Any) -> Tokens | None:
    """A `usage`; None where it counts nothing."""
    if not isinstance(usage, dict):
        return None
    taken, given = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    tokens = Tokens(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens"),
        cached=_count(taken, "cached_tokens"),
        cache_written=_count(taken, "cache_write_tokens"),
        reasoning=_count(given, "reasoning_tokens"),
    )
    return None if tokens == Tokens() else tokens


def read_created(response: dict[str, Any]) -> int:
    """`created_at`, a number of seconds that may have a fraction; 0 where it is missing."""
    value = response.get("created_at")
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0


def read_call(item: dict[str, Any]) -> Call:
    """A `function_call` item; imitators may have one id for both the item and the call."""
    return Call(
        text_of(item, "call_id") or text_of(item, "id"), text_of(item, "name"), text_of(item, "arguments")
    )


def text_of(fields: dict[str, Any], name: str) -> str:
    """A string member, `""` where it is missing or something else."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def objects_of(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a list, none where it is missing or something else."""
    value = fields.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def unknown_item(kind: Any) -> UpstreamInvalid:
    """An item that has no neutral form: of a tool that runs at OpenAI, though no request asks for one."""
    return UpstreamInvalid(f"the upstream's answer has an item of type {str(kind)[:100]!r}")


def _read_item(item: Any) -> list[AnswerPart]:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "message":
        said = [_read_content(part) for part in objects_of(item, "content")]
        return [part for part in said if part.text]
    if kind == "reasoning":
        thinking = _read_reasoning(item)
        return [thinking] if thinking.text or thinking.sealed else []
    if kind == "function_call":
        return [read_call(item)]
    raise unknown_item(kind)


def _read_content(part: dict[str, Any]) -> Text | Refusal:
    kind = part.get("type")
    if kind == "output_text":
        return Text(text_of(part, "text"))
    if kind == "refusal":
        return Refusal(text_of(part, "refusal"))
    raise unknown_item(kind)


def _read_reasoning(item: dict[str, Any]) -> Thinking:
    shown = [text_of(part, "text") for name in ("summary", "content") for part in objects_of(item, name)]
    sealed = text_of(item, "encrypted_content")
    return Thinking(
        text=PARAGRAPHS.join(filter(None, shown)),
        sealed=sealed,
        sealed_by=SEALED_BY if sealed else "",
        id=text_of(item, "id"),
    )


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_answer(answer: Answer) -> dict[str, Any]:
    """See `neutral.Translator`. Raises `UpstreamInvalid` for a picture, which this API only has as the work
    of a tool at OpenAI.

    Texts and refusals in a row are the content of one message. Signatures, and thoughts that another API
    sealed, are left out. Items are `completed`, also the last one of an answer that is not.
    """
    output: list[dict[str, Any]] = []
    for part in answer.parts:
        number = len(output)
        match part:
            case Text() | Refusal():
                if not output or output[-1]["type"] != "message":
                    output.append(message_item(answer.id, number, []))
                output[-1]["content"].append(content_part(part))
            case Thinking():
                if part.text or not part.sealed or part.sealed_by == SEALED_BY:
                    output.append(reasoning_item(answer.id, number, part))
            case Call():
                output.append(call_item(answer.id, number, part))
            case Image():
                raise UpstreamInvalid("the upstream's answer holds a picture, which a response can't")
    return ended_response(answer, output)


def ended_response(answer: Answer, output: list[dict[str, Any]]) -> dict[str, Any]:
    """A response that is `completed` or `incomplete`, with that output. The answer's own parts are not read."""
    reason = _REASON_OF.get(answer.stop)
    return write_response(
        answer,
        status="completed" if reason is None else "incomplete",
        incomplete_details=None if reason is None else {"reason": reason},
        output=output,
        usage=write_usage(answer.tokens),
    )


def write_response(
    answer: Answer, *, status: str, output: list[dict[str, Any]], **said: Any
) -> dict[str, Any]:
    """The envelope. `said`: members that are not as in a response that has just begun.

    What it would repeat of the request has the API's defaults, since an answer knows nothing of it.
    """
    fields: dict[str, Any] = {
        "id": answer.id,
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }
    return fields | said


def write_usage(tokens: Tokens | None) -> dict[str, Any] | None:
    """The `usage`; null, which the API allows, where input or output is not known.

    The details have to be numbers, so theirs are 0 where the upstream did not say.
    """
    if tokens is None or tokens.input is None or tokens.output is None:
        return None
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {
            "cached_tokens": tokens.cached or 0,
            "cache_write_tokens": tokens.cache_written or 0,
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning or 0},
        "total_tokens": tokens.input + tokens.output,
    }


# Items have ids that depend on the answer's and their number alone, so that stream and JSON agree.


def message_item(answer_id: str, number: int, content: list[dict[str, Any]]) -> dict[str, Any]:
    """A message of the assistant's."""
    return {
        "id": f"msg_{answer_id}_{number}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": content,
    }


def content_part(part: Text | Refusal) -> dict[str, Any]:
    """One part of a message's content."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}


def summary_part(text: str) -> dict[str, Any]:
    """One part of a thought's summary."""
    return {"type": "summary_text", "text": text}


def reasoning_item(answer_id: str, number: int, thinking: Thinking) -> dict[str, Any]:
    """A thought."""
    item = {
        "id": thinking.id or f"rs_{answer_id}_{number}",
        "type": "reasoning",
        "summary": [summary_part(thinking.text)] if thinking.text else [],
    }
    return item | ({"encrypted_content": thinking.sealed} if thinking.sealed_by == SEALED_BY else {})


def call_item(answer_id: str, number: int, call: Call) -> dict[str, Any]:
    """A call of a function."""
    return {
        "id": f"fc_{answer_id}_{number}",
        "type": "function_call",
        "status": "completed",
        "arguments": call.arguments,
        "call_id": call.id,
        "name": call.name,
    }
