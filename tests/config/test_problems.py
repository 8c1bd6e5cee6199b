"""Problems as people read them."""

from __future__ import annotations

import pytest

from sluiceway.config.problems import ConfigError, Problem, nearest, suggest


def test_a_problem_is_one_line_and_its_hint_another() -> None:
    assert str(Problem("a.b", "is wrong")) == "a.b: is wrong"
    assert str(Problem("a.b", "is wrong", "do this")) == "a.b: is wrong\n    do this"
    assert str(Problem("", "can't be read")) == "can't be read"


def test_an_error_counts_its_problems_and_names_its_source() -> None:
    one, two = Problem("a", "x"), Problem("b", "y", "z")
    assert str(ConfigError([one])) == "configuration has 1 problem:\n  a: x"
    error = ConfigError(iter([one, two]), "s.toml")
    assert str(error) == "s.toml has 2 problems:\n  a: x\n  b: y\n    z"
    assert error.problems == [one, two]


@pytest.mark.parametrize(
    ("name", "near"), [("idel_s", "idle_s"), ("zzz", None), ("", None), ("i" * 10**6, None)]
)
def test_the_nearest_name_is_found_if_any_is_near(name: str, near: str | None) -> None:
    assert nearest(name, ["idle_s", "total_s"]) == near


def test_a_hint_is_the_nearest_name_or_else_all_names() -> None:
    assert suggest("idel_s", iter(["idle_s", "total_s"])) == 'did you mean "idle_s"?'
    assert suggest("zzz", iter(["idle_s", "total_s"])) == "known are: idle_s, total_s"
