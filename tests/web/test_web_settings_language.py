"""Every page in Chinese: no sentence of the English catalogues is left, in text, labels, hints or titles."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest
from browsers import Complaints, OpenPage
from consoles import ROOT, Console, running_console
from playwright.sync_api import Page, expect
from served import completion, eventually, get

PAGES = (
    "",
    "chat",
    "overview",
    "streams",
    "streams/LAST",
    "streams/req_000000000000000000000000",
    "upstreams",
    "keys",
    "usage",
    "usage/records",
    "usage/records/LAST",
    "settings",
    "settings/browser",
    "settings/gateway",
    "settings/check",
)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
CHINESE = re.compile("[\u4e00-\u9fff]")
EVERYTHING = """() => [document.title, document.body.innerText,
  ...[...document.querySelectorAll('[aria-label],[placeholder],[title],[alt]')].flatMap(one =>
    ['aria-label', 'placeholder', 'title', 'alt'].map(name => one.getAttribute(name) ?? ''))].join('\\n')"""


def texts(language: str) -> set[str]:
    """Pieces of messages between place holders."""
    found: set[str] = set()
    for file in sorted((ROOT / "web" / "src").glob(f"*/messages.{language}.ts")):
        for text in STRING.findall(file.read_text(encoding="utf-8")):
            found.update(piece.strip(" .:·") for piece in re.split(r"\{\w+\}|\\n", text))
    return found


def sentences() -> list[str]:
    """What is English beyond doubt: of several words, and in no Chinese message."""
    chinese = "\n".join(texts("zh"))
    return sorted(one for one in texts("en") if one.count(" ") >= 1 and len(one) > 7 and one not in chinese)


def english_on(page: Page) -> list[str]:
    """Sentences of the catalogues that the page holds."""
    shown = page.evaluate(EVERYTHING)
    return [one for one in sentences() if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", shown)]


@pytest.fixture(scope="module")
def spoken(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console with something to show on each page."""
    folder = tmp_path_factory.mktemp("spoken")
    with running_console(
        folder, upstream="health = { max_failures = 1000, max_error_rate = 0.0 }"
    ) as running:
        for model in ("mock-gpt", "fault-http-500", "fault-eof:3"):
            with contextlib.suppress(OSError):
                completion(running.port, model, stream=True)
        eventually(lambda: len(get(running.port, "/api/records")["records"]) == 3)
        yield running


def go(page: Page, console: Console, path: str) -> None:
    """There, once the page has something to say."""
    last = get(console.port, "/api/records?limit=1")["records"][0]["request_id"]
    page.goto(f"{console.url}/{path.replace('LAST', last)}")
    page.locator("h1").wait_for(state="attached")
    expect(page.locator(".mantine-Loader-root")).to_have_count(0)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_in_chinese_has_no_english_sentence(
    open_page: OpenPage, spoken: Console, complaints: Complaints, path: str
) -> None:
    complaints.expect("status of 404")  # of the stream that nobody knows
    page = open_page(locale="zh-CN")
    go(page, spoken, path)
    expect(page.locator("html")).to_have_attribute("lang", re.compile("^zh"))
    assert CHINESE.search(page.locator("main").inner_text())
    assert english_on(page) == []


def test_english_sentences_are_found_where_they_are(page: Page, spoken: Console) -> None:
    go(page, spoken, "overview")
    assert len(english_on(page)) >= 5
