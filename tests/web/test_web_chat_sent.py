"""What the chat sends besides words, in a real browser: images that are not too large, thoughts that were sealed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from browsers import Complaints
from chats import answers, choose, done, kept, opened, say, sent
from consoles import Console
from playwright.sync_api import FilePayload, Page, expect

# Pictures are too long for the provider's journal: what the page sends is seen as it leaves.
SCALED = "photo.{ext} goes smaller: 3000 × 1500 became 2048 × 1024."


@pytest.fixture
def chat(page: Page, console: Console) -> Page:
    return opened(page, console)


def painted(chat: Page, kind: str, width: int, height: int) -> bytes:
    """A picture, made by the browser itself."""
    url = chat.evaluate(
        """([kind, width, height]) => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [width, height];
            const context = canvas.getContext("2d");
            context.fillStyle = "teal";
            context.fillRect(0, 0, width / 2, height);
            return canvas.toDataURL(kind);
        }""",
        [kind, width, height],
    )
    return base64.b64decode(url.partition(",")[2])


def attach(chat: Page, name: str, kind: str, content: bytes) -> None:
    with chat.expect_file_chooser() as chooser:
        chat.get_by_role("button", name="Add images").click()
    chooser.value.set_files(FilePayload(name=name, mimeType=kind, buffer=content))


def asked(chat: Page, text: str) -> Any:
    """What leaves the page for this message."""
    with chat.expect_request("**/v1/chat/completions") as leaving:
        say(chat, text)
    return json.loads(leaving.value.post_data or "")


def think(chat: Page, effort: str) -> None:
    chat.get_by_role("button", name="Settings").click()
    chat.get_by_role("radiogroup", name="Thinking").get_by_text(effort, exact=True).click()
    chat.keyboard.press("Escape")
    expect(chat.get_by_role("dialog")).to_be_hidden()


def add_tool(chat: Page) -> None:
    chat.get_by_role("button", name="Settings").click()
    chat.get_by_role("button", name="Add an example").click()
    chat.keyboard.press("Escape")
    expect(chat.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize(
    ("ext", "kind"), [("png", "image/png"), ("jpg", "image/jpeg"), ("webp", "image/webp")]
)
def test_a_large_image_is_scaled_down_before_it_goes_and_the_page_says_so(
    chat: Page, ext: str, kind: str
) -> None:
    attach(chat, f"photo.{ext}", kind, painted(chat, kind, 3000, 1500))
    expect(chat.get_by_text(SCALED.format(ext=ext))).to_be_visible()
    url = asked(chat, "What is it?")["messages"][0]["content"][1]["image_url"]["url"]
    assert url.startswith(f"data:{kind};base64,")
    size = chat.evaluate(
        """async url => {
            const image = new Image();
            image.src = url;
            await image.decode();
            return [image.naturalWidth, image.naturalHeight];
        }""",
        url,
    )
    assert size == [2048, 1024]
    done(chat)
    expect(chat.get_by_text(SCALED.format(ext=ext))).to_have_count(0)
    kept(chat)
    chat.reload()
    shown = chat.get_by_role("article", name="You").get_by_alt_text(f"Image photo.{ext}")
    expect(shown).to_have_js_property("naturalWidth", 2048)


def test_images_wait_beside_the_message_and_can_be_taken_away(
    chat: Page, axe: Callable[[Page], None]
) -> None:
    attach(chat, "photo.jpg", "image/jpeg", painted(chat, "image/jpeg", 3000, 1500))
    expect(chat.get_by_text(SCALED.format(ext="jpg"))).to_be_visible()
    axe(chat)
    chat.get_by_role("button", name="Remove photo.jpg").click()
    expect(chat.get_by_alt_text("Image photo.jpg")).to_have_count(0)
    expect(chat.get_by_text(SCALED.format(ext="jpg"))).to_have_count(0)
    expect(chat.get_by_role("button", name="Send", exact=True)).to_be_disabled()


def test_an_image_that_is_small_enough_goes_as_it_is(chat: Page) -> None:
    picture = painted(chat, "image/jpeg", 2048, 8)
    attach(chat, "strip.jpg", "image/jpeg", picture)
    expect(chat.get_by_alt_text("Image strip.jpg")).to_be_visible()
    expect(chat.get_by_text("goes smaller")).to_have_count(0)
    url = asked(chat, "What is it?")["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]) == picture
    done(chat)


def test_a_file_that_only_claims_to_be_an_image_is_refused_by_name(chat: Page) -> None:
    attach(chat, "broken.png", "image/png", b"\x89PNG no more")
    expect(chat.get_by_text("The browser can't read broken.png as an image.")).to_be_visible()
    expect(chat.get_by_alt_text("Image broken.png")).to_have_count(0)


def test_sealed_thoughts_go_back_to_responses_before_the_call_that_they_led_to(
    chat: Page, console: Console
) -> None:
    choose(chat, "mock-gpt?reasoning=6", "responses")
    think(chat, "Auto")
    add_tool(chat)
    say(chat, "What is the weather?")
    answer = done(chat)
    first = sent(console)
    assert (first["store"], first["include"]) == (False, ["reasoning.encrypted_content"])
    answer.get_by_role("button", name="Thoughts").click()
    shown = answer.locator("section").first.locator("p").inner_text()
    chat.get_by_label("Result of get_weather").fill("clear")
    chat.get_by_role("button", name="Send result").click()
    done(chat, 2)
    thought, call, result = sent(console)["input"][1:]
    assert thought["type"] == "reasoning"
    assert thought["encrypted_content"]
    assert thought["summary"][0]["text"].split() == shown.split()
    assert (call["type"], result["type"]) == ("function_call", "function_call_output")


def test_signed_thoughts_go_back_to_messages_as_they_came(chat: Page, console: Console) -> None:
    choose(chat, "mock-claude", "messages")
    think(chat, "Low")
    add_tool(chat)
    say(chat, "What is the weather?")
    done(chat)
    kept(chat)
    chat.reload()
    chat.get_by_label("Result of get_weather").fill("clear")
    chat.get_by_role("button", name="Send result").click()
    done(chat, 2)
    thought, call = sent(console)["messages"][1]["content"]
    assert (thought["type"], call["type"]) == ("thinking", "tool_use")
    assert thought["thinking"]
    assert thought["signature"]


def test_a_provider_that_refuses_what_goes_back_is_shown_with_the_way_out(
    chat: Page, console: Console, complaints: Complaints
) -> None:
    complaints.expect("status of 400")
    choose(chat, "mock-gpt?reasoning=6", "responses")
    think(chat, "Auto")
    say(chat, "Hello")
    done(chat)
    refusal = {
        "error": {
            "message": "The encrypted content could not be verified.",
            "code": "invalid_encrypted_content",
        }
    }
    chat.route("**/v1/responses", lambda route: route.fulfill(status=400, json=refusal))
    say(chat, "And now?")
    alert = answers(chat, "error").get_by_role("alert")
    expect(alert).to_contain_text("The encrypted content could not be verified.")
    expect(alert).to_contain_text(re.compile(r"HTTP 400 · invalid_encrypted_content"))
    expect(alert).to_contain_text("With Thinking set to “Default” they stay here.")
    chat.unroute_all()
    think(chat, "Default")
    answers(chat, "error").get_by_role("button", name="Try again").click()
    done(chat, 2)
    assert [one.get("type", "message") for one in sent(console)["input"]] == ["message"] * 3
    assert "include" not in sent(console)
