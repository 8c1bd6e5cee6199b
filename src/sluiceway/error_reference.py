"""The reference page of error codes: their facts and meanings from `errors.py`, and what to do about each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from sluiceway import errors

WIDTH: Final = 110

# What the docstring of a base class does not say, since it is of all errors.
_MEANINGS: Final[Mapping[str, str]] = {"internal_error": "A defect of the gateway."}

_INTRODUCTION = """\
<!-- Made from src/sluiceway/errors.py and src/sluiceway/error_reference.py by `make docs`; changes belong there. -->

# Error codes

The `code` of an error is for programs: it stays, while messages may change. In which shape an error comes,
and when it has a status of its own, is told [with the rest of HTTP](http.md#errors). The same codes are in
[logs and records](../how-to/production.md#logs) as `error_code`, and in [metrics](metrics.md).

What an upstream reports itself keeps the code that the upstream gave it, which is none of these. In logs and
records it is called by the upstream's status where that was an error's (`upstream_429`).
"""

# In the order in which a request may meet them. What to do, for whoever is best placed to do it.
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "The request": {
        "invalid_request": "Change the request: `param` names the field at fault, the message says what is "
        "wrong with it. For an unknown model see `[[models]]`, and the `dialects` of your upstreams; what "
        "[translation](translation.md) has no words for is refused by name. 405 has `allow`.",
        "body_too_large": "Send less, or raise `server.max_body_bytes`. A proxy in front may have a lower "
        "limit and another answer: `sluiceway doctor` finds it.",
    },
    "The key": {
        "invalid_api_key": "Send a key of the gateway's, not the provider's, as `Authorization: Bearer` or "
        "`x-api-key`; see [keys](../start/keys.md). `sluiceway keys list` tells which are expired or "
        "revoked. For `/api` it is [an admin key](../how-to/console-api.md#who-may).",
        "forbidden": "Ask for another model or API, or from another network; or widen the key's `models`, "
        "`dialects` or `allowed_ips`. Pages of other sites may never use `/api`; behind a proxy, [pass the "
        "`Host` header on](../how-to/console-api.md#web-pages).",
        "rate_limited": "Wait for as long as `retry-after` says. The same code is used where too many wrong "
        "keys came from one address, and where all keys of the upstreams rest after a 429 of their own: "
        "then more upstream keys help, and no higher limit here.",
        "budget_exceeded": "Wait for the next day or month (UTC), as `retry-after` says, or raise the key's "
        "budget.",
    },
    "Room": {
        "gateway_overloaded": "Try again after `retry-after`. If it happens often, raise `max_in_flight` "
        "(of the server, the upstream or the key), or [the queue's length](../how-to/queue.md).",
        "queue_timeout": "The same; or let requests wait longer, with `queue.max_wait_s`.",
        "state_unavailable": "Bring Redis back. With `state.on_unreachable` at its default each process "
        "goes on counting for itself instead.",
        "draining": "Try again after `retry-after`: another process, or the next one here, takes the "
        "request.",
        "cancelled": "Ask the administrator who ended it. SDKs take 503 for passing and may try again by "
        "themselves.",
    },
    "The upstream": {
        "upstream_unreachable": "Look at the upstream's address, its certificate and its proxy; the message "
        "names what failed. [Another upstream](../how-to/failover.md) would have been asked.",
        "upstream_timeout": "See the next four: one of them is what clients get.",
        "upstream_timeout_connect": "Is the upstream up, and may this machine reach it? Then raise "
        "`connect_s`.",
        "upstream_timeout_first_event": "Models that think for long, or are loaded on demand, need a larger "
        "`first_event_s`; see [clocks](../how-to/clocks.md). Clients may have set a lower one by header.",
        "upstream_timeout_idle": "The upstream fell silent in mid-answer. Its own heartbeats do not count. "
        "Raise `idle_s` only if it really pauses that long.",
        "upstream_timeout_total": "Raise `total_s`, or ask for less.",
        "upstream_truncated": "Do not take what came for the whole answer. Ask again, or let [another "
        "upstream take it up](../how-to/continuation.md). If it is always after the same time, something "
        "between the gateway and the provider cuts.",
        "upstream_invalid": "[Capture](../how-to/capture.md) the answer to see what came. What is nearly "
        "right can be [repaired](../how-to/repairs.md). An HTML page or a redirect means that the "
        "`base_url` leads to something else.",
        "event_too_large": "Raise `stream.max_event_bytes` or `stream.max_answer_bytes`, whichever the "
        "message names; large pictures need much.",
    },
    "The gateway": {
        "internal_error": "A defect: please report it, with the lines of the log that name the "
        "`x-request-id`.",
        "client_gone": "Nothing, mostly: it is in logs and records alone. If clients leave after the same "
        "number of seconds each time, something on the way cuts them off: see `sluiceway doctor`.",
    },
}


def render() -> str:
    """The page, in Markdown. Raises `KeyError` for a code that has no advice, or advice that has no code."""
    return "\n".join(_page())


def errors_by_code() -> Mapping[str, list[type[errors.GatewayError]]]:
    """Each code of ours, and who has it: the most general first."""
    found: dict[str, list[type[errors.GatewayError]]] = {}
    waiting: list[type[errors.GatewayError]] = [errors.GatewayError]
    while waiting:
        error = waiting.pop(0)
        waiting += [one for one in error.__subclasses__() if one.__module__ == errors.__name__]
        # Some only gather others; the code of what an upstream reported is the upstream's own.
        if not error.__name__.startswith("_") and error not in (
            errors.UpstreamError,
            errors.UpstreamReported,
        ):
            found.setdefault(str(error.code), []).append(error)
    return found


def _page() -> Iterator[str]:
    known = dict(errors_by_code())
    yield _INTRODUCTION
    yield "| code | status | |\n|---|---|---|"
    for code in (code for advised in GROUPS.values() for code in advised):
        yield f"| [`{code}`](#{code}) | {_statuses(known[code])} | {_meaning(code, known[code][:1])} |"
    for title, advised in GROUPS.items():
        yield f"\n## {title}"
        for code, advice in advised.items():
            yield "\n" + _entry(code, known.pop(code), advice)
    if known:
        raise KeyError(f"no advice for {', '.join(known)}")
    yield ""


def _entry(code: str, raised: list[type[errors.GatewayError]], advice: str) -> str:
    facts = f"*Status {_statuses(raised)}, type `{raised[0].type}`.*"
    if code == errors.ClientGone.code:
        facts = "*Never sent; status 499 in logs and records.*"
    filled = [
        textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
        for text in (facts, _meaning(code, raised), advice)
    ]
    return "\n\n".join([f"### `{code}`", *filled])


def _statuses(raised: list[type[errors.GatewayError]]) -> str:
    return ", ".join(str(status) for status in sorted({error.status for error in raised}))


def _meaning(code: str, raised: list[type[errors.GatewayError]]) -> str:
    """The first sentence of each docstring; with its status, where these differ."""
    if code in _MEANINGS:
        return _MEANINGS[code]
    told = [" ".join((error.__doc__ or "").split()).partition(". ")[0].rstrip(".") + "." for error in raised]
    if len({error.status for error in raised}) == 1:
        return told[0]
    return " ".join(f"{error.status}: {words}" for error, words in zip(raised, told, strict=True))
