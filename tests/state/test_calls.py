"""The names under which things are kept in Redis, which operators see and other gateways share."""

from __future__ import annotations

from sluiceway.policy.limits import Limits
from sluiceway.state import lua
from sluiceway.state.calls import Calls
from sluiceway.state.link import Call

CALLS = Calls("sluiceway", "p1", 15.0)


def test_what_a_key_has_used_is_kept_under_its_name() -> None:
    limits = Limits(requests=1, tokens=2, day_tokens=3, month_tokens=4, day_cost=5, month_cost=6)
    assert CALLS.take("büro 7", limits) == Call(lua.TAKE, ("{sluiceway}:used:büro 7",), (1, 2, 3, 4, 5, 6))
    assert CALLS.charge("bob", limits, 70, 80) == Call(lua.CHARGE, ("{sluiceway}:used:bob",), (1, 2, 70, 80))


def test_places_are_kept_by_scope_in_the_name_of_the_process() -> None:
    keys = ("{sluiceway}:in-flight:gateway", "{sluiceway}:in-flight:key:bob")
    assert CALLS.lease([("gateway", 9), ("key:bob", 2)]) == Call(lua.LEASE, keys, ("p1", 15_000, 9, 2))
    assert CALLS.release({"gateway": 3, "key:bob": 1}) == Call(lua.RELEASE, keys, ("p1", 15_000, 3, 1))
    assert CALLS.renew({"gateway": 3, "key:bob": 0}) == Call(
        lua.RENEW, ("{sluiceway}:process:p1", *keys), ("p1", 15_000, 3, 0)
    )


def test_a_process_that_holds_nothing_still_shows_that_it_lives() -> None:
    assert CALLS.renew({}) == Call(lua.RENEW, ("{sluiceway}:process:p1",), ("p1", 15_000))
