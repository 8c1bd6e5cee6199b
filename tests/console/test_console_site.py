"""The console's pages as the gateway serves them: files, index.html for each page, the policy, no build at all."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluiceway.console.site import Site

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
INDEX = b'<meta property="csp-nonce" nonce="SLUICEWAY_NONCE"><script nonce="SLUICEWAY_NONCE"></script>'
SCRIPT = "/assets/index-abc.js"


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes


async def answered(site: Site, path: str, method: str, headers: dict[str, str]) -> Answer | None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    if not await site(scope, send):
        assert sent == []
        return None
    head, body = sent
    return Answer(head["status"], {a.decode(): b.decode() for a, b in head["headers"]}, body["body"])


def maybe(site: Site, path: str, method: str = "GET", **headers: str) -> Answer | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(answered(site, path, method, named))


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> Answer:
    answer = maybe(site, path, method, **headers)
    assert answer is not None
    return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a build leaves."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_bytes(INDEX)
    (tmp_path / "icon.svg").write_bytes(b"<svg/>")
    script = tmp_path / SCRIPT[1:]
    script.write_bytes(b"plain")
    script.with_name(script.name + ".br").write_bytes(b"in brotli")
    script.with_name(script.name + ".gz").write_bytes(b"in gzip")
    (tmp_path / ".built-from").write_bytes(b"a hash")
    return tmp_path


@pytest.fixture
def site(folder: Path) -> Site:
    return Site(folder)


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/index.html", "/streams/req_1", "/a.page/with.dots", "//v1/", ""])
def test_whatever_a_browser_opens_is_index_html(site: Site, path: str) -> None:
    answer = ask(site, path, **PAGE)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_a_program_is_shown_the_console_at_the_root_alone(site: Site, accept: str) -> None:
    assert ask(site, "/", accept=accept).status == 200
    assert maybe(site, "/chat/completions", accept=accept) is None


def test_each_response_has_a_nonce_of_its_own_in_the_page_and_in_the_policy(site: Site) -> None:
    nonces = set()
    for _ in range(3):
        answer = ask(site, "/", **PAGE)
        assert b"SLUICEWAY_NONCE" not in answer.body
        found = set(re.findall(r'nonce="([\w-]{20,})"', answer.body.decode()))
        assert set(re.findall(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])) == found
        nonces |= found
    assert len(nonces) == 3


def test_the_policy_forbids_what_it_does_not_name(site: Site) -> None:
    policy = dict(
        directive.split(" ", 1)
        for directive in ask(site, "/", **PAGE).headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    for directive in ("script-src", "style-src"):
        assert "unsafe" not in policy[directive]
    assert "http" not in policy["script-src"] + policy["img-src"] + policy["style-src"]


def test_only_sites_that_are_named_may_frame_it(site: Site) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept", b"text/html")]}
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(site(scope, send, ["https://a.example", "https://b.example"]))
    policy = dict(sent[0]["headers"])[b"content-security-policy"].decode()
    assert policy.endswith("; frame-ancestors https://a.example https://b.example")


@pytest.mark.parametrize("path", ["/", SCRIPT, "/icon.svg"])
def test_browsers_are_told_to_be_careful_with_all_of_it(site: Site, path: str) -> None:
    headers = ask(site, path, **PAGE).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "camera=(self)" in headers["permissions-policy"]


# ── files ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", b"in brotli"),
        ("gzip", "gzip", b"in gzip"),
        ("br;q=0, gzip;q=0.5", "gzip", b"in gzip"),
        ("BR;Q=1.0", "br", b"in brotli"),
        ("br;q=0.0, gzip;q=0", None, b"plain"),
        ("zstd", None, b"plain"),
        ("", None, b"plain"),
    ],
)
def test_a_file_goes_out_as_it_was_compressed_beforehand(
    site: Site, accepted: str, coding: str | None, body: bytes
) -> None:
    answer = ask(site, SCRIPT, accept_encoding=accepted)
    assert (answer.headers.get("content-encoding"), answer.body) == (coding, body)
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "accept-encoding"


def test_a_file_with_a_hash_in_its_name_is_kept_for_ever_and_another_is_asked_for_anew(site: Site) -> None:
    assert ask(site, SCRIPT).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ask(site, "/icon.svg").headers["cache-control"] == "no-cache"


def test_who_has_a_file_already_is_told_so(site: Site) -> None:
    etag = ask(site, "/icon.svg").headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = ask(site, "/icon.svg", if_none_match=known)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == etag
    assert ask(site, "/icon.svg", if_none_match='"other"').status == 200


def test_each_form_of_a_file_has_a_tag_of_its_own(site: Site) -> None:
    tags = {ask(site, SCRIPT, accept_encoding=one).headers["etag"] for one in ("br", "gzip", "")}
    assert len(tags) == 3


@pytest.mark.parametrize("path", ["/", SCRIPT])
def test_head_is_get_without_the_body(site: Site, path: str) -> None:
    get, head = ask(site, path), ask(site, path, "HEAD")
    assert head.body == b""
    assert head.headers["content-length"] == str(len(get.body))
    assert head.headers.keys() == get.headers.keys()


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone-123.js",
        "/assets/../index.html",
        "/../site.py",
        "/.built-from",
        f"{SCRIPT}.br",
        "/assets",
        "/favicon.ico",
    ],
)
def test_a_file_that_is_none_of_the_site_s_is_nobody_s(site: Site, path: str) -> None:
    assert maybe(site, path, accept="*/*") is None


def test_a_script_that_is_gone_is_no_page_even_for_a_browser(site: Site) -> None:
    assert maybe(site, "/assets/gone-123.js", **PAGE) is None


# ── builds ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_build_is_served_without_a_restart(site: Site, folder: Path) -> None:
    assert b"csp-nonce" in ask(site, "/", **PAGE).body
    (folder / "index.html").write_bytes(b"new")
    os.utime(folder / "index.html", ns=(1, 1))
    assert ask(site, "/", **PAGE).body == b"new"


def test_without_a_build_a_browser_is_told_how_to_make_one_and_a_program_is_told_nothing(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path / "nothing")
    answer = ask(site, "/", **PAGE)
    assert answer.status == 503
    assert b"make web" in answer.body
    nonce = re.search(rb'nonce="([\w-]+)"', answer.body)
    assert nonce is not None
    assert nonce[1].decode() in answer.headers["content-security-policy"]
    assert maybe(site, "/", accept="*/*") is None


def test_a_build_that_is_made_meanwhile_is_found(folder: Path) -> None:
    index = folder / "index.html"
    index.rename(folder / "hidden")
    site = Site(folder)
    assert ask(site, "/", **PAGE).status == 503
    (folder / "hidden").rename(index)
    assert ask(site, "/", **PAGE).status == 200


def test_requests_at_once_are_all_answered(site: Site) -> None:
    async def at_once() -> list[Answer | None]:
        return await asyncio.gather(*(answered(site, SCRIPT, "GET", {}) for _ in range(20)))

    assert [answer.body for answer in asyncio.run(at_once()) if answer is not None] == [b"plain"] * 20
