"""The reference page of the API is that of the code."""

from __future__ import annotations

import re
from pathlib import Path

from sluiceway.console.api import OPERATIONS
from sluiceway.console.explain import render

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_every_operation_is_on_the_page() -> None:
    page = render()
    for operation in OPERATIONS:
        assert f"### `{operation.method} {operation.path}`" in page


def test_every_type_that_is_linked_is_explained() -> None:
    page = render()
    for name in set(re.findall(r"\]\(#([a-z0-9]+)\)", page)):
        assert re.search(rf"(?mi)^### {name}$", page), name
