"""Usage and records in the console: what was asked is counted, found, looked into and taken away as a file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import OpenPage
from consoles import SETTINGS, Console, running_console
from playwright.sync_api import Download, Locator, Page, expect
from served import completion, eventually, get

PRICES = '[[prices]]\nmodel = "mock-*"\ninput = 1000.0\noutput = 2000.0\n'
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
WELL, BADLY = 4, 2


@pytest.fixture(scope="module")
def used(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console whose gateway was asked `WELL` times with success, and `BADLY` times without."""
    with running_console(tmp_path_factory.mktemp("used"), settings=SETTINGS + PRICES) as running:
        for number in range(WELL):
            assert completion(running.port, "mock-gpt", stream=number % 2 == 0).status == 200
        for _ in range(BADLY):
            assert completion(running.port, "fault-rst").status >= 500
        eventually(lambda: len(get(running.port, "/api/records")["records"]) == WELL + BADLY)
        yield running


def stat(page: Page, name: str) -> Locator:
    """A figure above the chart."""
    return page.locator("dl", has=page.locator("dt", has_text=re.compile(f"^{name}$"))).locator("dd").first


def cells(page: Page, first: str) -> list[str]:
    """Of the row that begins with that."""
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=first, exact=True))
    return row.first.get_by_role("cell").all_inner_texts()


def text_of(download: Download) -> str:
    return Path(download.path()).read_text(encoding="utf-8")


def test_what_was_asked_is_counted_by_model_with_its_cost(page: Page, used: Console) -> None:
    page.goto(f"{used.url}/usage")
    expect(stat(page, "Requests")).to_have_text(str(WELL + BADLY))
    expect(stat(page, "Errors")).to_have_text(str(BADLY))
    sums = get(used.port, "/api/usage")["rows"][0]
    model, requests, errors, tokens, cost, *_ = cells(page, "mock-gpt")
    assert (model, requests, errors) == ("mock-gpt", str(WELL), "0")
    assert int(tokens.replace(",", "")) == sums["input_tokens"] + sums["output_tokens"]
    assert float(cost.replace(",", "")) == pytest.approx(sums["cost"], abs=0.02)
    expect(page.get_by_role("img", name="Requests by day").locator("canvas")).to_be_visible()


def test_sums_are_told_apart_as_is_wanted_and_become_a_file(page: Page, used: Console) -> None:
    page.goto(f"{used.url}/usage")
    page.get_by_text("Upstream", exact=True).first.click()
    page.get_by_role("columnheader", name="Upstream").wait_for()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download this table as CSV").click()
    assert started.value.suggested_filename.endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(text_of(started.value))))
    assert {(row["model"], row["upstream"], row["requests"]) for row in rows} == {
        ("mock-gpt", "mock", str(WELL)),
        ("fault-rst", "mock", str(BADLY)),
    }


def test_days_without_a_request_say_so(page: Page, used: Console) -> None:
    page.goto(f"{used.url}/usage")
    page.get_by_text("Other…").click()
    page.get_by_role("textbox", name="From").fill("2020-01-01")
    page.get_by_role("textbox", name="To").fill("2020-01-02")
    expect(page.get_by_text("Nothing was asked in these days")).to_be_visible()


def test_requests_are_found_by_outcome_and_the_address_keeps_it(page: Page, used: Console) -> None:
    page.goto(f"{used.url}/usage/records")
    rows = page.get_by_role("table", name="Requests").get_by_role("row")
    expect(rows).to_have_count(1 + WELL + BADLY)
    page.get_by_role("combobox", name="Outcome").click()
    page.get_by_role("option", name="Anything but ok").click()
    expect(rows).to_have_count(1 + BADLY)
    expect(page).to_have_url(re.compile("outcome=bad"))
    page.reload()
    expect(rows).to_have_count(1 + BADLY)
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("textbox", name="Request id or model").fill("mock-g")
    expect(rows).to_have_count(1 + WELL)


def test_a_request_is_looked_into_with_its_attempts_and_what_was_said(page: Page, used: Console) -> None:
    # Its clock has steps of a millisecond: the quickest have no course.
    records = get(used.port, "/api/records?failed=true")["records"]
    record = max(records, key=lambda record: record["duration_ms"])
    page.goto(f"{used.url}/usage/records")
    page.get_by_role("link", name=f"Request {record['request_id']}").click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text(record["request_id"])
    expect(drawer).to_contain_text("1. mock")
    expect(drawer.get_by_role("heading", name="Course")).to_be_visible()
    drawer.get_by_role("button", name="Show what was asked and answered").click()
    expect(drawer).to_contain_text('"messages"')
    drawer.get_by_role("button", name="Close").click()
    expect(page).to_have_url(re.compile(r"/usage/records\??$"))


@pytest.mark.parametrize("form", ["CSV", "JSONL"])
def test_records_that_are_wanted_become_a_file(page: Page, used: Console, form: str) -> None:
    page.goto(f"{used.url}/usage/records?outcome=bad")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name=form).click()
    text = text_of(started.value)
    found = (
        [row["model"] for row in csv.DictReader(io.StringIO(text))]
        if form == "CSV"
        else [json.loads(line)["model"] for line in text.splitlines()]
    )
    assert found == ["fault-rst"] * BADLY


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("options", [PHONE, {}], ids=["phone", "wide"])
@pytest.mark.parametrize("path", ["/usage", "/usage/records", "/usage/records/LAST"])
def test_nothing_keeps_people_from_reading_them(
    open_page: OpenPage,
    used: Console,
    axe: Callable[[Page], None],
    path: str,
    options: dict[str, Any],
    scheme: str,
) -> None:
    last = get(used.port, "/api/records?failed=true&limit=1")["records"][0]["request_id"]
    page = open_page(color_scheme=scheme, **options)
    page.goto(used.url + path.replace("LAST", last))
    (page.get_by_role("dialog") if "LAST" in path else page).get_by_text("fault-rst").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    axe(page)
