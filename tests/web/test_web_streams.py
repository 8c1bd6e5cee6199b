"""Streams in a real browser: a stalled one followed with its heartbeats, one ended, a broken one found."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from browsers import Complaints, OpenPage
from consoles import SETTINGS, Console, running_console
from playwright.sync_api import Page, expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# Heartbeats come soon, so that no test has to wait for one.
HEARTBEATS = """
[stream]
heartbeat_s = 0.2
"""
# What breaks on purpose must not make the gateway leave its upstream alone.
PATIENT = "health = { max_failures = 1000, max_error_rate = 0.0 }"


@pytest.fixture(scope="module")
def console(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(
        tmp_path_factory.mktemp("streams"), upstream=PATIENT, settings=SETTINGS + HEARTBEATS
    ) as running:
        yield running


class Asked(threading.Thread):
    """A client that asks for a stream and reads it to its end. `status`, `body`: once that is there."""

    def __init__(self, console: Console, model: str) -> None:
        super().__init__(daemon=True)
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        self._request = urllib.request.Request(
            f"{console.url}/v1/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        self.status = 0
        self.body = b""

    def run(self) -> None:
        try:
            with urllib.request.urlopen(self._request, timeout=30) as response:
                self.status, self.body = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                self.status, self.body = error.code, error.read()


@contextlib.contextmanager
def asking(console: Console, model: str) -> Iterator[Asked]:
    """While the body runs; it has to end it, or wait for the end."""
    client = Asked(console, model)
    client.start()
    yield client
    client.join(15)
    assert not client.is_alive()


def asked(console: Console, model: str) -> Asked:
    with asking(console, model) as client:
        pass
    return client


def open_stream(page: Page, console: Console, model: str) -> None:
    page.goto(f"{console.url}/streams")
    page.get_by_role("link", name=model, exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(model)


def end(page: Page) -> None:
    page.get_by_role("button", name="End this stream").click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()


def test_a_stalled_stream_is_followed_with_its_heartbeats_and_ended(page: Page, console: Console) -> None:
    model = "mock-gpt?fault=stall-between&tokens=20"
    with asking(console, model) as client:
        open_stream(page, console, model)
        expect(page.get_by_text("Silent", exact=True)).to_be_visible()
        hearts = page.locator("[data-lane=heartbeats] [data-heartbeat]")
        expect(hearts.nth(2)).to_be_attached()
        expect(page.locator("[data-gap][data-open]")).to_be_attached()
        events = page.locator("dt", has_text="Events").locator("+ dd")
        before = events.inner_text()
        seen = hearts.count()
        expect(hearts.nth(seen + 1)).to_be_attached()
        assert events.inner_text() == before
        expect(page.get_by_role("cell", name="heartbeat", exact=True).first).to_be_attached()

        end(page)
        expect(page.get_by_text("An administrator ended it.")).to_be_visible()
        expect(page.locator("[data-flag=error]")).to_contain_text("cancelled")
        expect(page.get_by_role("button", name="End this stream")).to_have_count(0)
    assert b'"code":"cancelled"' in client.body


def test_what_is_asked_before_ending_a_stream_can_be_answered_with_no(page: Page, console: Console) -> None:
    model = "mock-gpt?tps=20&tokens=60"
    with asking(console, model) as client:
        open_stream(page, console, model)
        page.get_by_role("button", name="End this stream").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Complete", exact=True)).to_be_visible()
    assert client.body.rstrip().endswith(b"data: [DONE]")


def test_a_stream_appears_while_one_looks_and_its_end_is_seen(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/streams")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    model = "mock-gpt?tps=40&tokens=60&seed=11"
    with asking(console, model):
        row = page.get_by_role("row", name=re.compile(re.escape(model)))
        expect(row).to_contain_text("Streaming")
        expect(row).to_contain_text("Complete")


def test_a_broken_stream_is_found_by_the_filter_and_says_why(page: Page, console: Console) -> None:
    asked(console, "mock-gpt?seed=1")
    asked(console, "fault-rst:3")
    page.goto(f"{console.url}/streams")
    page.get_by_role("radiogroup").get_by_text("Broken").click()
    expect(page).to_have_url(re.compile("view=broken"))
    row = page.get_by_role("row", name=re.compile("fault-rst:3"))
    expect(row).to_contain_text("Truncated")
    expect(page.get_by_role("link", name="mock-gpt?seed=1", exact=True)).to_have_count(0)
    row.click()
    expect(page.get_by_text("The upstream broke off before the answer was complete.")).to_be_visible()
    expect(page.locator("[data-flag=error]")).to_contain_text("upstream_truncated")
    page.go_back()
    expect(row).to_be_visible()


def test_streams_are_found_by_words_and_outcomes_and_the_slowest_come_first(
    page: Page, console: Console
) -> None:
    asked(console, "mock-gpt?ttft=0.6&seed=21")
    asked(console, "mock-gpt?seed=22")
    page.goto(f"{console.url}/streams?text=seed%3D2")
    links = page.get_by_role("row").get_by_role("link")
    expect(links).to_have_text(["mock-gpt?seed=22", "mock-gpt?ttft=0.6&seed=21"])
    page.get_by_role("button", name="First event").click()
    expect(links).to_have_text(["mock-gpt?ttft=0.6&seed=21", "mock-gpt?seed=22"])
    page.get_by_role("searchbox").or_(page.get_by_label("Find streams")).fill("seed=22")
    expect(links).to_have_text(["mock-gpt?seed=22"])
    page.goto(f"{console.url}/streams?outcomes=timeout")
    expect(page.get_by_text("No stream is like that")).to_be_visible()


def test_what_runs_stands_above_what_began_later_and_is_over(page: Page, console: Console) -> None:
    with asking(console, "mock-gpt?fault=stall-between:3&seed=51"):
        asked(console, "mock-gpt?seed=52")
        page.goto(f"{console.url}/streams?text=seed%3D5")
        links = page.get_by_role("row").get_by_role("link")
        expect(links).to_have_text(["mock-gpt?fault=stall-between:3&seed=51", "mock-gpt?seed=52"])
        expect(links).to_have_text(["mock-gpt?seed=52", "mock-gpt?fault=stall-between:3&seed=51"])


def test_a_client_that_does_not_keep_up_is_seen(page: Page, console: Console) -> None:
    body = json.dumps(
        {"model": "fault-endless-body", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    )
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", console.port))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n"
        client.sendall(f"{head}content-type: application/json\r\n\r\n{body}".encode())
        page.goto(f"{console.url}/streams")
        row = page.get_by_role("row", name=re.compile("fault-endless-body"))
        expect(row.get_by_role("img", name="The client does not keep up")).to_be_visible()
        row.get_by_role("link").click()
        expect(page.locator("[data-lane=pauses]")).to_contain_text("Client does not keep up")


def test_attempts_that_failed_are_seen(page: Page, console: Console) -> None:
    asked(console, "fault-http-500")
    open_stream(page, console, "fault-http-500")
    expect(page.locator("[data-lane=attempt-1]")).to_contain_text("Attempt 2: mock")
    expect(page.locator("[data-flag=failed]").first).to_contain_text("failed")


def test_an_event_is_chosen_by_keys_and_decoded(page: Page, console: Console) -> None:
    model = "mock-gpt?seed=31&tokens=40&tps=100"
    asked(console, model)
    open_stream(page, console, model)
    waterfall = page.get_by_role("group", name=re.compile("Waterfall"))
    waterfall.focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("heading", name="Event 0")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", name="Event 1")).to_be_visible()
    said = page.locator("pre[aria-label='What the event says']")
    expect(said).to_contain_text('"object": "chat.completion.chunk"')
    page.get_by_text("As sent", exact=True).click()
    expect(said).to_contain_text("data: {")


def test_the_waterfall_can_be_seen_closer(page: Page, console: Console) -> None:
    model = "mock-gpt?seed=32&tokens=40&tps=100"
    asked(console, model)
    open_stream(page, console, model)
    waterfall = page.get_by_role("group", name=re.compile("Waterfall"))
    whole = waterfall.get_attribute("aria-label")
    waterfall.focus()
    page.keyboard.press("+")
    expect(waterfall).not_to_have_attribute("aria-label", whole or "")
    page.keyboard.press("0")
    expect(waterfall).to_have_attribute("aria-label", whole or "")
    page.get_by_role("button", name="Largest gap").first.click()
    expect(page.get_by_role("button", name="All of it")).to_be_enabled()
    page.get_by_role("button", name="All of it").click()
    expect(waterfall).to_have_attribute("aria-label", whole or "")


def test_a_long_stream_has_no_more_shapes_than_there_is_room(page: Page, console: Console) -> None:
    model = "mock-gpt?tokens=3000&seed=33"
    asked(console, model)
    open_stream(page, console, model)
    expect(page.locator("[data-tick]").first).to_be_attached()
    assert page.locator("[data-tick]").count() < 1200
    assert page.locator("tr[aria-rowindex]").count() < 80
    expect(page.get_by_text(re.compile("events before these are forgotten"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "wide"])
def test_nothing_keeps_people_from_using_it(
    open_page: OpenPage, console: Console, axe: Callable[[Page], None], scheme: str, size: str
) -> None:
    asked(console, "mock-gpt?tokens=30&tps=100&seed=41")
    asked(console, "fault-eof")
    page = open_page(color_scheme=scheme, **(PHONE if size == "phone" else {}))
    page.goto(f"{console.url}/streams")
    expect(page.get_by_role("link", name="fault-eof", exact=True).first).to_be_visible()
    # How late and how silent they were is seen without scrolling sideways.
    table = page.get_by_role("table")
    assert table.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
    axe(page)
    page.get_by_role("link", name="fault-eof", exact=True).first.click()
    expect(page.locator("[data-lane=client]")).to_be_attached()
    axe(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


def test_a_stream_that_nobody_knows_says_so(page: Page, console: Console, complaints: Complaints) -> None:
    complaints.expect("status of 404")
    page.goto(f"{console.url}/streams/req_000000000000000000000000")
    expect(page.get_by_text("This stream is not known, or no more")).to_be_visible()
