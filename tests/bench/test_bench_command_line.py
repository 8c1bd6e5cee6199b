"""`python -m bench`: which rows, which run."""

from __future__ import annotations

import pytest

from bench.__main__ import parser


def test_several_gateways_and_scenarios_are_named_at_once_or_one_by_one() -> None:
    words = ["run", "--only", "nginx,sluiceway", "--only", "sluiceway-team", "--scenario", "json,streams"]
    chosen = parser().parse_args(words)
    assert chosen.only == ["nginx", "sluiceway", "sluiceway-team"]
    assert chosen.scenario == ["json", "streams"]


def test_a_gateway_that_is_not_known_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "--only", "nginx,apache"])
    assert "no 'apache'; there are direct, nginx" in capsys.readouterr().err


def test_a_soak_takes_minutes_a_seed_and_a_number_of_clients() -> None:
    chosen = parser().parse_args(["soak", "--minutes", "0.5", "--seed", "7", "--clients", "20"])
    assert (chosen.minutes, chosen.seed, chosen.clients) == (0.5, 7, 20)
