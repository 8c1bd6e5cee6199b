"""What `sluiceway check` says of a configuration that is valid and hardly meant."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.config.load import settings_from
from sluiceway.config.notes import notes


def noted(urls: dict[str, str], *models: dict[str, Any]) -> list[str]:
    upstreams = [{"name": name, "base_url": url} for name, url in urls.items()]
    return notes(settings_from({"upstreams": upstreams, "models": list(models)}, {}))


ONE = {"a": "https://a.example/v1"}


def rule(name: str, *upstreams: str) -> dict[str, Any]:
    return {"name": name, "upstreams": list(upstreams or ("a",))}


def test_there_is_nothing_to_say_of_what_is_usual() -> None:
    assert noted(ONE) == []
    assert noted({**ONE, "b": "http://127.0.0.1:8000/api/v1/"}, rule("gpt-*", "b"), rule("*")) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://api.example.com", "has no path"),
        ("https://api.example.com/", "has no path"),
        ("https://api.example.com/v1/chat/completions", "ends with an API's own path"),
        ("https://api.example.com/v1/messages/", "ends with an API's own path"),
    ],
)
def test_a_base_url_that_leads_beside_the_api_is_noted(url: str, words: str) -> None:
    (note,) = noted({"a": url})
    assert note.startswith(f"upstreams[0].base_url: {words}")


@pytest.mark.parametrize(
    ("earlier", "later"), [("*", "gpt-5"), ("*", "*"), ("gpt-*", "gpt-5*"), ("gpt-*", "gpt-?"), ("a", "a")]
)
def test_a_rule_that_no_model_comes_to_is_noted(earlier: str, later: str) -> None:
    (note,) = noted(ONE, rule(earlier), rule(later))
    assert note == f"models[1]: {later} never comes to it, since models[0] ({earlier}) matches first"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("gpt-5", "*"), ("gpt-?", "gpt-*"), ("gpt-[*]", "gpt-*"), ("GPT-*", "gpt-5"), ("a", "b")],
)
def test_a_rule_that_some_model_comes_to_is_not(earlier: str, later: str) -> None:
    assert noted(ONE, rule(earlier), rule(later)) == []


def test_an_upstream_that_no_rule_leads_to_is_noted() -> None:
    urls = {**ONE, "b": "https://b.example/v1"}
    assert noted(urls, rule("*")) == ["upstreams[1]: no rule under [[models]] leads to b"]
    assert noted(urls, rule("x", "b"), rule("*")) == []


def test_an_upstream_that_a_rule_names_twice_is_noted() -> None:
    assert noted(ONE, rule("*", "a", "a")) == ["models[0].upstreams: a is named twice"]
