"""How much a key may do: requests and tokens per minute, and budgets per day and month. Pure.

A rate is a bucket that is full at first and grows back evenly. What is kept is how much of it is *used*, so
that a key nobody has seen has used nothing, and a limit that is changed counts at once. One request is
`take`n before it is served; tokens and money are known only afterwards and `charge`d then, so they may go
over, and count against the requests that follow. Budgets are fixed windows: days and calendar months, UTC.

Everything is whole numbers, so that the Lua scripts of `state.lua`, which do the same where several processes
share their limits, come to exactly the same results.
"""

from __future__ import annotations

import datetime
import functools
import math
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sluiceway.config.key_settings import KeySettings
from sluiceway.errors import BudgetExceeded, RateLimited
from sluiceway.wire.http import Headers

# A rate is so much per minute, and time is counted in milliseconds: a request or token is counted as 60,000
# parts, of which `limit` grow back each millisecond.
SCALE: Final = 60_000
DAY_MS: Final = 86_400_000
# Money is counted in billionths of its unit: the cheapest models cost some 20 of them per token.
COST_SCALE: Final = 1_000_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a key may use up; 0 is unlimited. `requests`, `tokens`: per minute. `*_cost`: in billionths."""

    requests: int = 0
    tokens: int = 0
    day_tokens: int = 0
    month_tokens: int = 0
    day_cost: int = 0
    month_cost: int = 0


class Meter(msgspec.Struct, omit_defaults=True, gc=False):
    """What one key has used up. Changed in place; a new one has used nothing.

    `at`: when it was last looked at, Unix milliseconds. `requests`, `tokens`: used of the buckets, in parts
    (`SCALE`). `day`: days since 1970; `month`: months since year 0; the rest is what was used in those, money
    in billionths. The order of the fields is that of the scripts' answers.
    """

    at: Annotated[int, Meta(ge=0)] = 0
    requests: Annotated[int, Meta(ge=0)] = 0
    tokens: Annotated[int, Meta(ge=0)] = 0
    day: Annotated[int, Meta(ge=0)] = 0
    day_tokens: Annotated[int, Meta(ge=0)] = 0
    day_cost: Annotated[int, Meta(ge=0)] = 0
    month: Annotated[int, Meta(ge=0)] = 0
    month_tokens: Annotated[int, Meta(ge=0)] = 0
    month_cost: Annotated[int, Meta(ge=0)] = 0

    def take(self, limits: Limits, now_ms: int) -> bool:
        """Use up one request, if nothing is used up yet; otherwise use nothing and return False."""
        self._advance(limits, now_ms)
        may = limits.requests
        if may and self.requests + SCALE > may * SCALE:
            return False
        if (
            (limits.tokens and self.tokens >= limits.tokens * SCALE)
            or (limits.day_tokens and self.day_tokens >= limits.day_tokens)
            or (limits.month_tokens and self.month_tokens >= limits.month_tokens)
            or (limits.day_cost and self.day_cost >= limits.day_cost)
            or (limits.month_cost and self.month_cost >= limits.month_cost)
        ):
            return False
        if may:
            self.requests += SCALE
        return True

    def charge(self, limits: Limits, tokens: int, cost: int, now_ms: int) -> None:
        """Add what an answer has cost. `cost`: in billionths."""
        self._advance(limits, now_ms)
        if limits.tokens:
            self.tokens += tokens * SCALE
        self.day_tokens += tokens
        self.month_tokens += tokens
        self.day_cost += cost
        self.month_cost += cost

    def _advance(self, limits: Limits, now_ms: int) -> None:
        """Let the buckets grow back, and begin new windows. A clock that is set back gives nothing away."""
        elapsed = now_ms - self.at
        self.at = now_ms
        if elapsed < 0:
            elapsed = 0
        if self.requests:
            left = self.requests - elapsed * limits.requests
            self.requests = left if left > 0 and limits.requests else 0
        if self.tokens:
            left = self.tokens - elapsed * limits.tokens
            self.tokens = left if left > 0 and limits.tokens else 0
        day = now_ms // DAY_MS
        if day != self.day:
            self.day, self.day_tokens, self.day_cost = day, 0, 0
            month = _month_of(day)
            if month != self.month:
                self.month, self.month_tokens, self.month_cost = month, 0, 0


def limits_of(key: KeySettings, *, parts: int = 1) -> Limits | None:
    """The limits of a key; None if it has none.

    `parts`: among how many processes they are divided that know nothing of one another. Rounded down, so that
    together they stay within the limit, but never to 0, which would be unlimited.
    """
    limits = Limits(
        requests=_part(key.requests_per_minute, parts),
        tokens=_part(key.tokens_per_minute, parts),
        day_tokens=_part(key.tokens_per_day, parts),
        month_tokens=_part(key.tokens_per_month, parts),
        day_cost=_part(billionths(key.cost_per_day, up=True), parts),
        month_cost=_part(billionths(key.cost_per_month, up=True), parts),
    )
    return None if limits == _UNLIMITED else limits


def billionths(money: float, *, up: bool = False) -> int:
    """Money as it is counted. `up`: rounded up, since a limit that became 0 would be none."""
    return math.ceil(money * COST_SCALE) if up else round(money * COST_SCALE)


def milliseconds(now: float) -> int:
    """Unix seconds as they are counted."""
    return round(now * 1000)


def rate_headers(limits: Limits, meter: Meter) -> Headers:
    """What is left of the rates, in OpenAI's headers; only for limits that are set. Straight after `take`.

    `reset` is how long until the whole limit is there again. Source: OpenAI's guide to rate limits, "Rate
    limits in headers".
    """
    headers: Headers = []
    if limits.requests:
        headers = _bucket_headers(_REQUESTS, limits.requests, meter.requests)
    if limits.tokens:
        headers += _bucket_headers(_TOKENS, limits.tokens, meter.tokens)
    return headers


def refusal(limits: Limits, meter: Meter) -> RateLimited:
    """The error for a request that `take` has just refused, with `retry-after` and the rates' headers.

    Where several limits are used up it names the one that lasts longest, since only then there is any use in
    asking again.
    """
    wait_ms, kind, name, shown = max(_used_up(limits, meter), key=lambda spent: spent[0])
    back = "it grows back evenly" if kind is RateLimited else "it begins anew with the next one, UTC"
    error = kind(f"{name} of this key is used up ({shown}); {back}", retry_after_s=wait_ms / 1000)
    error.headers += rate_headers(limits, meter)
    return error


def duration(ms: int) -> bytes:
    """A time as OpenAI writes it, which is Go's way: `120ms`, `1s`, `8.64s`, `6m0s`, `1h40m0s`."""
    if ms < 1000:
        return b"%dms" % ms if ms else b"0s"
    minutes, ms = divmod(ms, 60_000)
    seconds, ms = divmod(ms, 1000)
    text = b"%d.%03d" % (seconds, ms) if ms else b"%d" % seconds
    if ms:
        text = text.rstrip(b"0")
    if minutes < 60:
        return b"%dm%bs" % (minutes, text) if minutes else text + b"s"
    return b"%dh%dm%bs" % (*divmod(minutes, 60), text)


_UNLIMITED: Final = Limits()
_REQUESTS: Final = (
    b"x-ratelimit-limit-requests",
    b"x-ratelimit-remaining-requests",
    b"x-ratelimit-reset-requests",
)
_TOKENS: Final = (b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens")


def _bucket_headers(names: tuple[bytes, bytes, bytes], limit: int, used: int) -> Headers:
    left = limit * SCALE - used
    return [
        (names[0], b"%d" % limit),
        (names[1], b"%d" % (left // SCALE if left > 0 else 0)),
        (names[2], duration(-(-used // limit))),
    ]


def _used_up(limits: Limits, meter: Meter) -> list[tuple[int, type[RateLimited], str, str]]:
    """Each limit that is in the way: for how long, in milliseconds, which error, its setting and its value."""
    found: list[tuple[int, type[RateLimited], str, str]] = []
    over = meter.requests + SCALE - limits.requests * SCALE
    if limits.requests and over > 0:
        wait_ms = -(-over // limits.requests)
        found.append((wait_ms, RateLimited, "requests_per_minute", str(limits.requests)))
    over = meter.tokens - limits.tokens * SCALE
    if limits.tokens and over >= 0:
        wait_ms = over // limits.tokens + 1
        found.append((wait_ms, RateLimited, "tokens_per_minute", str(limits.tokens)))
    day_ms = (meter.day + 1) * DAY_MS - meter.at
    month_ms = _month_begins(meter.month + 1) - meter.at
    for wait_ms, used, limit, name in (
        (day_ms, meter.day_tokens, limits.day_tokens, "tokens_per_day"),
        (month_ms, meter.month_tokens, limits.month_tokens, "tokens_per_month"),
    ):
        if limit and used >= limit:
            found.append((wait_ms, BudgetExceeded, name, str(limit)))
    for wait_ms, used, limit, name in (
        (day_ms, meter.day_cost, limits.day_cost, "cost_per_day"),
        (month_ms, meter.month_cost, limits.month_cost, "cost_per_month"),
    ):
        if limit and used >= limit:
            found.append((wait_ms, BudgetExceeded, name, f"{limit / COST_SCALE:g}"))
    return found


def _part(limit: int, parts: int) -> int:
    return max(1, limit // parts) if limit else 0


@functools.lru_cache(maxsize=8)
def _month_of(day: int) -> int:
    """The month, counted from year 0, of a day, counted from 1970."""
    date = datetime.datetime.fromtimestamp(day * DAY_MS / 1000, datetime.UTC)
    return date.year * 12 + date.month - 1


@functools.lru_cache(maxsize=8)
def _month_begins(month: int) -> int:
    """When a month begins, in Unix milliseconds."""
    year, month = divmod(month, 12)
    return round(datetime.datetime(year, month + 1, 1, tzinfo=datetime.UTC).timestamp()) * 1000
