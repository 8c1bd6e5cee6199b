"""The history of the chat in a real browser: other names for conversations, and finding them again."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from browsers import OpenPage
from chats import choose, done, kept, opened, say
from consoles import Console
from playwright.sync_api import Locator, Page, expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def chat(page: Page, console: Console) -> Page:
    """With one conversation that has begun."""
    begin(opened(page, console), "How do gates work?")
    return page


def begin(chat: Page, text: str) -> None:
    choose(chat, "mock-gpt?echo=true")
    say(chat, text)
    done(chat)
    kept(chat)


def history(chat: Page) -> Locator:
    return chat.get_by_role("navigation", name="History")


def test_a_conversation_is_renamed_with_the_pointer_and_stays_so(chat: Page, console: Console) -> None:
    history(chat).get_by_role("listitem").hover()
    history(chat).get_by_role("button", name="Rename “How do gates work?”").click()
    name = history(chat).get_by_label("Name of the conversation")
    expect(name).to_be_focused()
    expect(name).to_have_value("How do gates work?")
    name.fill("  Sluices   of  old ")
    chat.get_by_role("log").click()
    expect(history(chat).get_by_role("link", name="Sluices of old")).to_be_visible()
    expect(chat).to_have_title(re.compile("^Sluices of old"))
    # What is said later does not name it again.
    say(chat, "And locks?")
    done(chat, 2)
    kept(chat)
    chat.reload()
    expect(history(chat).get_by_role("link", name="Sluices of old")).to_be_visible()
    chat.goto(f"{console.url}/chat")
    expect(history(chat).get_by_role("link", name="Sluices of old")).to_be_visible()


def test_one_that_is_not_open_is_renamed_by_the_keyboard_alone(chat: Page, console: Console) -> None:
    chat.goto(f"{console.url}/chat")
    link = history(chat).get_by_role("link", name="How do gates work?")
    link.focus()
    chat.keyboard.press("F2")
    chat.keyboard.type("Locks")
    chat.keyboard.press("Enter")
    link = history(chat).get_by_role("link", name="Locks")
    expect(link).to_be_focused()
    chat.keyboard.press("F2")
    chat.keyboard.type("Weirs")
    chat.keyboard.press("Escape")
    expect(link).to_be_focused()
    chat.keyboard.press("F2")
    chat.keyboard.press("Delete")
    chat.keyboard.press("Enter")
    expect(link).to_be_focused()
    chat.keyboard.press("Enter")
    expect(done(chat)).to_contain_text("How do gates work?")
    expect(chat).to_have_title(re.compile("^Locks"))


def test_the_drawer_of_a_phone_stays_open_while_a_name_is_given_up(
    open_page: OpenPage, console: Console, axe: Callable[[Page], None]
) -> None:
    chat = opened(open_page(**PHONE), console)
    begin(chat, "Small")
    chat.get_by_role("button", name="Show history").click()
    history(chat).get_by_role("button", name="Rename “Small”").click()
    history(chat).get_by_label("Name of the conversation").fill("Large")
    axe(chat)
    chat.keyboard.press("Escape")
    expect(history(chat).get_by_role("link", name="Small")).to_be_focused()
    history(chat).get_by_role("button", name="Rename “Small”").click()
    history(chat).get_by_label("Name of the conversation").fill("Large")
    chat.keyboard.press("Enter")
    expect(history(chat).get_by_role("link", name="Large")).to_be_visible()


def test_a_search_finds_all_words_in_names_and_in_what_was_said(chat: Page) -> None:
    chat.keyboard.press("Escape")
    history(chat).get_by_role("link", name="New chat").click()
    begin(chat, "Tell me of herons")
    lines = history(chat).get_by_role("listitem")
    expect(lines).to_have_count(2)
    search = history(chat).get_by_label("Search")
    search.fill("work GATES")
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("How do gates work?")
    search.fill("gates herons")
    expect(history(chat)).to_contain_text("Nothing found.")
    history(chat).get_by_role("button", name="Cancel").click()
    expect(lines).to_have_count(2)
