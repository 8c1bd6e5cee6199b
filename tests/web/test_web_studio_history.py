"""What the image studio keeps, finds again, gives out and takes in: history, archives, links with settings."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import OpenPage
from consoles import Console
from playwright.sync_api import FilePayload, Locator, Page, expect

FAST = "mock-image?ttft=0&tps=0"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """Pictures are painted here, which takes long where much else runs."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def studio(page: Page, console: Console) -> Page:
    page.goto(f"{console.url}/studio#size=256x256&model={FAST.replace('&', '%26')}")
    expect(page.get_by_role("combobox", name="Model", exact=False)).to_have_value(FAST)
    return page


def tiles(page: Page) -> Locator:
    return page.locator("article")


def make(page: Page, prompt: str) -> None:
    before = page.locator('article[data-status="done"]').count()
    page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    page.keyboard.press("Control+Enter")
    expect(page.locator('article[data-status="done"]')).to_have_count(before + 1)


def test_pictures_are_found_by_words_and_by_heart(studio: Page) -> None:
    make(studio, "a heron in the reeds")
    make(studio, "a lock keeper")
    studio.get_by_role("searchbox", name="Search prompts").fill("HERON reeds")
    expect(tiles(studio)).to_have_count(1)
    tiles(studio).get_by_role("button", name="Favourite").click()
    studio.get_by_role("searchbox", name="Search prompts").fill("")
    expect(tiles(studio)).to_have_count(2)
    studio.get_by_role("radiogroup", name="Filter").get_by_text("Favourites").click()
    expect(tiles(studio)).to_have_count(1)
    studio.reload()
    studio.get_by_role("radiogroup", name="Filter").get_by_text("Favourites").click()
    expect(tiles(studio)).to_contain_text("heron")


def test_arrow_keys_go_through_the_pictures_and_escape_leads_back(studio: Page) -> None:
    make(studio, "the older one")
    make(studio, "the newer one")
    tiles(studio).first.get_by_role("button", name="Open:").click()
    details = studio.get_by_role("dialog")
    expect(details).to_contain_text("the newer one")
    studio.keyboard.press("ArrowRight")
    expect(details).to_contain_text("the older one")
    studio.keyboard.press("Escape")
    expect(details).to_have_count(0)
    assert studio.url.endswith("/studio")


def test_with_keys_alone_a_picture_is_made_opened_and_left_again(studio: Page) -> None:
    studio.keyboard.press("n")
    expect(studio.get_by_role("textbox", name="Prompt", exact=True)).to_be_focused()
    studio.keyboard.type("without a mouse")
    studio.keyboard.press("Control+Enter")
    expect(studio.locator('article[data-status="done"]')).to_have_count(1)
    studio.get_by_role("button", name="Export and import").focus()
    studio.keyboard.press("Tab")
    picture = tiles(studio).get_by_role("button", name="Open:")
    expect(picture).to_be_focused()
    studio.keyboard.press("Enter")
    details = studio.get_by_role("dialog")
    expect(details).to_contain_text("without a mouse")
    studio.keyboard.press("f")
    expect(details.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    studio.keyboard.press("Escape")
    expect(details).to_have_count(0)
    expect(picture).to_be_focused()


def test_what_the_browser_does_not_keep_is_shown_and_it_says_so(
    open_page: OpenPage, console: Console
) -> None:
    page = open_page()
    page.add_init_script(
        "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError') }"
    )
    page.goto(f"{console.url}/studio#size=256x256&model={FAST.replace('&', '%26')}")
    make(page, "for now only")
    expect(page.locator("img[data-hash]")).to_have_count(1)
    expect(page.get_by_text("This browser keeps no pictures")).to_be_visible()


def test_a_phone_offers_its_camera_and_others_go_straight_to_the_files(
    studio: Page, open_page: OpenPage, console: Console
) -> None:
    with studio.expect_file_chooser() as chooser:
        studio.get_by_role("button", name="Add pictures").click()
    assert chooser.value.is_multiple()
    phone = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone.goto(f"{console.url}/studio")
    phone.get_by_role("button", name="Add pictures").tap()
    with phone.expect_file_chooser() as chooser:
        phone.get_by_role("menuitem", name="Take a photo").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"


def test_an_archive_gives_back_what_was_deleted(studio: Page, tmp_path: Path) -> None:
    make(studio, "one for the archive")
    make(studio, "another one")
    for tile in tiles(studio).all():
        tile.get_by_role("checkbox").check(force=True)
    bar = studio.get_by_role("toolbar", name="Chosen pictures")
    expect(bar).to_contain_text("2 chosen")
    with studio.expect_download() as download:
        bar.get_by_role("button", name="Save as ZIP").click()
    file = tmp_path / "archive.zip"
    download.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        pictures = [name for name in archive.namelist() if name.startswith("pictures/")]
    assert len(pictures) == 2
    bar.get_by_role("button", name="Delete").click()
    studio.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tiles(studio)).to_have_count(0)
    for expected in ("2 pictures added", "0 pictures added"):
        studio.get_by_test_id("import-zip").set_input_files(file)
        expect(studio.get_by_text(expected)).to_be_visible()
    expect(tiles(studio)).to_have_count(2)
    expect(studio.locator("img[data-hash]")).to_have_count(2)


def test_two_pictures_can_be_compared(studio: Page) -> None:
    make(studio, "the left one")
    make(studio, "the right one")
    for tile in tiles(studio).all():
        tile.get_by_role("checkbox").check(force=True)
    studio.get_by_role("button", name="Compare").click()
    dialog = studio.get_by_role("dialog", name="Compare")
    expect(dialog.locator("img")).to_have_count(2)
    dialog.get_by_text("Slide").click()
    expect(dialog.get_by_role("slider", name="Border")).to_be_visible()


def test_references_are_picked_pasted_and_kept_over_a_reload(studio: Page, tmp_path: Path) -> None:
    studio.get_by_test_id("pick-files").set_input_files(
        [FilePayload(name="pixel.png", mimeType="image/png", buffer=PIXEL)]
    )
    references = studio.get_by_role("list", name="Pictures to work from").get_by_role("listitem")
    expect(references).to_have_count(1)
    # The same picture once more is no second one.
    studio.get_by_test_id("pick-files").set_input_files(
        [
            FilePayload(name="same.png", mimeType="image/png", buffer=PIXEL),
            FilePayload(name="words.txt", mimeType="text/plain", buffer=b"no picture"),
        ]
    )
    expect(studio.get_by_text("Not a picture that can be sent: words.txt")).to_be_visible()
    expect(references).to_have_count(1)
    studio.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(8, 8);
            canvas.getContext("2d").fillRect(0, 0, 8, 8);
            const data = new DataTransfer();
            data.items.add(new File([await canvas.convertToBlob()], "pasted.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, cancelable: true }));
        }"""
    )
    expect(references).to_have_count(2)
    studio.reload()
    expect(references).to_have_count(2)
    expect(references.first.locator("img")).to_be_visible()
    studio.get_by_role("button", name="Remove reference 1").click()
    expect(references).to_have_count(1)


def test_a_free_size_says_which_limits_it_breaks_and_offers_the_nearest(studio: Page) -> None:
    studio.get_by_role("radiogroup", name="Size").get_by_role("radio", name="Auto").click()
    studio.get_by_role("button", name="Free", exact=True).click()
    studio.get_by_role("textbox", name="Width").fill("1000")
    studio.get_by_role("textbox", name="Height").fill("1000")
    expect(studio.get_by_text("Both edges should be multiples of 16.")).to_be_visible()
    studio.get_by_role("button", name="Use 1008 × 1008").click()
    expect(studio.get_by_role("textbox", name="Width")).to_have_value("1008")
    make(studio, "freely sized")
    assert studio.locator("img[data-hash]").evaluate("image => image.naturalWidth") == 1008


def test_a_link_sets_what_it_says_and_leaves_the_address(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/#prompt=a+weir&mode=responses&size=1536x1024&n=2&stream=0&model=m")
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("a weir")
    expect(page.get_by_role("button", name="Create × 2")).to_be_visible()
    expect(page.get_by_role("radio", name="Responses")).to_be_checked()
    expect(page.get_by_role("radio", name="1536×1024")).to_be_checked()
    expect(page.get_by_role("switch", name="Watch it form")).not_to_be_checked()
    assert page.url == f"{console.url}/studio"


def test_a_foreign_address_or_key_is_taken_only_after_a_yes(open_page: OpenPage, console: Console) -> None:
    page = open_page()
    page.route("https://elsewhere.example/**", lambda route: route.fulfill(json={"data": []}))
    link = f"{console.url}/?base_url=https://elsewhere.example/v1&api_key=sk-theirs&prompt=hello"
    page.goto(link)
    question = page.get_by_role("dialog", name="A link wants to change your settings")
    expect(question).to_contain_text("https://elsewhere.example/v1")
    assert "sk-theirs" not in page.url
    question.get_by_role("button", name="Ignore it").click()
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("hello")
    expect(page.get_by_text("Prompts and pictures go to")).to_have_count(0)
    page.goto(link)
    question.get_by_role("button", name="Add and use it").click()
    expect(page.get_by_text("Prompts and pictures go to https://elsewhere.example/v1")).to_be_visible()
    expect(page.get_by_role("combobox", name="Profile")).to_have_value("elsewhere.example")
