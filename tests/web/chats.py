"""What the tests of the chat share: choosing a model, saying something, waiting for answers."""

from __future__ import annotations

import json
from typing import Any

from consoles import SETTINGS, Console
from playwright.sync_api import Locator, Page, expect

DIALECTS = {"chat": "chat/completions", "responses": "responses", "messages": "messages"}

# Heartbeats come soon, so that no test has to wait for one.
CHAT_SETTINGS = (
    SETTINGS
    + """
[stream]
heartbeat_s = 0.2
commit_after_s = 0.1
"""
)


def opened(page: Page, console: Console) -> Page:
    """With its list of models there, so that nothing is chosen by itself any more."""
    page.goto(f"{console.url}/chat")
    expect(page.get_by_role("combobox", name="Model")).to_have_value("mock-gpt")
    return page


def choose(page: Page, model: str, dialect: str = "chat", lane: int = 0) -> None:
    page.get_by_role("combobox", name="Model").nth(lane).fill(model)
    page.keyboard.press("Escape")
    page.get_by_label("API", exact=True).nth(lane).select_option(dialect)


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def answers(page: Page, status: str = "") -> Locator:
    return page.locator(f"article[data-status='{status}']" if status else "article[data-status]")


def done(page: Page, count: int = 1) -> Locator:
    """The last of so many answers, once all of them are whole."""
    expect(answers(page, "done")).to_have_count(count)
    return answers(page).last


def kept(page: Page) -> None:
    """Wait until the browser's database has the end of each answer: it comes a moment after it was seen."""
    page.wait_for_function(
        """() => new Promise((resolve, reject) => {
            const opening = indexedDB.open("sluiceway-chat");
            opening.onerror = () => reject(opening.error);
            opening.onsuccess = () => {
                const reading = opening.result.transaction("bodies").objectStore("bodies").getAll();
                reading.onsuccess = () => {
                    opening.result.close();
                    const turns = reading.result.flatMap(one => one.lanes.flatMap(lane => lane.tree.turns));
                    resolve(turns.length > 0 && turns.every(turn => turn.answer?.status !== "running"));
                };
            };
        })"""
    )


def sent(console: Console) -> Any:
    return json.loads(console.mock.last_ended().body)
