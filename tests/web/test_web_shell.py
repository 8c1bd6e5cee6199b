"""What is around every page: navigation, colours, language, keys, the question for the admin key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator

import pytest
from browsers import Complaints, OpenPage
from consoles import SETTINGS, Console, running_console
from playwright.sync_api import Page, expect

PAGES = ("studio", "chat", "overview", "streams", "usage", "upstreams", "keys", "settings")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


@pytest.mark.parametrize("path", PAGES)
def test_each_page_opens_by_its_address_and_by_the_navigation(
    page: Page, console: Console, path: str
) -> None:
    page.goto(f"{console.url}/{path}")
    page.locator("h1").wait_for(state="attached")
    title = page.title()
    assert title.endswith("Sluiceway")
    page.goto(f"{console.url}/overview" if path != "overview" else f"{console.url}/usage")
    page.locator(f"nav a[href='/{path}']").first.click()
    expect(page).to_have_url(f"{console.url}/{path}")
    expect(page).to_have_title(title)
    expect(page.locator(f"nav a[href='/{path}']").first).to_have_attribute("aria-current", "page")


def test_the_bare_address_leads_to_the_overview_and_with_settings_to_the_studio(
    page: Page, console: Console
) -> None:
    page.goto(console.url)
    expect(page).to_have_url(f"{console.url}/overview")
    page.goto(f"{console.url}/?prompt=a+lake")
    expect(page).to_have_url(re.compile(r"/studio"))


def test_an_address_that_is_none_says_so(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/nowhere/at/all")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing here")


def test_the_state_of_the_gateway_is_told(page: Page, console: Console, complaints: Complaints) -> None:
    page.goto(console.url)
    expect(page.get_by_role("status").first).to_have_text("Gateway reached")
    complaints.expect("Failed to load resource|ERR_FAILED")
    page.route("**/healthz", lambda route: route.abort())
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.get_by_role("status").first).to_have_text("Gateway out of reach")


def test_the_language_can_be_changed_and_stays(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/keys")
    page.get_by_role("button", name="Language").click()
    page.get_by_role("menuitemradio", name="中文").click()
    expect(page.get_by_role("link", name="密钥")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.reload()
    expect(page.get_by_role("link", name="密钥")).to_be_visible()


def test_a_browser_in_chinese_is_answered_in_chinese(open_page: OpenPage, console: Console) -> None:
    page = open_page(locale="zh-CN")
    page.goto(f"{console.url}/overview")
    expect(page.get_by_role("link", name="图像工作室")).to_be_visible()


def test_colours_follow_the_system_until_somebody_chooses(open_page: OpenPage, console: Console) -> None:
    page = open_page(color_scheme="dark")
    page.goto(f"{console.url}/overview")
    html = page.locator("html")
    expect(html).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_role("button", name="Colours").click()
    page.get_by_role("menuitemradio", name="Light").click()
    expect(html).to_have_attribute("data-mantine-color-scheme", "light")
    page.reload()
    expect(html).to_have_attribute("data-mantine-color-scheme", "light")


def test_pages_are_reached_by_keys_but_not_while_somebody_types(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/overview")
    expect(page.get_by_role("status").first).to_have_text("Gateway reached")
    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page).to_have_url(f"{console.url}/keys")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_).to_contain_text("Go to: Streams")
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page).to_have_url(f"{console.url}/keys")
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()


def test_the_first_tab_stop_leads_past_the_navigation(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/overview")
    page.locator("h1").wait_for(state="attached")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_a_phone_has_its_pages_at_the_bottom_and_the_rest_one_touch_further(
    open_page: OpenPage, console: Console
) -> None:
    page = open_page(**PHONE)
    page.goto(f"{console.url}/overview")
    bar = page.get_by_role("navigation").last
    bar.get_by_role("link", name="Streams").tap()
    expect(page).to_have_url(f"{console.url}/streams")
    bar.get_by_role("button", name="More").tap()
    page.get_by_role("dialog").get_by_role("link", name="Upstreams").tap()
    expect(page).to_have_url(f"{console.url}/upstreams")
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_the_shell_keeps_nobody_out(
    open_page: OpenPage, console: Console, axe: Callable[[Page], None], options: dict[str, object]
) -> None:
    page = open_page(**options)
    page.goto(f"{console.url}/nowhere")
    page.locator("h1").wait_for()
    axe(page)


# ── the admin key ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def locked(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One that wants a key from everybody."""
    digest = hashlib.sha256(b"the-admin-key").hexdigest()
    settings = f'{SETTINGS}loopback = false\nkeys = ["sha256:{digest}"]\n'
    with running_console(tmp_path_factory.mktemp("locked"), settings=settings) as console:
        yield console


def test_a_page_asks_for_the_admin_key_and_goes_on_with_the_right_one(
    page: Page, locked: Console, complaints: Complaints, axe: Callable[[Page], None]
) -> None:
    complaints.expect("status of 401")
    page.goto(f"{locked.url}/overview")
    field = page.get_by_label("Admin key", exact=True)
    expect(field).to_be_visible()
    axe(page)
    field.fill("a-wrong-one")
    field.press("Enter")
    expect(page.get_by_text("This key is not accepted")).to_be_visible()
    field.fill("the-admin-key")
    field.press("Enter")
    expect(field).to_be_hidden()
    page.reload()  # kept for the tab
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("localStorage.getItem('sluiceway.adminKey')") is None


def test_an_admin_key_is_kept_in_the_browser_only_if_its_owner_wants_so(
    page: Page, locked: Console, complaints: Complaints
) -> None:
    complaints.expect("status of 401")
    page.goto(f"{locked.url}/overview")
    page.get_by_label("Remember it in this browser").check()
    page.get_by_label("Admin key", exact=True).fill("the-admin-key")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_label("Admin key", exact=True)).to_be_hidden()
    assert page.evaluate("localStorage.getItem('sluiceway.adminKey')") == "the-admin-key"
