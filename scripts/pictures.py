"""Take the pictures of the console that the documentation shows, in a real browser, so that they stay true.

    python scripts/pictures.py [NAME …]   all of them, or those named, into docs/pictures/

It takes about three minutes, and needs Chromium. What is not found where it should be is told, with a picture of what
was there instead; the old picture then stays. Pages are found by what people read on them, not by how they are made.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from PIL import Image

if TYPE_CHECKING:
    from picture_stage import Stage
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"

WIDE: Mapping[str, Any] = {"viewport": {"width": 1440, "height": 900}, "device_scale_factor": 1.25}
PHONE: Mapping[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
DARK = {"color_scheme": "dark"}

_QUALITY = 82  # of WebP: text stays sharp, and a picture of a page has about 60 KB
_PATIENCE_MS = 40_000
_CHART_S = 62  # the charts of the overview begin with a minute

PROMPTS = {
    "A lock keeper's cottage at dawn, mist over the canal": "1024x1024",
    "Two boats below the weir, golden evening": "1536x1024",
    "Winter morning, snow on the gates": "1024x1024",
    "Aurora over a frozen lake, a flock of cranes": "1024x1536",
    "A sluice in an autumn forest": "1536x1024",
}
FORMING = ("Moonlight on the harbour, ships at anchor", "A clear summer day at the old mill")


class Shots:
    """The browser, the stage, and what every picture begins with."""

    def __init__(self, browser: Browser, stage: Stage) -> None:
        self._browser = browser
        self.stage = stage

    def opened(self) -> list[Page]:
        """All pages that are open."""
        return [page for context in self._browser.contexts for page in context.pages]

    def close(self) -> None:
        """Close them."""
        for context in self._browser.contexts:
            context.close()

    def page(self, path: str, key: str = "", **options: Any) -> Page:
        """A page in a profile of its own, in English, without motion; `key`: the client whose key it sends."""
        usual = {"locale": "en-US", "timezone_id": "UTC", "reduced_motion": "reduce", "color_scheme": "light"}
        page = self._browser.new_context(**{**usual, **options}).new_page()
        page.set_default_timeout(_PATIENCE_MS)
        if key:
            # As a user gives it to the console: it asks whether to take it.
            page.goto(f"{self.stage.url}{path.partition('#')[0]}#apiKey={self.stage.keys[key]}")
            page.get_by_role("dialog").get_by_role("button", name=re.compile("use it", re.IGNORECASE)).click()
        page.goto(self.stage.url + path)
        return page


def studio(shots: Shots) -> Page:
    """Two pictures that form, in front of those that are finished."""
    page = shots.page("/studio", "alice", **WIDE)
    _paint_all(page, PROMPTS)
    for number, prompt in enumerate(FORMING):
        _paint(page, "estuary-image", prompt)
        page.get_by_alt_text(f"Preview {2 - number} of: {prompt}").wait_for()
    return page


def chat(shots: Shots) -> Page:
    """One question, two models, one with its thoughts."""
    page = shots.page("/chat", "alice", **WIDE)
    page.get_by_role("button", name="Compare two models").click()
    for lane, (model, dialect) in enumerate((("river-large", "chat"), ("brook-mini", "messages"))):
        page.get_by_role("combobox", name="Model").nth(lane).fill(model)
        page.keyboard.press("Escape")
        page.get_by_label("API", exact=True).nth(lane).select_option(dialect)
    page.get_by_label("Message", exact=True).fill("How much water passes a sluice gate?")
    page.keyboard.press("Enter")
    page.get_by_text("drowned outlet").wait_for()
    page.get_by_text("both levels").wait_for()
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="hidden")
    page.get_by_role("button", name="Thoughts").click()
    page.locator("pre span").first.wait_for()  # what colours the code is loaded when there is some
    page.get_by_text("Take the gate").scroll_into_view_if_needed()
    return page


def streams(shots: Shots) -> Page:
    """Streams that run, one of them silent, and some that did not end well."""
    page = shots.page("/streams", **WIDE)
    page.get_by_text("Live", exact=True).wait_for()
    for model, key in (("delta-pro", "alice"), ("brook-mini", "website"), ("river-large", "build-agent")):
        shots.stage.ask(model, key)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="delta-pro", exact=True))
    row.get_by_text("Complete").wait_for()
    for model, key in (
        ("rapid", "build-agent"),
        ("dry-well", "website"),
        ("brook-mini", "alice"),
        ("silent-pond", "website"),
        ("old-mill", "build-agent"),
        ("slow-river", "alice"),
        ("river-large", "build-agent"),
        ("slow-river", "website"),
        ("rapid", "alice"),
    ):
        shots.stage.ask(model, key)
        time.sleep(0.4)  # in this order, and not all of one age
    page.get_by_text("Truncated").first.wait_for()
    page.get_by_text("Silent", exact=True).first.wait_for()
    return page


def waterfall(shots: Shots) -> Page:
    """A stream whose first upstream was mute, and whose second paused: kept alive by heartbeats."""
    return _waterfall(shots, **WIDE)


def overview(shots: Shots) -> Page:
    """A minute of traffic, in the dark."""
    page = shots.page("/overview", **WIDE, **DARK)
    shots.stage.busy(_CHART_S + 20)
    page.get_by_role("heading", name="Upstreams").wait_for()
    time.sleep(_CHART_S)  # it is a minute that the charts show
    return page


def phone_studio(shots: Shots) -> Page:
    """The studio as it is on a phone."""
    page = shots.page("/studio", "alice", **PHONE)
    _paint_all(page, dict(list(PROMPTS.items())[:2]))
    _paint(page, "estuary-image", FORMING[0])
    page.get_by_alt_text(f"Preview 2 of: {FORMING[0]}").wait_for()
    return page


def phone_stream(shots: Shots) -> Page:
    """The same on a phone, in the dark, at its timeline."""
    page = _waterfall(shots, **PHONE, **DARK)
    page.get_by_role("heading", name="Timeline").evaluate(
        "heading => heading.scrollIntoView({ block: 'start' })"
    )
    return page


def forming(shots: Shots) -> Page:
    """A preview and its finished picture, as the Images API sends them."""
    got = shots.stage.paint(
        "alice", model="estuary-quick", prompt="a river at dawn", size="768x512", partial_images=3
    )
    page = shots.page("/healthz", viewport={"width": 1536, "height": 512})
    pictures = "".join(f'<img src="data:image/png;base64,{got[number]}">' for number in (1, 3))
    page.set_content(f"<style>body {{ margin: 0; display: flex }} img {{ width: 50% }}</style>{pictures}")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    return page


TAKEN: Mapping[str, Callable[[Shots], Page]] = {
    "streams.webp": streams,
    "waterfall.webp": waterfall,
    "forming.webp": forming,
    "studio.webp": studio,
    "chat.webp": chat,
    "overview-dark.webp": overview,
    "phone-studio.webp": phone_studio,
    "phone-stream-dark.webp": phone_stream,
}


def _waterfall(shots: Shots, **options: Any) -> Page:
    shots.stage.ask("delta-pro", "alice")
    page = shots.page("/streams", **options)
    page.get_by_role("link", name="delta-pro", exact=True).first.click()
    page.get_by_role("heading", level=1, name="delta-pro").wait_for()
    page.get_by_text("Complete", exact=True).first.wait_for()
    return page


def _paint_all(page: Page, prompts: Mapping[str, str]) -> None:
    for prompt, size in prompts.items():
        _paint(page, "estuary-quick", prompt, size)
        page.get_by_role("button", name=f"Open: {prompt}").wait_for()


def _paint(page: Page, model: str, prompt: str, size: str = "1024x1024") -> None:
    """By a link with settings, as anybody may make one."""
    from playwright.sync_api import expect

    page.goto(page.url.partition("#")[0] + "#" + urlencode({"model": model, "size": size, "prompt": prompt}))
    asked = page.get_by_role("textbox", name="Prompt", exact=True)
    expect(asked).to_have_value(prompt, timeout=_PATIENCE_MS)
    asked.press("Control+Enter")


def _save(screenshot: bytes, file: Path) -> None:
    with Image.open(io.BytesIO(screenshot)) as image:
        image.convert("RGB").save(file, "WEBP", quality=_QUALITY, method=6)


def _take(shots: Shots, name: str, failures: Path) -> bool:
    """Whether it worked; if not, it says why, and what was seen is in `failures`."""
    from playwright.sync_api import Error

    try:
        page = TAKEN[name](shots)
        page.evaluate("document.fonts.ready")
        _save(page.screenshot(animations="disabled"), PICTURES / name)
    except (Error, AssertionError) as error:
        print(f"{name} was not taken: {error}", file=sys.stderr)
        for page in shots.opened():
            seen = failures / Path(name).with_suffix(".png")
            page.screenshot(path=seen)
            print(f"what was there at {page.url}: {seen}", file=sys.stderr)
        return False
    finally:
        shots.close()
    print(f"took {name}, {(PICTURES / name).stat().st_size // 1024} KB")
    return True


def main(names: list[str]) -> int:
    """0 if all were taken, 1 if not, 2 if one is not known."""
    unknown = set(names) - set(TAKEN)
    if unknown:
        print(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(TAKEN)}", file=sys.stderr)
        return 2
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("taking pictures needs Chromium: see scripts/services.sh", file=sys.stderr)
        return 1
    from picture_stage import running_stage
    from playwright.sync_api import sync_playwright

    subprocess.run([sys.executable, str(ROOT / "scripts" / "build_web.py")], check=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    failures = Path(tempfile.mkdtemp(prefix="pictures-"))
    with (
        tempfile.TemporaryDirectory(prefix="sluiceway-") as folder,
        running_stage(Path(folder)) as stage,
        sync_playwright() as playwright,
    ):
        # Containers and root have no sandbox; the pages are our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shots = Shots(browser, stage)
        taken = [_take(shots, name, failures) for name in names or TAKEN]
        browser.close()
    if all(taken):
        failures.rmdir()
    return 0 if all(taken) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
