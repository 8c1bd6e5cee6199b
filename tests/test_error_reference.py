"""The page of error codes has every code, as the code has it, and says what to do about each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sluiceway import error_reference, errors
from sluiceway.error_reference import GROUPS, WIDTH, errors_by_code, render

ROOT = Path(__file__).parents[1]
SOURCE = (ROOT / "src" / "sluiceway" / "errors.py").read_text(encoding="utf-8")


def entry(code: str) -> str:
    """What stands below the heading of a code, on one line."""
    text = render().split(f"### `{code}`\n")[1].split("\n#")[0]
    return " ".join(text.split())


def test_the_page_is_current() -> None:
    page = ROOT / "docs" / "reference" / "errors.md"
    assert page.read_text(encoding="utf-8") == render(), "run: make docs"


def test_each_code_that_the_source_names_has_an_entry_and_a_line_of_the_table() -> None:
    # The code of any error of the upstream is that of the one that says no more, which has an entry.
    codes = set(re.findall(r"^    code(?:: str \| None)? = \"(\w+)\"", SOURCE, re.MULTILINE))
    assert codes == set(errors_by_code())
    assert set(re.findall(r"^### `(\w+)`$", render(), re.MULTILINE)) == codes
    assert set(re.findall(r"^\| \[`(\w+)`\]\(#\1\) \|", render(), re.MULTILINE)) == codes


def test_an_entry_tells_status_type_meaning_and_what_to_do() -> None:
    assert entry("upstream_truncated").startswith(
        "*Status 502, type `upstream_error`.* The upstream's answer stopped before its end. Do not take what came"
    )


def test_a_code_with_several_statuses_tells_what_each_means() -> None:
    told = entry("invalid_request")
    assert told.startswith("*Status 400, 404, 405, type `invalid_request_error`.* 400: The request can't be")
    assert "405: The path exists, but not for this method." in told


def test_a_code_that_is_never_sent_says_so() -> None:
    assert entry(str(errors.ClientGone.code)).startswith("*Never sent; status 499 in logs and records.*")


def test_all_errors_of_one_code_have_one_type() -> None:
    for raised in errors_by_code().values():
        assert len({error.type for error in raised}) == 1


def test_a_code_without_advice_is_not_forgotten_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {title: dict(advised) for title, advised in GROUPS.items()}
    del groups["Room"]["draining"]
    monkeypatch.setattr(error_reference, "GROUPS", groups)
    with pytest.raises(KeyError, match="no advice for draining"):
        render()


def test_the_page_keeps_its_width() -> None:
    assert max(len(line) for line in render().splitlines() if not line.startswith(("|", "<!--"))) <= WIDTH
