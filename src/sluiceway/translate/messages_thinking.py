"""How hard a model is asked to think, between OpenAI's efforts and Anthropic's two ways to say it.

Claude up to 4.5, and those who imitate its API, take a budget of tokens (`thinking.type: enabled`);
from 4.6 on they take an effort and find their own measure (`thinking.type: adaptive`), and the later ones
refuse a budget. Which is which, only the name of the model tells.

Sources: the SDK's `thinking_config_param` and `output_config_param`,
https://platform.claude.com/docs/en/build-with-claude/extended-thinking and …/adaptive-thinking.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from sluiceway.errors import InvalidRequest
from sluiceway.translate.messages_turns import Turn, continues_calls_without_thoughts
from sluiceway.translate.neutral import Conversation

ANSWER_TOKENS: Final = 8192
"""`max_tokens` where the client did not say, which Anthropic demands: the most that Claude 3.5 can write, and
long enough for nearly any answer. What may be thought comes on top."""

SMALLEST_BUDGET: Final = 1024
"""Tokens. Anthropic takes no smaller one."""

BUDGETS: Final = {"minimal": SMALLEST_BUDGET, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768}
"""Tokens to think with, by OpenAI's effort. Anthropic advises against more than 32k without batching."""

_EFFORTS: Final = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}

_VERSION: Final = re.compile(r"claude-[a-z]+-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_FIRST_ADAPTIVE: Final = (4, 6)


class Plan(msgspec.Struct, frozen=True):
    """What goes into the request. `thinking`, `effort`: None to leave it out."""

    max_tokens: int
    thinking: dict[str, Any] | None = None
    effort: str | None = None


def read_effort(effort: str) -> str | None:
    """Anthropic's effort as a neutral one; `max` is more than OpenAI has, so it becomes its highest."""
    return ("xhigh" if effort == "max" else effort) or None


def plan_thinking(conversation: Conversation, turns: list[Turn]) -> Plan:
    """Decide on thinking, and on the `max_tokens` that have to cover it.

    Raises `InvalidRequest` where the request can't be met together with it: a thinking model takes no
    temperature, and can't be made to call a tool. The client can choose which of the two it wants.
    """
    plan = _plan(conversation, turns)
    if plan.thinking is None or plan.thinking["type"] == "disabled":
        return plan
    if conversation.temperature not in (None, 1):
        raise InvalidRequest(
            "this model takes no temperature while it thinks: leave it out, or the reasoning effort",
            param="temperature",
        )
    if conversation.tool_choice in ("required", "tool"):
        raise InvalidRequest(
            "this model can't be made to call a tool while it thinks: "
            'use "auto", or leave out the reasoning effort',
            param="tool_choice",
        )
    return plan


def is_adaptive(model: str) -> bool:
    """Whether a model of that name finds its own measure of thinking.

    Names of Amazon, Google and OpenRouter have the same core (`anthropic.claude-opus-4-6-v1:0`,
    `claude-opus-4-6@…`, `anthropic/claude-opus-4.6`). A name that is not Claude's is an imitator's.
    """
    if "claude-mythos" in model:  # one had no number
        return True
    found = _VERSION.search(model)
    return found is not None and (int(found[1]), int(found[2] or 0)) >= _FIRST_ADAPTIVE


def _plan(conversation: Conversation, turns: list[Turn]) -> Plan:
    said, effort, budget = conversation.max_tokens, conversation.effort, conversation.thinking_tokens
    if effort is not None and effort != "none" and effort not in BUDGETS:
        known = ", ".join(("none", *BUDGETS))
        raise InvalidRequest(f"the reasoning effort must be one of {known}", param="reasoning_effort")
    adaptive_effort = _EFFORTS.get(effort or "") if is_adaptive(conversation.model) else None
    if budget is not None:  # Anthropic's own words, as they were
        return Plan(_room(said, budget), _enabled(budget), adaptive_effort)
    if effort is None:
        return Plan(_room(said, 0))
    if effort == "none":
        return Plan(_room(said, 0), _enabled(0))
    if adaptive_effort is not None:
        thinking = {"type": "adaptive"} | ({"display": "summarized"} if conversation.show_thinking else {})
        return Plan(_room(said, BUDGETS[effort]), thinking, adaptive_effort)
    budget = BUDGETS[effort] if said is None else min(BUDGETS[effort], said // 2)
    # Half of the client's own limit is kept for the answer; where too little is left, the limit wins. A
    # model with a budget also wants to see the thoughts that led to the calls it made, with their
    # signatures, for which the client's API may have had no place (the upstream would answer 400).
    if budget < SMALLEST_BUDGET or continues_calls_without_thoughts(turns):
        return Plan(_room(said, 0))
    return Plan(_room(said, budget), _enabled(budget))


def _room(said: int | None, budget: int) -> int:
    return ANSWER_TOKENS + budget if said is None else said


def _enabled(budget: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": budget} if budget else {"type": "disabled"}
