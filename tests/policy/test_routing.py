"""Routing: first match wins, dialects filter, and a model that goes nowhere is told why."""

from __future__ import annotations

import gc
import weakref

import pytest

from sluiceway.config.kinds import DialectName
from sluiceway.config.upstream_settings import ModelRule, RoutingSettings, UpstreamSettings
from sluiceway.errors import UnknownModel
from sluiceway.policy.routing import REMEMBERED_NAME_CHARS, REMEMBERED_ROUTES, Route, Router, spoken
from sluiceway.policy.upstream_state import UpstreamState


def upstream(name: str, *dialects: DialectName) -> UpstreamSettings:
    base_url = f"http://{name}/v1"
    if not dialects:
        return UpstreamSettings(name=name, base_url=base_url)
    return UpstreamSettings(name=name, base_url=base_url, dialects=dialects)


def rule(name: str, *upstreams: str, rewrite_to: str = "") -> ModelRule:
    return ModelRule(name=name, upstreams=upstreams, rewrite_to=rewrite_to)


def router(
    upstreams: list[UpstreamSettings], rules: list[ModelRule], routing: RoutingSettings | None = None
) -> Router:
    return Router(
        upstreams, rules, lambda settings: UpstreamState(settings, lambda: 0.5), routing or RoutingSettings()
    )


A, B = upstream("a", "chat", "responses"), upstream("b", "chat", "messages")
PAINTER = upstream("c", "images")


def names(route: Route) -> list[str]:
    return [upstream.name for upstream in route.upstreams]


def test_without_rules_every_model_goes_to_every_upstream_in_order() -> None:
    route = router([A, B], []).route("anything", "chat")
    assert names(route) == ["a", "b"]
    assert route.rewrite_to is None


@pytest.mark.parametrize(
    ("dialect", "left"),
    [
        ("chat", ["a", "b"]),
        ("responses", ["a", "b"]),
        ("messages", ["b", "a"]),
        (None, ["a", "b"]),
        ("other", ["a", "b"]),
    ],
)
def test_upstreams_that_speak_the_dialect_come_before_those_it_is_translated_for(
    dialect: str | None, left: list[str]
) -> None:
    assert names(router([A, B], []).route("m", dialect)) == left


@pytest.mark.parametrize(
    ("dialect", "known", "expected"),
    [
        ("messages", ("chat", "messages"), "messages"),
        ("messages", ("responses", "chat"), "chat"),
        ("chat", ("messages", "images"), "messages"),
        ("responses", ("images",), None),
        ("images", ("chat", "responses", "messages"), None),
        ("images", ("images",), "images"),
    ],
)
def test_an_upstream_is_asked_in_the_clients_dialect_or_in_one_that_it_translates_to(
    dialect: str, known: tuple[str, ...], expected: str | None
) -> None:
    assert spoken(dialect, known) == expected


def test_the_upstreams_of_a_rule_keep_the_rules_order() -> None:
    assert names(router([A, B], [rule("m", "b", "a")]).route("m", "chat")) == ["b", "a"]


def test_the_first_rule_that_matches_wins_even_over_an_exact_one() -> None:
    found = router([A, B], [rule("gpt-*", "a"), rule("gpt-5", "b"), rule("*", "b", rewrite_to="x")])
    assert names(found.route("gpt-5", "chat")) == ["a"]
    other = found.route("claude", "chat")
    assert (names(other), other.rewrite_to) == (["b"], "x")


@pytest.mark.parametrize(
    ("pattern", "model", "matches"),
    [
        ("gpt-5", "gpt-5", True),
        ("gpt-5", "gpt-5-mini", False),
        ("gpt-5", "my-gpt-5", False),
        ("gpt.5", "gpt-5", False),
        ("gpt-*", "gpt-", True),
        ("gpt-*", "GPT-5", False),
        ("*/llama-?", "meta/llama-4", True),
        ("*/llama-?", "meta/llama-40", False),
        ("m[ab]", "ma", True),
        ("m[!ab]", "ma", False),
        ("*", "", True),
        ("*", "two\nlines", True),
        ("gpt-5", "gpt-5\n", False),
    ],
)
def test_a_rules_name_is_exact_or_a_glob_in_which_case_counts(
    pattern: str, model: str, matches: bool
) -> None:
    found = router([A], [rule(pattern, "a")])
    if matches:
        assert names(found.route(model, None)) == ["a"]
    else:
        with pytest.raises(UnknownModel):
            found.route(model, None)


def test_a_request_without_a_model_is_for_every_upstream() -> None:
    assert names(router([A, B], [rule("gpt-*", "b")]).route(None, None)) == ["a", "b"]


def test_a_model_without_a_rule_is_told_so_with_the_nearest_name() -> None:
    found = router([A, B], [rule("gpt-5-mini", "a"), rule("claude-*", "b")])
    with pytest.raises(UnknownModel) as caught:
        found.route("gpt-5-mni", "chat")
    assert caught.value.message == "no rule for model 'gpt-5-mni'; did you mean 'gpt-5-mini'?"
    assert (caught.value.param, caught.value.status) == ("model", 404)
    with pytest.raises(UnknownModel) as caught:
        found.route("claude", "chat")
    assert caught.value.message == "no rule for model 'claude'"


def test_a_dialect_that_nobody_speaks_is_told_apart_from_a_model_that_nobody_has() -> None:
    with pytest.raises(UnknownModel) as caught:
        router([A, B, PAINTER], [rule("m", "a"), rule("*", "c")]).route("m", "images")
    assert caught.value.message == "no upstream for model 'm' speaks the images API"
    assert caught.value.param == "model"
    with pytest.raises(UnknownModel) as caught:
        router([A, B], []).route("m", "images")
    assert caught.value.message == "no upstream speaks the images API"


def test_a_long_model_name_is_cut_in_the_message() -> None:
    with pytest.raises(UnknownModel) as caught:
        router([A], [rule("m", "a")]).route("x" * 100_000, "chat")
    assert len(caught.value.message) < 200
    assert "xxx…'" in caught.value.message


def test_a_route_found_once_is_found_again_without_looking() -> None:
    found = router([A, B], [rule("*", "a")])
    assert found.route("m", "chat") is found.route("m", "chat")


def test_names_that_clients_make_up_do_not_pile_up_in_memory() -> None:
    found = router([A, B], [rule("known-*", "a")])
    for number in range(REMEMBERED_ROUTES + 100):
        found.route(f"known-{number}", "chat")
    found.route("known-" + "x" * REMEMBERED_NAME_CHARS, "chat")
    with pytest.raises(UnknownModel):
        found.route("unknown", "chat")
    assert found.remembered == REMEMBERED_ROUTES
    fresh = router([A, B], [rule("known-*", "a")])
    fresh.route("known-" + "x" * REMEMBERED_NAME_CHARS, "chat")
    assert fresh.remembered == 0


def test_a_rule_says_how_to_select_among_its_upstreams_or_leaves_it_to_routing() -> None:
    routing = RoutingSettings(select="fastest", affinity="conversation")
    rules = [
        ModelRule(name="own", upstreams=("a", "b"), select="weighted", affinity="off", weights={"b": 3.0}),
        ModelRule(name="*", upstreams=("a",), hedge_after_s=2.0, continue_on=("b",)),
    ]
    found = router([A, B], rules, routing)
    own, other = found.route("own", "chat"), found.route("x", "chat")
    assert (own.select, own.affinity) == ("weighted", None)
    assert [candidate.weight for candidate in own.candidates] == [1.0, 3.0]
    assert other.select == "fastest"
    assert other.affinity is not None
    assert other.hedge_after_s == 2.0
    assert [candidate.settings.name for candidate in other.continue_on] == ["b"]


def test_what_names_no_model_stays_with_the_first_upstream() -> None:
    found = router([A, B], [], RoutingSettings(select="weighted"))
    assert found.route(None, "other").select == "order"
    assert found.route("m", "chat").select == "weighted"


def test_candidates_know_whether_they_speak_the_clients_dialect() -> None:
    route = router([A, B], []).route("m", "messages")
    assert [(candidate.settings.name, candidate.native) for candidate in route.candidates] == [
        ("b", True),
        ("a", False),
    ]


def test_a_router_that_is_replaced_is_gone_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        old = router([A, B], [rule("*", "a")])
        old.route("m", "chat")
        gone = weakref.ref(old)
        del old
        assert gone() is None
    finally:
        gc.enable()
