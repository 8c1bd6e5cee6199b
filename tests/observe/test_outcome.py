"""How a request ended, in one word."""

from __future__ import annotations

from typing import get_args

import pytest

from sluiceway import errors
from sluiceway.errors import GatewayError
from sluiceway.observe.outcome import outcome_of
from sluiceway.observe.record import Outcome

EXPECTED: dict[str, Outcome] = {
    "GatewayError": "failed",
    "ClientGone": "client_gone",
    "Cancelled": "cancelled",
    "Draining": "draining",
    "Overloaded": "overloaded",
    "QueueTimeout": "overloaded",
    "StateUnavailable": "overloaded",
    "UpstreamUnreachable": "unreachable",
    "StaleConnection": "unreachable",
    "UpstreamTimeout": "timeout",
    "ConnectTimeout": "timeout",
    "FirstEventTimeout": "timeout",
    "IdleTimeout": "timeout",
    "TotalTimeout": "timeout",
    "UpstreamTruncated": "truncated",
    "UpstreamInvalid": "invalid",
    "EventTooLarge": "invalid",
    "UpstreamError": "invalid",
}
"""By the error's class; all others are refusals."""


def all_errors(base: type[GatewayError] = GatewayError) -> list[type[GatewayError]]:
    return [base, *(error for child in base.__subclasses__() for error in all_errors(child))]


OWN = [
    error
    for error in all_errors()
    if error is not errors.UpstreamReported and not error.__name__.startswith("_")
]


@pytest.mark.parametrize("error", OWN, ids=lambda error: error.__name__)
def test_every_error_of_the_gateways_own_has_its_outcome(error: type[GatewayError]) -> None:
    assert error.code is not None
    asked = issubclass(error, errors.UpstreamError)
    found = outcome_of(error.code, asked=asked, client_left=False, own=True)
    assert found == EXPECTED.get(error.__name__, "refused")


def test_without_an_error_the_answer_is_whole_unless_nobody_was_there() -> None:
    assert outcome_of(None, asked=True, client_left=False, own=True) == "ok"
    assert outcome_of(None, asked=True, client_left=True, own=True) == "client_gone"


@pytest.mark.parametrize("code", ["upstream_404", "rate_limit_exceeded", "draining", "upstream_truncated"])
def test_what_the_upstream_reports_is_its_own_whatever_the_code(code: str) -> None:
    assert outcome_of(code, asked=True, client_left=False, own=False) == "upstream_error"


def test_all_outcomes_can_be_had() -> None:
    assert set(get_args(Outcome)) == {*EXPECTED.values(), "ok", "refused", "upstream_error"}
