"""More requests than one page of records holds: leafed through, and sums in the order that is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from consoles import Console, running_console
from playwright.sync_api import Locator, Page, expect
from served import completion, eventually, get

PAGE = 50
SMALL, LARGE = 52, 3


@pytest.fixture(scope="module")
def busy(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console whose gateway was asked often for little, and seldom for much."""
    with running_console(tmp_path_factory.mktemp("busy")) as running:
        for _ in range(SMALL):
            assert completion(running.port, "mock-gpt?tokens=1").status == 200
        for _ in range(LARGE):
            assert completion(running.port, "mock-large?tokens=900").status == 200
        counted = f"/api/records?limit={PAGE * 2}"
        eventually(lambda: len(get(running.port, counted)["records"]) == SMALL + LARGE)
        yield running


def ids(page: Page) -> list[str]:
    """Of the requests that are shown."""
    links = page.get_by_role("table", name="Requests").get_by_role("link")
    labels = [link.get_attribute("aria-label") or "" for link in links.all()]
    return [found[0] for label in labels if (found := re.search(r"req_\w+", label))]


def pager(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def models(page: Page) -> list[str]:
    """In the order of the sums."""
    cells = page.locator("tbody tr td:first-child")
    return cells.all_inner_texts()


def test_records_are_leafed_through_without_a_repetition_or_a_hole(page: Page, busy: Console) -> None:
    page.goto(f"{busy.url}/usage/records")
    rows = page.get_by_role("table", name="Requests").locator("tbody tr")
    expect(rows).to_have_count(PAGE)
    expect(pager(page, "Newer")).to_be_disabled()
    newest = ids(page)
    # What comes meanwhile does not move what is leafed through.
    assert completion(busy.port, "mock-gpt?tokens=2").status == 200
    pager(page, "Older").click()
    expect(page.get_by_text("Page 2")).to_be_visible()
    expect(rows).to_have_count(SMALL + LARGE - PAGE)
    expect(pager(page, "Older")).to_be_disabled()
    kept = get(busy.port, f"/api/records?limit={PAGE * 2}")["records"]
    known = [one["request_id"] for one in kept if one["model"] != "mock-gpt?tokens=2"]
    assert newest + ids(page) == known
    pager(page, "Newer").click()
    expect(rows).to_have_count(PAGE)


def test_another_filter_begins_at_the_first_page(page: Page, busy: Console) -> None:
    page.goto(f"{busy.url}/usage/records?text=mock")
    pager(page, "Older").click()
    expect(page.get_by_text("Page 2")).to_be_visible()
    page.get_by_role("textbox", name="Request id or model").fill("mock-large")
    rows = page.get_by_role("table", name="Requests").locator("tbody tr")
    expect(rows).to_have_count(LARGE)
    expect(page).to_have_url(re.compile("text=mock-large"))
    expect(page.get_by_text("Page 2")).to_have_count(0)


def test_more_filters_find_a_model_by_a_glob_and_answers_in_one_piece(page: Page, busy: Console) -> None:
    page.goto(f"{busy.url}/usage/records")
    rows = page.get_by_role("table", name="Requests").locator("tbody tr")
    page.get_by_role("button", name="More filters").click()
    page.get_by_role("textbox", name="Model, as gpt-*").fill("mock-l*")
    expect(rows).to_have_count(LARGE)
    page.get_by_role("combobox", name="Kind").click()
    page.get_by_role("option", name="Streams").click()
    expect(page.get_by_text("No request is like that")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("more"))).to_have_attribute("aria-expanded", "true")


def test_sums_are_sorted_by_any_column_both_ways(page: Page, busy: Console) -> None:
    often, much = "mock-gpt?tokens=1", "mock-large?tokens=900"
    page.goto(f"{busy.url}/usage")
    column = page.get_by_role("columnheader", name="Requests")
    expect(column).to_have_attribute("aria-sort", "descending")
    order = [one for one in models(page) if one in (often, much)]
    assert order == [often, much]
    page.get_by_role("columnheader", name="Tokens", exact=True).get_by_role("button").click()
    assert [one for one in models(page) if one in (often, much)] == [much, often]
    page.get_by_role("columnheader", name="Tokens", exact=True).get_by_role("button").click()
    assert [one for one in models(page) if one in (often, much)] == [often, much]
    expect(column).to_have_attribute("aria-sort", "none")
    page.get_by_role("columnheader", name="Model").get_by_role("button").click()
    page.get_by_role("columnheader", name="Model").get_by_role("button").click()
    assert [one for one in models(page) if one in (often, much)] == [much, often]


def test_sums_of_one_model_alone_are_asked_for(page: Page, busy: Console) -> None:
    page.goto(f"{busy.url}/usage")
    page.get_by_text("mock-large?tokens=900").first.wait_for()
    page.get_by_role("textbox", name="Only: Model").fill("mock-large?tokens=900")
    requests = page.locator("dl", has=page.locator("dt", has_text=re.compile("^Requests$"))).locator("dd")
    expect(requests.first).to_have_text(str(LARGE))
    expect(page.get_by_text("mock-gpt?tokens=1")).to_have_count(0)
