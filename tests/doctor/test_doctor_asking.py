"""What is asked: addresses as users write them, models with knobs, requests as they go out."""

from __future__ import annotations

import msgspec
import pytest

from sluiceway.doctor import asking
from sluiceway.doctor.asking import Target, target_of
from sluiceway.mock.settings import MockSettings, settings_for


@pytest.mark.parametrize(
    ("url", "base", "authority"),
    [
        ("https://ai.example.com", "/v1", "ai.example.com"),
        ("https://ai.example.com/", "/v1", "ai.example.com"),
        ("https://ai.example.com/v1/", "/v1", "ai.example.com"),
        ("https://ai.example.com:8443/llm/v1", "/llm/v1", "ai.example.com:8443"),
        ("http://[::1]:8787", "/v1", "[::1]:8787"),
        ("http://127.0.0.1:80/v1", "/v1", "127.0.0.1"),
    ],
)
def test_an_address_is_read_as_sdks_take_it(url: str, base: str, authority: str) -> None:
    target = target_of(url)
    assert (target.base, target.authority) == (base, authority)
    assert target.url == f"{target.scheme}://{authority}{base}"


@pytest.mark.parametrize(
    "url", ["ai.example.com", "ftp://x/v1", "http://", "http://x:port/", "http://x/v1?a=b", "http://[x"]
)
def test_what_is_no_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a gateway"):
        target_of(url)


@pytest.mark.parametrize(
    ("base", "others"),
    [("/v1", []), ("/ai", ["/ai/v1", "/v1"]), ("/ai/v1", ["/v1"])],
)
def test_other_places_are_tried_near_by(base: str, others: list[str]) -> None:
    assert [found.base for found in asking.other_bases(Target("http", "x", 80, base))] == others


def knobs_of(ask: asking.Ask) -> tuple[str, MockSettings]:
    return settings_for(MockSettings(ttft=9, tps=40, jitter=0.3), msgspec.json.decode(ask.body)["model"], {})


def test_a_paced_stream_turns_the_simulated_providers_knobs() -> None:
    ask = asking.paced("mock-gpt")
    name, settings = knobs_of(ask)
    assert (name, settings.tps, settings.ttft, settings.jitter) == ("mock-gpt", asking.PACE_PER_S, 0, 0)
    assert settings.stamps
    assert settings.tokens == asking.PACE_EVENTS
    assert ask.stream


def test_knobs_that_the_model_has_already_stay_unless_they_are_needed() -> None:
    name, settings = knobs_of(asking.silent("mock-gpt?usage=on", 20, stream=True))
    assert (name, settings.usage, settings.fault) == ("mock-gpt", "on", "slow-headers:20")


def test_a_stream_and_its_json_say_the_same() -> None:
    assert knobs_of(asking.paced("mock-gpt"))[1].seed == knobs_of(asking.at_once("mock-gpt"))[1].seed
    assert not msgspec.json.decode(asking.at_once("mock-gpt").body)["stream"]


def test_a_real_model_gets_its_own_name_and_no_knobs() -> None:
    assert msgspec.json.decode(asking.paced("gpt-5").body)["model"] == "gpt-5"
    assert [asking.is_simulated(name) for name in ("gpt-5", "mock-gpt", "m?tps=1", "fault-rst")] == [
        False,
        True,
        True,
        True,
    ]


def test_a_request_offers_to_be_compressed_and_carries_the_key() -> None:
    head = asking.head_of(Target("http", "x", 8080, "/ai/v1"), asking.nothing(), "sk-1")
    assert head.startswith(b"POST /ai/v1/chat/completions HTTP/1.1\r\nhost: x:8080\r\n")
    assert b"\r\naccept-encoding: gzip, deflate\r\n" in head
    assert b"\r\ncontent-length: 2\r\n" in head
    assert head.endswith(b"\r\nauthorization: Bearer sk-1\r\n\r\n")
    assert b"authorization" not in asking.head_of(Target("http", "x", 80, "/v1"), asking.nothing(), "")


def test_a_large_request_is_larger_than_what_nginx_takes_by_default() -> None:
    assert len(asking.large().body) > 1024 * 1024
