"""What an answer cost: its tokens, and its price by the operator's table. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

from sluiceway.config.key_settings import PriceSettings
from sluiceway.dialects.base import Usage

# Clients choose model names, so what is remembered about them is bounded in number and in length.
REMEMBERED_PRICES: Final = 1024
REMEMBERED_NAME_CHARS: Final = 200

_PER = 1_000_000  # tokens that a price is for


def tokens_of(usage: Usage | None) -> int:
    """Input and output together, as the upstream counted them; 0 if it did not say."""
    if usage is None:
        return 0
    if usage.total_tokens is not None:
        return usage.total_tokens
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


class Prices:
    """The price table of one configuration. Pure, but for its memory of prices found before."""

    __slots__ = ("_remembered", "_rules")

    def __init__(self, prices: Iterable[PriceSettings]) -> None:
        self._rules = [(re.compile(fnmatch.translate(price.model)), price) for price in prices]
        # Not functools' cache, which would be a circle of references, as in `routing`.
        self._remembered: dict[tuple[str, str], PriceSettings | None] = {}

    @property
    def remembered(self) -> int:
        """How many prices are remembered; at most `REMEMBERED_PRICES`."""
        return len(self._remembered)

    def cost(self, upstream: str, model: str, usage: Usage | None) -> float:
        """What a request cost, in the currency of the table; 0.0 for a model without a price.

        `upstream`: the name of the one that answered. `model`: as it calls it. `usage`: None if it did not
        say, so that only the price per request is known. The dialect does not matter: `Usage.input_tokens`
        includes cached tokens in all of them (see `dialects.messages_usage`); those that Anthropic wrote to
        its cache count as input that was not cached.
        """
        if not self._rules:
            return 0.0
        price = self._price(upstream, model)
        if price is None:
            return 0.0
        if usage is None:
            return price.request
        taken = usage.input_tokens or 0
        # More cached than there were at all is an upstream's slip, and must not earn the key money.
        cached = min(usage.cached_tokens or 0, taken)
        given = usage.output_tokens or 0
        tokens = (taken - cached) * price.input + cached * price.cached_input + given * price.output
        return price.request + tokens / _PER

    def _price(self, upstream: str, model: str) -> PriceSettings | None:
        if len(model) > REMEMBERED_NAME_CHARS:
            return self._find(upstream, model)
        known = (upstream, model)
        if known not in self._remembered:
            if len(self._remembered) >= REMEMBERED_PRICES:
                del self._remembered[next(iter(self._remembered))]  # the oldest
            self._remembered[known] = self._find(upstream, model)
        return self._remembered[known]

    def _find(self, upstream: str, model: str) -> PriceSettings | None:
        for pattern, price in self._rules:
            if price.upstream in ("", upstream) and pattern.match(model):
                return price
        return None
