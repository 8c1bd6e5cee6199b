"""The chat in a real browser: every dialect streamed, tools, branches, two models, what breaks and how it is told."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from browsers import Complaints, OpenPage
from chats import CHAT_SETTINGS, DIALECTS, answers, choose, done, opened, say, sent
from consoles import Console, running_console
from playwright.sync_api import FilePayload, Page, expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def console(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("chat"), settings=CHAT_SETTINGS) as running:
        yield running


@pytest.fixture
def chat(page: Page, console: Console) -> Page:
    return opened(page, console)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_streams_with_its_thoughts_and_its_figures(
    chat: Page, console: Console, dialect: str
) -> None:
    choose(chat, "mock-gpt?reasoning=8&tokens=24&tps=40&usage=on", dialect)
    say(chat, "Hello")
    expect(answers(chat, "running")).to_have_count(1)
    lengths = set()
    while answers(chat, "running").count():
        lengths.add(len(answers(chat).inner_text()))
    assert len(lengths) > 3, "the text did not grow, but came at once"
    answer = done(chat)
    expect(answer.get_by_role("button", name="Thoughts")).to_have_attribute("aria-expanded", "false")
    answer.get_by_role("button", name="Thoughts").click()
    figures = answer.get_by_test_id("figures")
    expect(figures).to_contain_text(re.compile(r"First token \d+"))
    expect(figures).to_contain_text(re.compile(r"[\d.]+ tok/s"))
    expect(figures).to_contain_text(re.compile(r"\d+ in · 32 out"))
    ended = console.mock.last_ended()
    assert ended.path == f"/v1/{DIALECTS[dialect]}"
    assert ended.stream


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_tool_is_called_the_user_types_its_result_and_the_answer_goes_on(
    chat: Page, console: Console, dialect: str
) -> None:
    choose(chat, "mock-gpt", dialect)
    chat.get_by_role("button", name="Settings").click()
    chat.get_by_role("button", name="Add an example").click()
    expect(chat.get_by_label("Name")).to_have_value("get_weather")
    chat.keyboard.press("Escape")
    say(chat, "What is the weather?")
    done(chat)
    call = chat.get_by_role("region", name="Call of get_weather")
    expect(call).to_contain_text('"city":')
    chat.get_by_label("Result of get_weather").fill('{"sky": "clear"}')
    chat.get_by_role("button", name="Send result").click()
    answer = done(chat, 2)
    expect(answer.get_by_role("region")).to_have_count(0)
    expect(call).to_contain_text('{"sky": "clear"}')
    assert '{\\"sky\\": \\"clear\\"}' in console.mock.last_ended().body
    expect(chat.get_by_role("button", name="Send result")).to_have_count(0)


def test_the_arguments_of_a_call_are_seen_as_they_grow(chat: Page) -> None:
    choose(chat, "mock-gpt?tools=1&tps=4")
    say(chat, "Use a tool")
    arguments = chat.get_by_role("region", name="Call of lookup").locator("pre")
    expect(arguments).to_have_text(re.compile(r'^\{"[^}]*$'))
    expect(arguments).to_have_text(re.compile(r"\}$"))


def test_an_answer_can_be_stopped_which_the_provider_learns(chat: Page, console: Console) -> None:
    choose(chat, "mock-gpt?tps=20&tokens=400")
    say(chat, "Never end")
    expect(answers(chat, "running").locator("p")).to_contain_text(re.compile(r"\w+ \w+ \w+"))
    chat.get_by_role("button", name="Stop", exact=True).click()
    expect(answers(chat, "stopped")).to_contain_text("Stopped")
    expect(answers(chat, "stopped").locator("p").first).to_contain_text(re.compile(r"\w+ \w+"))
    assert console.mock.last_ended().outcome == "aborted"
    expect(chat.get_by_role("button", name="Send", exact=True)).to_be_visible()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_that_breaks_says_so_and_keeps_what_came(chat: Page, dialect: str) -> None:
    # Late enough that every dialect has said a word before.
    choose(chat, "mock-gpt?fault=rst:9", dialect)
    say(chat, "Break")
    answer = answers(chat, "error")
    expect(answer.get_by_role("alert")).to_contain_text("The answer broke off")
    expect(answer.get_by_role("alert")).to_contain_text("What came until then is kept above.")
    if dialect != "responses":
        expect(answer.get_by_role("alert")).to_contain_text("upstream_truncated")
    expect(answer.locator("p").first).to_have_text(re.compile(r"\w+"))
    answer.get_by_role("button", name="As it came").click()
    expect(answer.get_by_role("alert")).to_contain_text('"error"')


def test_a_refused_question_shows_the_status_and_can_be_asked_again(
    chat: Page, complaints: Complaints
) -> None:
    complaints.expect("status of 400")
    choose(chat, "fault-http-400")
    say(chat, "Fail")
    alert = answers(chat, "error").get_by_role("alert")
    expect(alert).to_contain_text("No answer came")
    expect(alert).to_contain_text("HTTP 400")
    choose(chat, "mock-gpt")
    alert.get_by_role("button", name="Try again").click()
    expect(done(chat)).to_contain_text("mock-gpt")
    expect(chat.get_by_role("group", name="Branch 2 of 2")).to_be_visible()


def test_heartbeats_are_seen_while_nothing_comes(chat: Page) -> None:
    choose(chat, "mock-gpt?ttft=1.5&tps=50&tokens=5")
    say(chat, "Take your time")
    expect(chat.get_by_test_id("pulse")).to_have_attribute("data-beats", re.compile(r"[1-9]"))
    expect(chat.get_by_text(re.compile(r"\d heartbeats?: the line is kept open"))).to_be_visible()
    done(chat)
    expect(chat.get_by_test_id("pulse")).to_have_count(0)


def test_an_edited_message_is_a_branch_and_both_stay(chat: Page, console: Console) -> None:
    choose(chat, "mock-gpt?echo=true")
    say(chat, "First thing")
    expect(done(chat)).to_contain_text("First thing")
    say(chat, "Second thing")
    expect(done(chat, 2)).to_contain_text("Second thing")
    chat.get_by_role("button", name="Edit").first.click()
    chat.get_by_label("Change your message").fill("Another thing")
    chat.get_by_role("button", name="Send as a branch").click()
    expect(done(chat, 1)).to_contain_text("Another thing")
    assert [one["content"] for one in sent(console)["messages"]] == ["Another thing"]
    branch = chat.get_by_role("group", name="Branch 2 of 2")
    branch.get_by_role("button", name="Previous branch").click()
    expect(answers(chat)).to_have_count(2)
    expect(answers(chat).first).to_contain_text("First thing")
    chat.get_by_role("button", name="Next branch").click()
    expect(answers(chat).last).to_contain_text("Another thing")


def test_a_reload_keeps_the_conversation_and_its_branches(chat: Page) -> None:
    choose(chat, "mock-gpt?echo=true")
    say(chat, "Remember **this**")
    done(chat)
    chat.get_by_role("button", name="Answer again").click()
    expect(chat.get_by_role("group", name="Branch 2 of 2")).to_be_visible()
    done(chat)
    expect(
        chat.get_by_role("navigation", name="History").get_by_role("link", name="Remember this")
    ).to_be_visible()
    chat.reload()
    expect(done(chat).locator("strong")).to_have_text("this")
    expect(chat.get_by_role("group", name="Branch 2 of 2")).to_be_visible()
    chat.goto(chat.url.split("/chat")[0] + "/chat")
    history = chat.get_by_role("navigation", name="History")
    history.get_by_label("Search").fill("no such word")
    expect(history).to_contain_text("Nothing found.")
    history.get_by_label("Search").fill("REMEMBER")
    history.get_by_role("link", name="Remember this").click()
    expect(done(chat).locator("strong")).to_have_text("this")
    history.get_by_role("listitem").hover()
    history.get_by_role("button", name="Delete “Remember this”").click()
    chat.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(history).to_contain_text("Conversations are kept in this browser")


def test_a_reload_in_the_middle_of_an_answer_keeps_what_came(chat: Page) -> None:
    choose(chat, "mock-gpt?tps=20&tokens=400")
    say(chat, "Never end")
    expect(answers(chat, "running").locator("p")).to_contain_text(re.compile(r"(\w+ ){9}"))
    # It is kept every one and a half seconds.
    chat.wait_for_timeout(1700)
    chat.reload()
    expect(answers(chat, "lost")).to_contain_text("The page was closed while this answer came.")
    expect(answers(chat, "lost").locator("p").first).to_contain_text(re.compile(r"\w+ \w+"))


def test_an_answer_goes_on_while_another_page_is_open(chat: Page) -> None:
    choose(chat, "mock-gpt?tps=20&tokens=30")
    say(chat, "Go on")
    expect(answers(chat, "running")).to_have_count(1)
    chat.locator("nav a[href='/usage']").first.click()
    expect(chat).to_have_url(re.compile("/usage"))
    chat.go_back()
    expect(answers(chat)).to_have_count(1)
    done(chat)


def test_two_models_answer_side_by_side(chat: Page, console: Console) -> None:
    choose(chat, "mock-gpt?echo=true")
    say(chat, "Alone")
    done(chat)
    chat.get_by_role("button", name="Compare two models").click()
    choose(chat, "mock-claude?tokens=7", "messages", lane=1)
    say(chat, "Together")
    done(chat, 4)
    left, right = chat.get_by_role("log").all()
    expect(left.locator("article[data-status]").last).to_contain_text("Together")
    expect(right.locator("article[data-status]").last).to_contain_text("mock-claude")
    expect(right.locator("article[data-status]").last).to_contain_text("Messages")
    expect(right).to_contain_text("Alone")
    assert left.evaluate("one => one.getBoundingClientRect().right") <= right.evaluate(
        "one => one.getBoundingClientRect().left + 1"
    )
    chat.get_by_role("button", name="Close this side").first.click()
    expect(chat.get_by_role("log")).to_have_count(1)
    expect(chat.get_by_role("combobox", name="Model")).to_have_value("mock-claude?tokens=7")


def test_images_go_with_the_message(chat: Page, console: Console) -> None:
    with chat.expect_file_chooser() as chooser:
        chat.get_by_role("button", name="Add images").click()
    chooser.value.set_files(
        [
            FilePayload(name="pixel.png", mimeType="image/png", buffer=PIXEL),
            FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"no picture"),
        ]
    )
    expect(chat.get_by_text("notes.txt is no PNG, JPEG, WebP or GIF.")).to_be_visible()
    expect(chat.get_by_alt_text("Image pixel.png")).to_be_visible()
    say(chat, "What is it?")
    done(chat)
    expect(chat.get_by_role("article", name="You").get_by_alt_text("Image pixel.png")).to_be_visible()
    text, picture = sent(console)["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert picture["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PIXEL).decode()


def test_a_model_may_draw_within_its_answer(chat: Page) -> None:
    choose(chat, "mock-gpt?tokens=5", "responses")
    chat.get_by_role("button", name="Settings").click()
    chat.get_by_label("Let the model draw").check(force=True)
    chat.keyboard.press("Escape")
    say(chat, "Draw a gate")
    expect(done(chat).get_by_alt_text("Picture")).to_be_visible()
    assert done(chat).get_by_alt_text("Picture").evaluate("image => image.naturalWidth") > 0


def test_text_of_a_model_is_formatted_and_never_run(chat: Page) -> None:
    choose(chat, "mock-gpt?echo=true")
    say(
        chat,
        "<img src=x onerror=\"document.title='run'\"> [good](https://example.com/a) "
        "[bad](javascript:alert(1)) ![seen](https://example.com/track.png)\n\n```python\ndef f(): return 1\n```\n",
    )
    answer = done(chat)
    expect(answer).to_contain_text("<img src=x")
    expect(answer.locator("img")).to_have_count(0)
    good = answer.get_by_role("link", name="good")
    expect(good).to_have_attribute("href", "https://example.com/a")
    expect(good).to_have_attribute("rel", re.compile("noopener"))
    expect(answer.get_by_role("link", name="seen")).to_be_visible()
    assert answer.locator("a[href*=javascript]").count() == 0
    expect(answer.locator("pre .hljs-keyword").first).to_have_text("def")
    assert chat.title() != "run"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_copied_request_runs_as_python_and_as_curl(
    open_page: OpenPage, console: Console, dialect: str
) -> None:
    chat = opened(open_page(permissions=["clipboard-read", "clipboard-write"]), console)
    choose(chat, "mock-gpt?echo=true", dialect)
    say(chat, 'It\'s "quoted" ünd $HOME')
    answer = done(chat)
    said = 'It\'s "quoted" ünd $HOME'
    expect(answer).to_contain_text(said)
    for kind in ("As Python", "As curl"):
        answer.get_by_role("button", name="Copy the request").click()
        chat.get_by_role("menuitem", name=kind).click()
        expect(chat.get_by_text("Copied", exact=True).last).to_be_visible()
        copied = chat.evaluate("navigator.clipboard.readText()")
        assert "sk-" not in copied
        program = [sys.executable, "-c", copied] if kind == "As Python" else ["sh", "-c", copied]
        ran = subprocess.run(program, capture_output=True, text=True, timeout=30, check=True)
        if kind == "As Python":
            assert ran.stdout.strip() == said
        else:
            assert "quoted" in ran.stdout
        chat.reload()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_conversation_has_nothing_that_keeps_people_from_it(
    open_page: OpenPage, console: Console, axe: Callable[[Page], None], scheme: str
) -> None:
    chat = opened(open_page(color_scheme=scheme), console)
    axe(chat)
    choose(chat, "mock-gpt?echo=true&reasoning=5")
    say(chat, "A [link](https://example.com) and\n\n```js\nconst a = 'b'; // c\n```\n\n| a |\n|---|\n| b |")
    done(chat)
    keyword = chat.locator("pre .hljs-keyword").first
    expect(keyword).to_have_css("color", "rgb(14, 106, 119)" if scheme == "light" else "rgb(102, 195, 205)")
    choose(chat, "mock-gpt?tools=1")
    say(chat, "A tool, please")
    done(chat, 2)
    choose(chat, "mock-gpt?fault=rst:6")
    say(chat, "Break")
    expect(answers(chat, "error")).to_have_count(1)
    axe(chat)
    chat.get_by_role("button", name="Settings").click()
    chat.get_by_role("button", name="Add a tool").click()
    chat.wait_for_timeout(300)
    axe(chat)


def test_it_fits_a_phone(open_page: OpenPage, console: Console, axe: Callable[[Page], None]) -> None:
    chat = opened(open_page(**PHONE, color_scheme="dark"), console)
    choose(chat, "mock-gpt?echo=true")
    say(chat, "Small\n\n```\n" + "a long line of code " * 8 + "\n```")
    done(chat)
    chat.get_by_role("button", name="Compare two models").click()
    say(chat, "Two")
    done(chat, 4)
    assert chat.evaluate("document.documentElement.scrollWidth") <= 390
    axe(chat)
    chat.get_by_role("button", name="Show history").click()
    history = chat.get_by_role("navigation", name="History")
    expect(history.get_by_role("link", name=re.compile("^Small"))).to_be_visible()
    history.get_by_role("link", name="New chat").click()
    expect(history).to_be_hidden()
    expect(chat.get_by_role("heading", name="What would you like to know?")).to_be_visible()
