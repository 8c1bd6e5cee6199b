"""Streams whose timeline is not kept any more: what their record says is shown, and why there is no more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from browsers import Complaints, OpenPage
from consoles import SETTINGS, Console, running_console
from playwright.sync_api import Page, expect
from served import completion, eventually, get

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PRICES = '[[prices]]\nmodel = "mock-*"\ninput = 1000.0\noutput = 2000.0\n'


def remembering(streams: int) -> str:
    """Settings of a gateway that keeps the timelines of so many streams that are over."""
    return SETTINGS.replace("[inspector]", f"[inspector]\nstreams = {streams}") + PRICES


@pytest.fixture(scope="module")
def forgetful(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One that was asked for a broken stream, a whole one and a broken one, and remembers the last only."""
    with running_console(tmp_path_factory.mktemp("forgetful"), settings=remembering(1)) as running:
        for model in ("fault-eof:3", "mock-gpt", "fault-eof:4"):
            with contextlib.suppress(OSError):
                completion(running.port, model, stream=True)
        eventually(lambda: len(get(running.port, "/api/records")["records"]) == 3)
        yield running


def id_of(console: Console, model: str) -> str:
    records = get(console.port, "/api/records")["records"]
    return next(str(record["request_id"]) for record in records if record["model"] == model)


def value(page: Page, name: str) -> str:
    """Of a fact of the record."""
    return page.locator(f"dt:text-is('{name}') + dd").inner_text()


def test_a_forgotten_stream_that_broke_is_told_from_its_record(
    page: Page, forgetful: Console, complaints: Complaints
) -> None:
    complaints.expect("status of 404")
    page.goto(f"{forgetful.url}/streams/{id_of(forgetful, 'fault-eof:3')}")
    expect(page.get_by_text("The timeline of this stream is no longer kept")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("fault-eof:3")
    expect(page.get_by_role("alert").filter(has_text="upstream_truncated")).to_be_visible()
    expect(page.get_by_role("heading", name="Course")).to_be_visible()
    expect(page.get_by_text("1. mock")).to_be_visible()
    assert value(page, "outcome") == "truncated"
    assert value(page, "events") == str(get(forgetful.port, "/api/records")["records"][-1]["events"])
    expect(page.get_by_role("link", name="Timeline")).to_have_count(0)


def test_a_forgotten_stream_that_was_whole_is_told_with_its_usage(
    page: Page, forgetful: Console, complaints: Complaints
) -> None:
    complaints.expect("status of 404")
    request_id = id_of(forgetful, "mock-gpt")
    record = get(forgetful.port, f"/api/records/{request_id}")
    page.goto(f"{forgetful.url}/streams/{request_id}")
    expect(page.get_by_text("The timeline of this stream is no longer kept")).to_be_visible()
    assert value(page, "output_tokens") == str(record["usage"]["output_tokens"])
    assert float(value(page, "Cost")) == pytest.approx(record["cost"], abs=0.01)


def test_a_stream_that_is_remembered_is_shown_with_its_timeline(page: Page, forgetful: Console) -> None:
    page.goto(f"{forgetful.url}/streams/{id_of(forgetful, 'fault-eof:4')}")
    expect(page.locator("[data-lane=client]")).to_be_attached()
    expect(page.get_by_text("is no longer kept")).to_have_count(0)


def test_a_stream_without_a_record_says_that_there_is_none(
    page: Page, forgetful: Console, complaints: Complaints
) -> None:
    complaints.expect("status of 404")
    page.goto(f"{forgetful.url}/streams/req_000000000000000000000000")
    expect(page.get_by_text("This stream is not known, or no more")).to_be_visible()
    expect(page.get_by_text("There is no record of it, either.")).to_be_visible()


def test_where_no_timelines_are_kept_a_stream_says_so_and_shows_its_record(
    page: Page, site: None, complaints: Complaints, tmp_path_factory: pytest.TempPathFactory
) -> None:
    complaints.expect("status of 503")
    with running_console(tmp_path_factory.mktemp("untold"), settings=remembering(0)) as running:
        assert completion(running.port, "mock-gpt", stream=True).status == 200
        eventually(lambda: len(get(running.port, "/api/records")["records"]) == 1)
        page.goto(f"{running.url}/streams/{id_of(running, 'mock-gpt')}")
        expect(page.get_by_text("There is no timeline of this stream")).to_be_visible()
        expect(page.get_by_text("inspector.streams is 0")).to_be_visible()
        expect(page.get_by_role("heading", name="What its record says")).to_be_visible()
        page.goto("about:blank")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "wide"])
def test_nothing_keeps_people_from_reading_a_record(
    open_page: OpenPage,
    forgetful: Console,
    complaints: Complaints,
    axe: Callable[[Page], None],
    scheme: str,
    size: str,
) -> None:
    complaints.expect("status of 404")
    page = open_page(color_scheme=scheme, **(PHONE if size == "phone" else {}))
    page.goto(f"{forgetful.url}/streams/{id_of(forgetful, 'fault-eof:3')}")
    page.get_by_role("button", name="Show what was asked and answered").click()
    expect(page.get_by_text('"messages"').first).to_be_visible()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
