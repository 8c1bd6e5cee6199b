"""What answers cost: which price counts, and for how much of what."""

from __future__ import annotations

import json

import pytest

from sluiceway.config.key_settings import PriceSettings
from sluiceway.dialects.base import Usage
from sluiceway.dialects.messages_usage import read_usage
from sluiceway.policy.prices import REMEMBERED_NAME_CHARS, REMEMBERED_PRICES, Prices, tokens_of

MILLION = 1_000_000


def price(model: str, *, upstream: str = "", output: float = 0.0) -> PriceSettings:
    return PriceSettings(model=model, upstream=upstream, output=output)


def cost_of_a_million(prices: Prices, upstream: str, model: str) -> float:
    return prices.cost(upstream, model, Usage(output_tokens=MILLION))


def test_without_prices_nothing_costs_anything() -> None:
    assert cost_of_a_million(Prices([]), "a", "gpt-5") == 0.0


def test_a_model_without_a_price_costs_nothing() -> None:
    assert cost_of_a_million(Prices([price("gpt-5", output=10)]), "a", "gpt-5-mini") == 0.0


def test_the_first_price_that_matches_counts() -> None:
    prices = Prices([price("gpt-5-mini", output=1), price("gpt-5*", output=10), price("*", output=100)])
    assert cost_of_a_million(prices, "a", "gpt-5-mini") == 1
    assert cost_of_a_million(prices, "a", "gpt-5-pro") == 10
    assert cost_of_a_million(prices, "a", "GPT-5") == 100


def test_a_price_may_be_that_of_one_upstream_only() -> None:
    prices = Prices([price("m", upstream="dear", output=9), price("m", output=3)])
    assert cost_of_a_million(prices, "dear", "m") == 9
    assert cost_of_a_million(prices, "cheap", "m") == 3


def test_cached_and_fresh_input_output_and_the_request_each_have_their_price() -> None:
    prices = Prices([PriceSettings(model="m", input=2.0, cached_input=0.5, output=8.0, request=0.25)])
    usage = Usage(input_tokens=3 * MILLION, cached_tokens=MILLION, output_tokens=2 * MILLION)
    assert prices.cost("a", "m", usage) == pytest.approx(0.25 + 2 * 2.0 + 0.5 + 2 * 8.0)


def test_reasoning_is_part_of_the_output() -> None:
    usage = Usage(output_tokens=MILLION, reasoning_tokens=MILLION)
    assert Prices([price("m", output=8)]).cost("a", "m", usage) == 8


def test_an_answer_whose_tokens_are_unknown_costs_the_request() -> None:
    prices = Prices([PriceSettings(model="m", input=2.0, output=8.0, request=0.04)])
    assert prices.cost("a", "m", None) == 0.04
    assert prices.cost("a", "m", Usage(total_tokens=5)) == 0.04


def test_more_cached_than_there_was_earns_nobody_money() -> None:
    prices = Prices([PriceSettings(model="m", input=2.0, cached_input=1.0)])
    assert prices.cost("a", "m", Usage(input_tokens=MILLION, cached_tokens=5 * MILLION)) == 1.0


def test_anthropic_counts_cached_input_apart_and_it_costs_the_same() -> None:
    counted = {
        "input_tokens": MILLION,
        "cache_read_input_tokens": 4 * MILLION,
        "cache_creation_input_tokens": MILLION,
        "output_tokens": 0,
    }
    usage = read_usage(json.loads(json.dumps(counted)))
    prices = Prices([PriceSettings(model="claude-*", input=3.0, cached_input=0.3)])
    assert prices.cost("a", "claude-x", usage) == pytest.approx(2 * 3.0 + 4 * 0.3)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, 0),
        (Usage(), 0),
        (Usage(input_tokens=3, output_tokens=4, total_tokens=7, cached_tokens=2, reasoning_tokens=1), 7),
        (Usage(input_tokens=3, output_tokens=4), 7),
        (Usage(input_tokens=3), 3),
        (Usage(total_tokens=9), 9),
    ],
)
def test_tokens_are_input_and_output_together(usage: Usage | None, tokens: int) -> None:
    assert tokens_of(usage) == tokens


def test_what_is_remembered_is_bounded_in_number_and_in_length() -> None:
    prices = Prices([price("*", output=1)])
    for number in range(REMEMBERED_PRICES + 10):
        assert cost_of_a_million(prices, "a", f"m{number}") == 1
    assert prices.remembered == REMEMBERED_PRICES
    prices = Prices([price("*", output=1)])
    assert cost_of_a_million(prices, "a", "m" * (REMEMBERED_NAME_CHARS + 1)) == 1
    assert prices.remembered == 0
