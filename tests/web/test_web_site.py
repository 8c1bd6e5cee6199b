"""The console as the gateway serves it to a real browser: addresses, the policy in force, how much comes first."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsers import Complaints
from consoles import Console, running_console
from playwright.sync_api import Page, Response, expect
from served import ask

FIRST_LOAD_BYTES = 300_000
"""Of everything that has to come before the first page is there, as it goes over the wire."""

SETTLED_MS = 700
"""Without another response, a page has all that it needs."""

PAGES = ("studio", "chat", "overview", "streams", "usage", "upstreams", "keys", "settings")

AS_BROWSER = {"accept": "text/html,*/*;q=0.8"}


def loaded(page: Page, url: str) -> list[Response]:
    """All responses until nothing more is asked for. Live views stay open: for a browser such a page never rests."""
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))
    page.goto(url)
    page.locator("h1").wait_for(state="attached")
    known = 0
    while len(responses) > known:
        known = len(responses)
        page.wait_for_timeout(SETTLED_MS)
    return responses


def test_a_page_deep_inside_is_still_there_after_a_reload(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/keys?from=somewhere")
    expect(page).to_have_title("Keys · Sluiceway")
    page.reload()
    expect(page).to_have_title("Keys · Sluiceway")
    expect(page).to_have_url(f"{console.url}/keys?from=somewhere")


@pytest.mark.parametrize("path", PAGES)
def test_the_first_load_is_small_and_compressed(page: Page, console: Console, path: str) -> None:
    responses = loaded(page, f"{console.url}/{path}")
    # All that the page is made of, whenever it came, with its document; not what it then asks the gateway.
    files = [
        one for one in responses if not one.url.startswith((f"{console.url}/api/", f"{console.url}/v1/"))
    ]
    sizes = {one.url: one.request.sizes()["responseBodySize"] for one in files}
    assert len([url for url in sizes if url.endswith((".js", ".css"))]) > 2
    assert sum(sizes.values()) < FIRST_LOAD_BYTES, sizes
    large = [one for one in files if "/assets/" in one.url and sizes[one.url] > 1000]
    assert {one.headers.get("content-encoding") for one in large} == {"br"}


def test_nothing_is_asked_of_anybody_else(page: Page, console: Console) -> None:
    for path in PAGES:
        assert {one.url.split("/")[2] for one in loaded(page, f"{console.url}/{path}")} == {
            f"localhost:{console.port}"
        }


def test_what_has_a_hash_in_its_name_is_not_fetched_again(page: Page, console: Console) -> None:
    loaded(page, f"{console.url}/overview")
    again = [one for one in loaded(page, f"{console.url}/keys") if "/assets/index-" in one.url]
    assert again
    transferred = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/assets/index-'))"
        ".map(e => e.transferSize)"
    )
    assert set(transferred) == {0}


@pytest.mark.parametrize(
    "markup",
    [
        "<img src=x onerror='window.ran = 1'>",
        "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
        "<a href='javascript:window.ran = 1' id=link>link</a>",
    ],
    ids=["handler", "frame", "link"],
)
def test_markup_that_found_its_way_into_the_page_runs_nothing(
    page: Page, console: Console, complaints: Complaints, markup: str
) -> None:
    complaints.expect("Content Security Policy|status of 404")
    page.goto(f"{console.url}/overview")
    page.locator("h1").wait_for()
    page.evaluate("markup => document.body.insertAdjacentHTML('beforeend', markup)", markup)
    page.evaluate("document.getElementById('link')?.click()")
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None


def test_no_script_and_no_picture_comes_from_where_the_policy_does_not_say(
    page: Page, console: Console, complaints: Complaints
) -> None:
    complaints.expect("Content Security Policy")
    page.goto(f"{console.url}/overview")
    page.locator("h1").wait_for()
    refused = page.evaluate(
        """async () => {
            const refused = [];
            document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            const script = document.createElement("div");
            script.innerHTML = "<link rel=stylesheet href='http://127.0.0.1:9/x.css'>";
            document.head.append(script.firstChild);
            new Image().src = "http://127.0.0.1:9/tell?secret";
            await new Promise((resolve) => setTimeout(resolve, 300));
            return refused.sort();
        }"""
    )
    assert refused == ["img-src", "style-src-elem"]


@contextlib.contextmanager
def another_site(pages: list[str]) -> Iterator[str]:
    """The origin of one whose every page is the last of `pages`. It is real, since browsers know who is near."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(pages[-1].encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("named", [True, False])
def test_another_site_may_show_it_in_a_frame_only_if_it_is_named(
    page: Page, site: None, tmp_path: Path, complaints: Complaints, named: bool
) -> None:
    if not named:
        complaints.expect("Framing 'http://localhost")
    pages = [""]
    with another_site(pages) as portal:
        settings = f'frame_ancestors = ["{portal}"]' if named else ""
        with running_console(tmp_path, settings=f"[admin]\n{settings}\n") as console:
            pages.append(f"<iframe src='{console.url}/keys' width=900 height=700></iframe>")
            with page.expect_event("framenavigated", lambda frame: frame.parent_frame is not None):
                page.goto(portal)
            heading = page.frame_locator("iframe").get_by_role("heading", name="Keys", level=1)
            if named:
                expect(heading).to_be_visible()
            else:
                assert page.frames[1].url == "chrome-error://chromewebdata/"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/overview", 200),
        ("GET", "/api/nothing", 404),
        ("GET", "/healthz", 200),
        ("GET", "/v1", 404),
        ("GET", "/v1/models", 200),
        ("POST", "/overview", 404),
        ("DELETE", "/", 404),
    ],
)
def test_what_is_the_gateway_s_own_stays_so_for_a_browser_too(
    console: Console, method: str, path: str, status: int
) -> None:
    answer = ask(console.port, method, path, None, AS_BROWSER)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"


def test_without_admin_there_is_no_console(site: None, tmp_path: Path) -> None:
    with running_console(tmp_path, settings="[admin]\nenabled = false\n") as console:
        for path in ("/", "/overview", "/icon.svg"):
            assert ask(console.port, "GET", path, None, AS_BROWSER).status == 404
