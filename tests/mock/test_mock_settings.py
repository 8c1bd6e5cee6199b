"""Knobs: who wins, and what happens to a typo."""

from __future__ import annotations

import pytest

from sluiceway.errors import InvalidRequest
from sluiceway.mock.settings import LIFELIKE, MockSettings, knobs, settings_for


def test_without_knobs_the_providers_own_settings_hold() -> None:
    assert settings_for(LIFELIKE, "mock-gpt", {"x-other": "1"}) == ("mock-gpt", LIFELIKE)


def test_the_model_name_turns_knobs_and_is_answered_without_them() -> None:
    name, settings = settings_for(
        MockSettings(), "mock-gpt?ttft=0.5&tps=50&fault=rst:3&echo=true&tools=2", {}
    )
    assert name == "mock-gpt"
    assert settings == MockSettings(ttft=0.5, tps=50, fault="rst:3", echo=True, tools=2)


def test_a_header_beats_the_model_name() -> None:
    _, settings = settings_for(MockSettings(tokens=3), "m?tokens=4&ttft=1", {"x-mock-tokens": "5"})
    assert (settings.tokens, settings.ttft) == (5, 1.0)


def test_a_model_named_after_a_fault_has_it() -> None:
    name, settings = settings_for(MockSettings(), "fault-rst:2?tps=5", {})
    assert (name, settings.fault, settings.tps) == ("fault-rst:2", "rst:2", 5.0)


def test_an_unknown_knob_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="'tpss'; did you mean 'tps'") as caught:
        settings_for(MockSettings(), "m?tpss=5", {})
    assert caught.value.param == "tpss"


def test_an_unknown_knob_near_nothing_is_told_all_of_them() -> None:
    with pytest.raises(InvalidRequest, match="there are echo, fault, jitter"):
        settings_for(MockSettings(), "m", {"x-mock-zzz": "5"})


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("ttft", "-1"),
        ("ttft", "nan"),
        ("ttft", "inf"),
        ("ttft", ""),
        ("tps", "fast"),
        ("jitter", "1.5"),
        ("tokens", "10001"),
        ("tokens", "1.5"),
        ("tools", "17"),
        ("usage", "maybe"),
        ("echo", "perhaps"),
        ("seed", "x"),
    ],
)
def test_a_value_that_a_knob_cannot_take_is_an_error_that_names_it(knob: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        settings_for(MockSettings(), "m", {f"x-mock-{knob}": value})
    assert caught.value.param == knob
    assert caught.value.message.startswith(f"{knob}={value!r}: ")


def test_every_knob_is_described_where_it_is_defined() -> None:
    assert list(knobs()) == list(MockSettings.__struct_fields__)
    assert all(text.endswith(".") for text in knobs().values())
