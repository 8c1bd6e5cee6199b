"""The reference page says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway.mock.faults import reference_table
from sluiceway.mock.journal import Record
from sluiceway.mock.settings import MockSettings, knobs

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mock.md"


def section(name: str) -> str:
    return PAGE.read_text().split(f"<!-- {name} -->\n")[1].split(f"<!-- end of {name} -->")[0]


def knob_table() -> str:
    rows = ["| knob | default | what it does |", "|---|---|---|"]
    for name, description in knobs().items():
        default = getattr(MockSettings(), name)
        shown = "unset" if default in (None, "") else str(default).lower()
        rows.append(f"| `{name}` | {shown} | {description} |")
    return "\n".join(rows) + "\n"


def test_the_table_of_faults_is_that_of_the_code() -> None:
    assert section("faults") == reference_table()


def test_the_table_of_knobs_is_that_of_the_code() -> None:
    assert section("knobs") == knob_table()


@pytest.mark.parametrize("field", Record.__struct_fields__)
def test_every_field_of_a_record_is_on_the_page(field: str) -> None:
    assert f"`{field}`" in PAGE.read_text()
