"""How hard to think, where one API counts tokens and another has words for it."""

from __future__ import annotations

from typing import Final

EFFORT_OF_TOKENS: Final = ((0, "none"), (4096, "low"), (12288, "medium"))
"""The effort that stands for an Anthropic budget: the first whose number of tokens is not below it."""

EFFORT_OF_MORE: Final = "high"
"""…and for any budget above. Not every model with efforts has one that is higher."""


def effort_of(tokens: int) -> str:
    """The effort for a budget."""
    return next((effort for most, effort in EFFORT_OF_TOKENS if tokens <= most), EFFORT_OF_MORE)
