"""Keys in the console: made, used, changed, replaced, taken away; and what of theirs can't be changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from browsers import Complaints, OpenPage
from consoles import SETTINGS, Console, running_console
from playwright.sync_api import Locator, Page, expect
from served import completion, get

FILE_KEY = "sk-from-the-configuration-file"
SHA256 = hashlib.sha256(FILE_KEY.encode()).hexdigest()
PRICES = '[[prices]]\nmodel = "mock-*"\ninput = 1.0\noutput = 2.0\n'
KEYS = f'[[keys]]\nname = "ops"\nsha256 = "{SHA256}"\nowner = "platform"\nrequests_per_minute = 1000\n'


@pytest.fixture(scope="module")
def keyed(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console whose gateway has one key in its file, and may write others."""
    folder = tmp_path_factory.mktemp("keyed")
    with running_console(
        folder, server='keys_file = "keys.json"', settings=SETTINGS + PRICES + KEYS
    ) as running:
        yield running


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name, exact=True)


def make(page: Page, name: str, fields: dict[str, str] | None = None) -> str:
    """Make a key in the form; the key itself. `fields`: what is typed, by label."""
    page.get_by_role("button", name="New key").click()
    page.get_by_role("textbox", name="Name").fill(name)
    for label, text in (fields or {}).items():
        page.get_by_role("textbox", name=label).fill(text)
    page.get_by_role("button", name="Make key").click()
    shown = page.get_by_test_id("api-key")
    key = shown.inner_text()
    page.get_by_role("button", name="I have it").click()
    expect(page.get_by_text(key)).to_have_count(0)
    return key


def choose(page: Page, name: str, action: str) -> None:
    row(page, name).get_by_role("button", name=f"What to do with {name}").click()
    page.get_by_role("menuitem", name=action).click()


def as_key(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_a_key_that_was_made_works_and_what_it_uses_is_shown(page: Page, keyed: Console) -> None:
    page.goto(f"{keyed.url}/keys")
    key = make(page, "alice", {"Owner": "research", "Tokens per day": "100000"})
    assert key.startswith("sk-")
    expect(row(page, "alice")).to_contain_text("research")
    reply = completion(keyed.port, headers=as_key(key))
    assert reply.status == 200
    tokens = reply.json["usage"]["total_tokens"]
    expect(row(page, "alice")).to_contain_text(f"{tokens} of 100K", timeout=10_000)
    kept = next(one for one in get(keyed.port, "/api/keys")["keys"] if one["name"] == "alice")
    assert kept["settings"]["tokens_per_day"] == 100000


def test_a_key_that_was_revoked_is_refused(page: Page, keyed: Console) -> None:
    page.goto(f"{keyed.url}/keys")
    key = make(page, "leaver")
    choose(page, "leaver", "Revoke")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert completion(keyed.port, headers=as_key(key)).status == 200
    choose(page, "leaver", "Revoke")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row(page, "leaver")).to_contain_text("Revoked")
    assert completion(keyed.port, headers=as_key(key)).status == 401


def test_a_key_that_is_replaced_works_on_for_as_long_as_was_said(page: Page, keyed: Console) -> None:
    page.goto(f"{keyed.url}/keys")
    old = make(page, "rotor")
    for grace, status in (("A day", 200), ("Not at all", 401)):
        choose(page, "rotor", "Rotate")
        page.get_by_role("radio", name=grace).check()
        page.get_by_role("button", name="Make the new key").click()
        new = page.get_by_test_id("api-key").inner_text()
        page.get_by_role("button", name="I have it").click()
        assert new != old
        assert completion(keyed.port, headers=as_key(new)).status == 200
        assert completion(keyed.port, headers=as_key(old)).status == status
        old = new


def test_a_key_is_changed_and_only_in_what_was_changed(page: Page, keyed: Console) -> None:
    page.goto(f"{keyed.url}/keys")
    key = make(page, "bob", {"Owner": "sales", "Requests per minute": "50"})
    choose(page, "bob", "Edit")
    page.get_by_role("combobox", name="Models").fill("other-*")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").click()
    expect(row(page, "bob")).to_contain_text("other-*")
    expect(row(page, "bob")).to_contain_text("of 50")
    assert completion(keyed.port, headers=as_key(key)).code == "forbidden"


def test_what_the_gateway_will_not_have_is_said_at_its_field(
    page: Page, keyed: Console, complaints: Complaints
) -> None:
    complaints.expect("status of 400|status of 409")
    page.goto(f"{keyed.url}/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_role("textbox", name="Name").fill("ops")
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("textbox", name="Name").fill("carol")
    page.get_by_role("combobox", name="From").fill("nowhere")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_role("dialog")).to_contain_text("is no address and no network")


def test_keys_of_the_configuration_file_can_not_be_changed_here(page: Page, keyed: Console) -> None:
    page.goto(f"{keyed.url}/keys")
    expect(row(page, "ops")).to_contain_text("From the configuration file")
    row(page, "ops").get_by_role("button", name="What to do with ops").click()
    expect(page.get_by_role("menuitem", name="Its requests")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Revoke")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "size", [{"width": 390, "height": 844}, {"width": 1440, "height": 900}], ids=["phone", "wide"]
)
def test_nothing_keeps_people_from_using_it(
    open_page: OpenPage, keyed: Console, axe: Callable[[Page], None], size: dict[str, int], scheme: str
) -> None:
    page = open_page(viewport=size, color_scheme=scheme)
    page.goto(f"{keyed.url}/keys")
    row(page, "ops").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    axe(page)
    page.get_by_role("button", name="New key").click()
    name = f"{scheme} {size['width']}"
    page.get_by_role("textbox", name="Name").fill(name)
    axe(page)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("api-key")).to_be_visible()
    axe(page)
