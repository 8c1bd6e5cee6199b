"""How a request ended, in one word: for records, metrics and the console. Pure."""

from __future__ import annotations

from typing import Final

from sluiceway.observe.record import Outcome

_BY_CODE: Final[dict[str, Outcome]] = {
    "client_gone": "client_gone",
    "upstream_truncated": "truncated",
    "upstream_unreachable": "unreachable",
    "upstream_invalid": "invalid",
    "event_too_large": "invalid",
    "gateway_overloaded": "overloaded",
    "queue_timeout": "overloaded",
    "state_unavailable": "overloaded",
    "draining": "draining",
    "cancelled": "cancelled",
    "internal_error": "failed",
}


def outcome_of(error_code: str | None, *, asked: bool, client_left: bool, own: bool) -> Outcome:
    """`asked`: an upstream was. `own`: the error is the gateway's, not one that the upstream reported, whose codes
    are its own and may be called like ours."""
    if error_code is None:
        return "client_gone" if client_left else "ok"
    if not own:
        return "upstream_error"
    if error_code.startswith("upstream_timeout"):
        return "timeout"
    if (found := _BY_CODE.get(error_code)) is not None:
        return found
    return "upstream_error" if asked and error_code.startswith("upstream_") else "refused"
