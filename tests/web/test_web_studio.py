"""The image studio in a real browser: pictures form before one's eyes, and break in ways that are told."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator

import pytest
from browsers import Complaints, OpenPage
from consoles import Console
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from sluiceway.mock.journal import KEPT_BODY_BYTES

# Slow enough that previews are seen, quick enough to wait for: one about every half second.
SLOW = "mock-image?ttft=0.1&tps=20&tokens=36"
# For what does not wait for its end.
SLOWER = "mock-image?ttft=0.1&tps=20&tokens=400"
FAST = "mock-image?ttft=0&tps=0"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

SMALL_PNG = """async () => {
    const canvas = new OffscreenCanvas(64, 48);
    canvas.getContext("2d").fillRect(8, 8, 20, 20);
    const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
}"""
ALPHAS = """async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(image, 0, 0);
    const alpha = (x, y) => context.getImageData(x, y, 1, 1).data[3];
    return { width, height, middle: alpha(width / 2, height / 2), corner: alpha(1, 1) };
}"""
AT_REST = """async () => {
    for (let quiet = 0; quiet < 10; ) {
        await new Promise(requestAnimationFrame);
        quiet = document.getAnimations().some((one) => one.playState === "running") ? 0 : quiet + 1;
    }
}"""
PATIENCE_MS = 30_000
# Whatever a tile shows, in order: previews by their number, then the picture.
RECORDER = """() => {
    window.shown = [];
    new MutationObserver(() => {
        for (const image of document.querySelectorAll("article img")) {
            const preview = image.closest("[data-preview]");
            const what = preview ? `preview ${preview.dataset.preview}` : image.dataset.hash ? "picture" : "";
            if (what && !window.shown.some((one) => one.what === what)) {
                window.shown.push({ what, src: image.src, alt: image.alt });
            }
        }
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """Pictures are painted here, which takes long where much else runs."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def studio(page: Page, console: Console) -> Page:
    return opened(page, console)


def opened(page: Page, console: Console) -> Page:
    page.goto(f"{console.url}/studio#size=256x256")
    expect(page.get_by_role("combobox", name="Model", exact=False)).to_have_attribute(
        "placeholder", "mock-image"
    )
    return page


def choose(page: Page, model: str, mode: str = "Images") -> None:
    page.get_by_role("radiogroup", name="API").get_by_text(mode).click()
    page.get_by_role("combobox", name="Model", exact=False).fill(model)
    page.keyboard.press("Escape")


def ask(page: Page, prompt: str) -> None:
    page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    page.keyboard.press("Control+Enter")


def tiles(page: Page, status: str = "") -> Locator:
    return page.locator(f'article[data-status="{status}"]' if status else "article")


def previews(within: Page | Locator) -> Locator:
    return within.locator("[data-preview] img")


def picture(within: Page | Locator) -> Locator:
    return within.locator("img[data-hash]")


def make(page: Page, prompt: str) -> None:
    """Ask for a picture, and wait until it is there."""
    before = tiles(page, "done").count()
    ask(page, prompt)
    expect(tiles(page, "done")).to_have_count(before + 1)


def paint_mask(page: Page, strokes: int = 1) -> None:
    """Open the editor, and draw to the right from the middle, each stroke below the one before."""
    page.get_by_role("button", name="Mark what shall change").click()
    box = page.get_by_test_id("mask").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for stroke in range(strokes):
        page.mouse.move(x, y + 60 * stroke)
        page.mouse.down()
        page.mouse.move(x + 80, y + 60 * stroke, steps=3)
        page.mouse.up()


@pytest.mark.parametrize(("mode", "model"), [("Images", SLOW), ("Responses", SLOW.replace("image", "gpt"))])
def test_previews_appear_one_after_another_and_give_way_to_the_picture(
    studio: Page, mode: str, model: str
) -> None:
    choose(studio, model, mode)
    studio.evaluate(RECORDER)
    ask(studio, "a weir at dawn")
    expect(tiles(studio, "done")).to_have_count(1)
    expect(previews(studio)).to_have_count(0)
    expect(picture(tiles(studio, "done"))).to_have_count(1)
    shown = studio.evaluate("window.shown")
    assert [one["what"] for one in shown] == ["preview 0", "preview 1", "preview 2", "picture"]
    assert shown[1]["alt"] == "Preview 2 of: a weir at dawn"
    assert len({one["src"] for one in shown}) == 4
    assert picture(studio).evaluate("image => image.decode().then(() => image.naturalWidth)") == 256


def test_the_detail_view_shows_it_forming_and_then_what_was_asked_and_what_came(studio: Page) -> None:
    choose(studio, SLOW)
    ask(studio, "seen large")
    tiles(studio, "streaming").get_by_role("button", name="Open, still forming").click()
    details = studio.get_by_role("dialog", name="Details")
    expect(previews(details).first).to_be_visible()
    expect(picture(details)).to_have_count(1)
    expect(previews(details)).to_have_count(0)
    expect(details).to_contain_text("256x256")
    expect(details).to_contain_text("auto → high")
    expect(details).to_contain_text("stream, 3 previews")
    expect(details).to_contain_text("260 out")
    expect(details.get_by_role("link", name="req_")).to_be_visible()


def test_an_edit_goes_on_from_a_picture_and_is_seen_forming(studio: Page, console: Console) -> None:
    choose(studio, FAST)
    make(studio, "the picture to edit")
    tiles(studio, "done").get_by_role("button", name="Open:").click()
    studio.get_by_role("button", name="Edit this").click()
    paint_mask(studio, strokes=2)
    undo, redo = (studio.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    undo.click()
    undo.click()
    expect(studio.get_by_role("button", name="Use mask")).to_be_disabled()
    redo.click()
    studio.get_by_role("button", name="Use mask").click()
    expect(studio.get_by_role("button", name="Change the mask")).to_be_visible()
    choose(studio, SLOW)
    ask(studio, "a boat there")
    expect(previews(studio).first).to_be_visible()
    expect(tiles(studio, "done")).to_have_count(2)
    expect(previews(studio)).to_have_count(0)
    assert console.mock.last_ended().path == "/v1/images/edits"


def test_a_mask_reaches_the_provider_in_either_api_with_a_hole_where_it_was_painted(
    studio: Page, console: Console
) -> None:
    # Small, so that the mock's journal has the whole request.
    png = base64.b64decode(studio.evaluate(SMALL_PNG))
    studio.get_by_test_id("pick-files").set_input_files(
        [FilePayload(name="small.png", mimeType="image/png", buffer=png)]
    )
    paint_mask(studio)
    studio.get_by_role("button", name="Use mask").click()
    choose(studio, FAST)
    make(studio, "by the Images API")
    sent = console.mock.last_ended()
    assert (sent.path, sent.body_bytes < KEPT_BODY_BYTES) == ("/v1/images/edits", True)
    parts = re.findall(r'name="([^"]+)"; filename="([^"]+)"\r\nContent-Type: (\S+)', sent.body)
    assert parts == [("image[]", "reference-1.png", "image/png"), ("mask", "mask.png", "image/png")]
    choose(studio, FAST.replace("image", "gpt"), "Responses")
    make(studio, "by the Responses API")
    sent = console.mock.last_ended()
    assert sent.path == "/v1/responses"
    request = json.loads(sent.body)
    picture_sent = request["input"][0]["content"][1]["image_url"]
    assert base64.b64decode(picture_sent.partition(",")[2]) == png
    mask = request["tools"][0]["input_image_mask"]["image_url"]
    assert studio.evaluate(ALPHAS, mask) == {"width": 64, "height": 48, "middle": 0, "corner": 255}


def test_a_mask_can_be_changed_erased_with_keys_and_left_out(studio: Page, console: Console) -> None:
    png = base64.b64decode(studio.evaluate(SMALL_PNG))
    studio.get_by_test_id("pick-files").set_input_files(
        [FilePayload(name="small.png", mimeType="image/png", buffer=png)]
    )
    paint_mask(studio)
    studio.get_by_role("button", name="Use mask").click()
    # What was painted before is there again; with the eraser on it, nothing is left of it.
    studio.get_by_role("button", name="Change the mask").click()
    mask = studio.get_by_test_id("mask")
    expect(studio.get_by_role("button", name="Use mask")).to_be_enabled()
    painted = "canvas => canvas.getContext('2d').getImageData(32, 24, 1, 1).data[3]"
    assert mask.evaluate(painted) == 255
    # Keys begin where the pointer is, or else in the middle.
    studio.mouse.move(1, 1)
    mask.focus()
    studio.keyboard.press("e")
    studio.keyboard.press("Space")
    assert mask.evaluate(painted) == 0
    studio.keyboard.press("b")
    for key in ("Shift+ArrowRight", "Shift+ArrowLeft"):
        studio.keyboard.press(key)
    assert mask.evaluate(painted) == 255
    studio.get_by_role("button", name="Without mask").click()
    expect(studio.get_by_role("button", name="Mark what shall change")).to_be_visible()
    choose(studio, FAST)
    make(studio, "all of it")
    assert 'name="mask"' not in console.mock.last_ended().body


def test_without_streaming_nothing_is_streamed_and_no_preview_is_shown(
    studio: Page, console: Console
) -> None:
    choose(studio, FAST)
    studio.get_by_role("switch", name="Watch it form").uncheck(force=True)
    make(studio, "all at once")
    sent = json.loads(console.mock.last_ended().body)
    assert not {"stream", "partial_images"} & set(sent)
    tiles(studio).get_by_role("button", name="Open:").click()
    expect(studio.get_by_role("dialog")).to_contain_text("in one piece")


def test_previews_can_be_none_while_the_answer_is_still_a_stream(studio: Page, console: Console) -> None:
    choose(studio, FAST)
    studio.get_by_role("radiogroup", name="Previews on the way").get_by_text("0").click()
    make(studio, "no previews")
    sent = json.loads(console.mock.last_ended().body)
    assert (sent["stream"], sent["partial_images"]) == (True, 0)


def test_stopping_clears_the_previews_and_stops_the_provider(studio: Page, console: Console) -> None:
    choose(studio, SLOWER)
    ask(studio, "never mind")
    expect(previews(studio).first).to_be_visible()
    studio.get_by_role("button", name="Stop: never mind").click()
    expect(tiles(studio, "cancelled")).to_have_count(1)
    expect(previews(studio)).to_have_count(0)
    assert console.mock.last_ended().outcome == "aborted"


@pytest.mark.parametrize("fault", ["rst:2", "error-mid:2", "no-finish"])
def test_a_provider_that_fails_after_previews_leaves_none_and_it_is_told_what_happened(
    studio: Page, fault: str
) -> None:
    choose(studio, f"{SLOW}&fault={fault}")
    ask(studio, "it will break")
    expect(previews(studio).first).to_be_visible()
    expect(tiles(studio, "failed")).to_have_count(1)
    expect(previews(studio)).to_have_count(0)
    expect(picture(studio)).to_have_count(0)
    tiles(studio, "failed").get_by_role("button", name="What happened").click()
    alert = studio.get_by_role("dialog").get_by_role("alert")
    expect(alert).to_contain_text("Failed after")
    alert.get_by_role("button", name="As it came").click()
    expect(alert.locator("pre")).to_contain_text('"error"')
    alert.get_by_role("button", name="Try again").click()
    expect(previews(studio.get_by_role("dialog")).first).to_be_visible()


def test_a_gateway_that_answers_json_to_a_stream_still_gives_the_picture(studio: Page) -> None:
    answer = {"created": 1, "data": [{"b64_json": PIXEL, "revised_prompt": "one pixel, carefully"}]}
    studio.route("**/v1/images/generations", lambda route: route.fulfill(json=answer))
    make(studio, "one pixel")
    tiles(studio).get_by_role("button", name="Open:").click()
    details = studio.get_by_role("dialog")
    expect(details).to_contain_text("one pixel, carefully")
    expect(details).to_contain_text("although a stream was asked for")
    expect(details).to_contain_text("256x256 → 1x1")


def test_a_provider_that_ignores_streaming_still_gives_the_picture(studio: Page) -> None:
    choose(studio, f"{FAST}&fault=json-instead-of-stream")
    make(studio, "made in one piece")
    expect(picture(studio)).to_have_count(1)


def test_of_several_pictures_those_that_fail_take_no_other_along(
    studio: Page, complaints: Complaints
) -> None:
    complaints.expect("status of 500")
    choose(studio, FAST)
    studio.get_by_role("combobox", name="Pictures", exact=True).click()
    studio.get_by_role("option", name="3").click()
    asked: list[Route] = []

    def second_fails(route: Route) -> None:
        asked.append(route)
        if len(asked) == 2:
            route.fulfill(status=500, json={"error": {"message": "out of paint"}})
        else:
            route.continue_()

    studio.route("**/v1/images/generations", second_fails)
    ask(studio, "three of a kind")
    expect(tiles(studio, "done")).to_have_count(2)
    expect(tiles(studio, "failed")).to_contain_text("out of paint")
    tiles(studio, "done").first.get_by_role("button", name="Open:").click()
    expect(studio.get_by_role("dialog")).to_contain_text("Asked for together: 2 of 3 made")


def test_the_history_survives_a_reload_and_what_was_running_is_marked(studio: Page) -> None:
    choose(studio, FAST)
    make(studio, "to be kept")
    choose(studio, SLOWER)
    ask(studio, "cut short by a reload")
    expect(previews(studio).first).to_be_visible()
    studio.reload()
    expect(tiles(studio, "done")).to_have_count(1)
    assert picture(studio).evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
    interrupted = tiles(studio, "interrupted")
    expect(interrupted).to_contain_text("cut short by a reload")
    expect(previews(studio)).to_have_count(0)
    interrupted.get_by_role("button", name="Try again").click()
    expect(previews(studio).first).to_be_visible()


def test_a_task_of_another_tab_is_not_taken_for_interrupted(studio: Page, console: Console) -> None:
    choose(studio, SLOW)
    ask(studio, "in the first tab")
    expect(previews(studio).first).to_be_visible()
    other = studio.context.new_page()
    other.goto(f"{console.url}/studio")
    expect(tiles(other, "streaming")).to_have_count(1)
    expect(tiles(studio, "done")).to_have_count(1)
    expect(tiles(other, "done")).to_have_count(1)


def test_the_studio_is_accessible_wide_and_small_light_and_dark(
    open_page: OpenPage, console: Console, axe: Callable[[Page], None]
) -> None:
    page = opened(open_page(color_scheme="dark"), console)
    choose(page, FAST)
    make(page, "for everyone")
    choose(page, f"{FAST}&fault=http-400")
    axe(page)
    tiles(page).get_by_role("button", name="Open:").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    axe(page)
    page.emulate_media(color_scheme="light")
    # Without motion each change still takes a frame, and what is inherited takes one for each element on the way.
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "light")
    page.evaluate(AT_REST)
    axe(page)
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 390, "height": 844})
    axe(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
