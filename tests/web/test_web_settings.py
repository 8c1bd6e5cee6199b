"""Settings in the console: the gateway's own, checked and read again; and what the browser keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import OpenPage
from consoles import Console, running_console
from playwright.sync_api import Locator, Page, expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
INVALID = """[server]
prot = 1

[[upstreams]]
name = "a"
base_url = "nonsense"
"""


@pytest.fixture(scope="module")
def changing(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console whose gateway does not read its file again by itself."""
    with running_console(tmp_path_factory.mktemp("changing"), server="watch_config = false") as running:
        yield running


def profile(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name, exact=True)


def check(page: Page, console: Console, toml: str) -> None:
    """Have a configuration checked."""
    page.goto(f"{console.url}/settings/check")
    page.get_by_role("textbox").fill(toml)
    page.get_by_role("button", name="Check", exact=True).click()


def kept_profiles(page: Page) -> list[dict[str, str]]:
    """As the browser keeps them."""
    text = page.evaluate("localStorage.getItem('sluiceway.profiles')")
    found: list[dict[str, str]] = json.loads(text)["list"] if text else []
    return found


def test_what_is_in_force_is_shown_and_found_without_secrets(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/settings/gateway")
    expect(page.get_by_text("sluiceway.toml")).to_be_visible()
    page.get_by_role("textbox", name="Search settings").fill("heartbeat_s")
    expect(page.get_by_role("rowheader", name="heartbeat_s", exact=True).first).to_be_visible()
    page.get_by_role("textbox", name="Search settings").fill("api_keys")
    expect(page.get_by_role("row", name="api_keys").first).to_contain_text("…")
    assert "sk-upstream" not in page.content()


def test_each_fault_of_a_configuration_is_told_at_its_path_and_line(page: Page, console: Console) -> None:
    check(page, console, INVALID)
    problems = page.get_by_role("listitem")
    unknown = problems.filter(has_text="server.prot")
    expect(unknown).to_contain_text('did you mean "port"?')
    expect(problems.filter(has_text="upstreams[0].base_url")).to_contain_text("has no scheme")
    unknown.get_by_role("button", name="Line 2").click()
    area = page.get_by_role("textbox")
    selected = area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert selected == "prot = 1"


def test_what_is_no_toml_is_told_at_its_line_and_what_is_valid_is_called_so(
    page: Page, console: Console
) -> None:
    check(page, console, "\n[server\n")
    expect(page.get_by_role("listitem").filter(has_text="is not valid TOML")).to_contain_text("Line 2")
    check(page, console, '[[upstreams]]\nname = "a"\nbase_url = "https://a.example/v1"\n')
    expect(page.get_by_text("It is valid")).to_be_visible()


def test_a_reload_tells_what_changed_and_what_is_wrong(page: Page, changing: Console) -> None:
    file = changing.folder / "sluiceway.toml"
    before = file.read_text(encoding="utf-8")
    page.goto(f"{changing.url}/settings/gateway")
    file.write_text(before + "\n[queue]\nmax_waiting = 7\n", encoding="utf-8")
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_text("In force", exact=True)).to_be_visible()
    expect(page.get_by_text("max_waiting").first).to_be_visible()
    file.write_text(before + "\n[queue]\nmax_waitin = 7\n", encoding="utf-8")
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_text("Not valid: what was in force stays so")).to_be_visible()
    expect(page.get_by_text("queue.max_waitin").first).to_be_visible()


def test_profiles_are_made_used_and_carried_to_another_browser(
    page: Page, open_page: OpenPage, console: Console, tmp_path: Path
) -> None:
    page.goto(f"{console.url}/settings")
    page.get_by_role("button", name="New profile").click()
    page.get_by_role("textbox", name="Name").fill("Other")
    page.get_by_role("textbox", name="Address").fill("other.example")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.get_by_role("textbox", name="Address").fill("https://other.example/v1/")
    page.get_by_label("Key", exact=True).fill("sk-mine")
    page.get_by_role("button", name="Save").click()
    profile(page, "Other").get_by_role("button", name="Use").click()
    expect(profile(page, "Other")).to_contain_text("In use")
    page.get_by_role("button", name="Export").click()
    page.get_by_role("checkbox", name="With keys").check()
    with page.expect_download() as started:
        page.get_by_role("button", name="Save file").click()
    file = tmp_path / "profiles.json"
    started.value.save_as(file)
    elsewhere = open_page()
    elsewhere.goto(f"{console.url}/settings")
    elsewhere.locator("input[type=file]").set_input_files(file)
    elsewhere.get_by_role("dialog").get_by_text("https://other.example/v1").wait_for()
    elsewhere.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(profile(elsewhere, "Other")).to_contain_text("with a key")


def test_a_link_takes_no_address_and_no_key_without_a_word(page: Page, console: Console) -> None:
    link = f"{console.url}/settings#baseUrl=https://evil.example/v1&apiKey=sk-theirs&model=m"
    page.goto(link)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("evil.example")
    expect(page).to_have_url(f"{console.url}/settings")
    dialog.get_by_role("button", name="Ignore it").click()
    assert "evil" not in json.dumps(kept_profiles(page))
    page.goto("about:blank")
    page.goto(link)
    dialog.get_by_role("button", name="Add and use it").click()
    expect(profile(page, "evil.example")).to_contain_text("In use")
    assert kept_profiles(page)[-1]["apiKey"] == "sk-theirs"


def test_a_link_that_hides_its_host_is_refused(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/settings#baseUrl=https://good.example@evil.example/v1")
    expect(page.get_by_text("names an address that is none")).to_be_visible()
    assert kept_profiles(page) == [] or "evil" not in json.dumps(kept_profiles(page))


def test_colours_language_and_the_admin_key_are_kept_as_is_wanted(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/settings/browser")
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_role("textbox", name="Admin key").fill("a-key")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_text("A key is in use.")).to_be_visible()
    kept = "[sessionStorage.getItem('sluiceway.adminKey'), localStorage.getItem('sluiceway.adminKey')]"
    assert page.evaluate(kept) == ["a-key", None]
    page.get_by_role("checkbox", name=re.compile("Remember it")).check()
    assert page.evaluate(kept) == [None, "a-key"]
    page.get_by_role("button", name="Forget the key").click()
    assert page.evaluate(kept) == [None, None]
    page.get_by_text("中文", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("设置")


def test_what_the_browser_keeps_can_be_removed(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/chat")
    page.locator("h1").wait_for(state="attached")
    page.goto(f"{console.url}/settings/browser")
    page.get_by_role("button", name="Clear Chat").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Clear Chat")).to_have_count(0)
    names = page.evaluate("indexedDB.databases().then(all => all.map(one => one.name))")
    assert "sluiceway-chat" not in names


@pytest.mark.parametrize(
    ("scheme", "options"), [("light", PHONE), ("dark", PHONE), ("light", {}), ("dark", {})]
)
@pytest.mark.parametrize("tab", ["profiles", "browser", "gateway", "check"])
def test_nothing_keeps_people_from_using_it(
    open_page: OpenPage,
    console: Console,
    axe: Callable[[Page], None],
    tab: str,
    scheme: str,
    options: dict[str, Any],
) -> None:
    page = open_page(color_scheme=scheme, **options)
    page.goto(f"{console.url}/settings/{tab}")
    page.get_by_role("tabpanel").get_by_role("button").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    axe(page)
