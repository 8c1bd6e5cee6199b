"""The overview and the upstreams in a real browser: figures, what broke, and taking an upstream out of service."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsers import OpenPage
from consoles import Console, running_console
from playwright.sync_api import Page, expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# What breaks on purpose must not make the gateway leave its upstream alone.
PATIENT = "health = { max_failures = 1000, max_error_rate = 0.0 }"


@pytest.fixture(scope="module")
def console(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("overview"), upstream=PATIENT) as running:
        yield running


CHARTS = (
    "Requests that run, and those that wait",
    "Time to the first event",
    "The longest silence",
    "Errors by day",
    "Tokens by day",
    "Cost by day",
)


def ask(console: Console, model: str) -> int:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    request = urllib.request.Request(
        f"{console.url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_overview_tells_figures_and_what_broke_as_it_happens(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/overview")
    expect(page.get_by_role("heading", name="Upstreams")).to_be_visible()
    expect(page.get_by_text("Taking requests")).to_be_visible()
    ask(console, "mock-gpt?seed=5")
    ask(console, "fault-eof:3")
    expect(page.get_by_role("link", name="fault-eof:3")).to_contain_text("Truncated")
    expect(page.locator("dt", has_text="Errors").locator("+ dd")).not_to_have_text("0")
    for name in CHARTS:
        expect(page.get_by_role("img", name=re.compile(name)).locator("canvas")).to_be_visible()
    page.get_by_role("link", name="fault-eof:3").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("fault-eof:3")


def test_an_overview_of_nothing_says_so_and_who_waits_is_seen_at_once(
    page: Page, site: None, tmp_path: Path
) -> None:
    with running_console(tmp_path, upstream="max_in_flight = 1") as running:
        page.goto(f"{running.url}/overview")
        expect(page.get_by_text("No requests lately")).to_have_count(2)
        expect(page.get_by_text("No requests in the last two weeks")).to_have_count(3)
        expect(page.get_by_text("Nothing broke")).to_be_visible()
        clients = [
            threading.Thread(target=ask, args=(running, f"mock-gpt?ttft=4&seed={n}"), daemon=True)
            for n in (1, 2)
        ]
        for client in clients:
            client.start()
        expect(page.get_by_text("2 running", exact=True)).to_be_visible()
        expect(page.get_by_text("1 waiting", exact=True)).to_be_visible()
        expect(page.get_by_text("one waits for a place")).to_be_visible()
        for client in clients:
            client.join(15)
        expect(page.get_by_text("0 waiting", exact=True)).to_be_visible()
        page.goto("about:blank")


def test_an_upstream_is_drained_and_enabled_again(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/upstreams")
    page.get_by_role("button", name="Drain").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("No other upstream takes requests now")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Drain")).to_be_visible()

    page.get_by_role("button", name="Drain").click()
    dialog.get_by_role("button", name="Drain").click()
    expect(page.get_by_text("Drained", exact=True)).to_be_visible()
    assert ask(console, "mock-gpt") == 503

    page.get_by_role("button", name="Enable").click()
    dialog.get_by_role("button", name="Enable").click()
    expect(page.get_by_text("Taking requests")).to_be_visible()
    assert ask(console, "mock-gpt") == 200


@pytest.mark.parametrize("path", ["overview", "upstreams"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "wide"])
def test_nothing_keeps_people_from_reading_it(
    open_page: OpenPage, console: Console, axe: Callable[[Page], None], path: str, scheme: str, size: str
) -> None:
    ask(console, "fault-eof:2")
    page = open_page(color_scheme=scheme, **(PHONE if size == "phone" else {}))
    page.goto(f"{console.url}/{path}")
    expect(page.get_by_text("Taking requests")).to_be_visible()
    axe(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
