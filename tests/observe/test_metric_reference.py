"""The reference page of the metrics: complete, and current."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from sluiceway.observe.metric_definitions import DEFINITIONS
from sluiceway.observe.metric_reference import render
from sluiceway.observe.record import Outcome

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "reference" / "metrics.md").read_text() == render(), "run: make docs"


def test_the_page_has_every_metric_with_its_kind_labels_and_meaning() -> None:
    page = " ".join(render().split())
    for definition in DEFINITIONS.values():
        assert f"### `{definition.name}` *{definition.kind.capitalize()}.*" in page
        assert definition.help in page
        for label in definition.labels:
            assert f"`{label}`" in page


def test_the_page_has_every_outcome_a_request_can_have() -> None:
    for outcome in get_args(Outcome):
        assert f"`{outcome}`" in render()


def test_the_page_ends_in_one_newline() -> None:
    assert render().endswith(".\n")
