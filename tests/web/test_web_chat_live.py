"""The chat in a real browser while an answer comes: what it shows of its pace, and what the keyboard does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from chats import CHAT_SETTINGS, answers, choose, done, opened, say
from consoles import Console, running_console
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def console(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("chat-live"), settings=CHAT_SETTINGS) as running:
        yield running


@pytest.fixture
def chat(page: Page, console: Console) -> Page:
    return opened(page, console)


def test_its_pace_is_in_events_until_the_provider_has_counted_tokens(chat: Page) -> None:
    choose(chat, "mock-gpt?ttft=0.4&tps=20&tokens=50")
    say(chat, "Hello")
    so_far = chat.get_by_test_id("figures-so-far")
    expect(so_far).to_have_text(
        re.compile(r"^First token (4|5|6|7)\d\dms\s*\d+(\.\d)? events/s\s*Elapsed \d(\.\d)?s$")
    )
    figures = done(chat).get_by_test_id("figures")
    expect(figures).to_contain_text(re.compile(r"(1[5-9]|2[0-5])(\.\d)? tok/s"))
    expect(figures).not_to_contain_text("events/s")
    expect(so_far).to_have_count(0)


def test_its_pace_is_in_tokens_at_once_where_they_are_counted_on_the_way(chat: Page) -> None:
    choose(chat, "mock-gpt?tps=20&tokens=60&usage=every")
    say(chat, "Hello")
    so_far = chat.get_by_test_id("figures-so-far")
    expect(so_far).to_contain_text(re.compile(r"(1[5-9]|2\d)(\.\d)? tok/s.* in · \d+ out"))
    expect(so_far).not_to_contain_text("events/s")


def test_without_any_count_it_stays_in_events(chat: Page) -> None:
    choose(chat, "mock-gpt?tps=40&tokens=20&usage=off")
    say(chat, "Hello")
    expect(done(chat).get_by_test_id("figures")).to_contain_text(re.compile(r"\d events/s"))


def test_a_stream_that_falls_silent_says_for_how_long(chat: Page) -> None:
    choose(chat, "mock-gpt?fault=stall-between:60")
    say(chat, "Stop in the middle")
    expect(chat.get_by_test_id("figures-so-far")).to_contain_text("nothing for 3s", timeout=10_000)
    chat.get_by_role("button", name="Stop", exact=True).click()
    expect(answers(chat, "stopped")).to_be_visible()


def test_escape_stops_an_answer_from_the_message_and_from_the_page(chat: Page, console: Console) -> None:
    choose(chat, "mock-gpt?tps=20&tokens=400")
    say(chat, "Never end")
    expect(chat.get_by_text("Esc stops the answer")).to_be_visible()
    expect(answers(chat, "running").locator("p")).to_contain_text(re.compile(r"\w+ \w+"))
    chat.keyboard.press("Escape")
    expect(answers(chat, "stopped")).to_have_count(1)
    assert console.mock.last_ended().outcome == "aborted"
    expect(chat.get_by_text("Enter sends")).to_be_visible()
    say(chat, "Once more")
    chat.get_by_role("log").focus()
    chat.keyboard.press("Escape")
    expect(answers(chat, "stopped")).to_have_count(2)


def test_enter_sends_and_with_shift_begins_a_line(chat: Page) -> None:
    choose(chat, "mock-gpt?echo=true")
    message = chat.get_by_label("Message", exact=True)
    message.focus()
    chat.keyboard.type("one")
    chat.keyboard.press("Shift+Enter")
    chat.keyboard.type("two")
    expect(message).to_have_value("one\ntwo")
    chat.keyboard.press("Enter")
    expect(chat.get_by_role("article", name="You")).to_have_text("one\ntwo", use_inner_text=True)
    expect(message).to_have_value("")


def test_the_focus_is_never_lost_to_what_has_gone(chat: Page) -> None:
    choose(chat, "mock-gpt?echo=true")
    message = chat.get_by_label("Message", exact=True)
    chat.get_by_role("button", name="Write a Python generator of primes").click()
    done(chat)
    expect(message).to_be_focused()
    chat.get_by_role("button", name="Edit").click()
    expect(chat.get_by_label("Change your message")).to_be_focused()
    chat.keyboard.press("Escape")
    expect(chat.get_by_role("button", name="Edit")).to_be_focused()
    chat.keyboard.press("Enter")
    chat.keyboard.press("End")
    chat.keyboard.type(", quickly")
    chat.keyboard.press("Control+Enter")
    expect(done(chat)).to_contain_text("primes, quickly")
    expect(message).to_be_focused()
    chat.get_by_role("button", name="Answer again").click()
    done(chat)
    expect(message).to_be_focused()
    choose(chat, "mock-gpt?tps=20&tokens=400")
    say(chat, "Never end")
    chat.get_by_role("button", name="Stop", exact=True).click()
    expect(message).to_be_focused()
    chat.get_by_role("navigation", name="History").get_by_role("link", name="New chat").click()
    expect(chat.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(message).to_be_focused()
