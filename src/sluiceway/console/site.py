"""The console's pages: what the build left in `console/web`, served from memory, under a strict policy.

    an address of the site's own files ──► the file, compressed beforehand where the browser takes that
    anything else that a browser opens ──► index.html, which finds the page itself; with a nonce of its own

Files under `assets/` have a hash of their content in their name, and are kept for ever; the rest is asked for anew.
Nothing here is secret: what the pages show, they get from `/api` and `/v1`.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sluiceway.console.site_missing import MISSING
from sluiceway.observe.draft import new_request_id
from sluiceway.outbound import Scope, Send
from sluiceway.wire.http import Headers, get_header

FOLDER: Final = Path(__file__).parent / "web"

INDEX: Final = "/index.html"

NONCE_HERE: Final = b"SLUICEWAY_NONCE"
"""What the build puts wherever the nonce belongs: `html.cspNonce` in web/vite.config.ts."""

_HASHED: Final = "/assets/"

# What browsers must be told, and no guess by the system's own tables, which differ from machine to machine.
_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".wasm": b"application/wasm",
    ".webmanifest": b"application/manifest+json",
    ".woff2": b"font/woff2",
}

# The best first.
_CODINGS: Final = ((b"br", ".br"), (b"gzip", ".gz"))

# Scripts: those of index.html and what they load themselves, nothing that found its way into the page, nor anything
# that a provider's answer could be taken for. Styles: our files, and the element in which the components' library
# keeps its colours. Connections go anywhere, since a profile may name another gateway; pictures come as data or from
# here, so that no text of a model can have the browser tell somebody something by the address of a picture.
_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self' http: https: data: blob:; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {framed_by}"
)

# For a file that is opened by itself, a picture too; and a worker goes by what its own file came with.
_FILE_POLICY: Final = b"default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"

_SAFETY: Final[Headers] = [
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]


class File(msgspec.Struct, frozen=True):
    """One file of the site. `encoded`: the same, compressed, by the name of the coding."""

    kind: bytes
    body: bytes
    encoded: Mapping[bytes, bytes]
    etag: str


class Site:
    """See the module. Reads the files when they are first asked for, and again after they were built anew."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, File] = {}
        self._built: int | None = None
        self._reading = asyncio.Lock()

    async def __call__(self, scope: Scope, send: Send, framed_by: Sequence[str] = ()) -> bool:
        """Answer a GET or HEAD; `False` if the path is none of the site's, and nothing was sent.

        `framed_by`: origins whose pages may show this one in a frame.
        """
        path = scope["path"]
        await self._refresh()
        file = self._files.get(path)
        if file is not None and path != INDEX:
            await _send_file(scope, send, file, hashed=path.startswith(_HASHED))
            return True
        # Whatever a browser opens is a page; a file that is missing, or a client's mistake, is none.
        opened = b"text/html" in get_header(scope["headers"], b"accept")
        if path.startswith(_HASHED) or not (opened or (path in ("/", INDEX) and self._files)):
            return False
        await self._send_page(scope, send, " ".join(framed_by) or "'none'")
        return True

    async def _send_page(self, scope: Scope, send: Send, framed_by: str) -> None:
        index = self._files.get(INDEX)
        nonce = secrets.token_urlsafe(16)
        head: Headers = [
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", _POLICY.format(nonce=nonce, framed_by=framed_by).encode()),
        ]
        body = (index.body if index is not None else MISSING).replace(NONCE_HERE, nonce.encode())
        await _respond(scope, send, 200 if index is not None else 503, body, _TYPES[".html"], head)

    async def _refresh(self) -> None:
        """See that what is in memory is what was built last."""
        if _built_at(self._folder) == self._built:
            return
        async with self._reading:
            built = _built_at(self._folder)
            if built != self._built:
                self._files = await asyncio.to_thread(_read, self._folder)
                self._built = built


def _built_at(folder: Path) -> int | None:
    """When index.html was written, in nanoseconds; `None`: it is not there."""
    try:
        return (folder / INDEX[1:]).stat().st_mtime_ns
    except OSError:
        return None


def _read(folder: Path) -> dict[str, File]:
    """All files, by the path they are asked for by. Some megabytes."""
    found: dict[str, File] = {}
    for path in folder.rglob("*"):
        kind = _TYPES.get(path.suffix)
        if kind is None or not path.is_file():
            continue
        body = path.read_bytes()
        encoded = {
            coding: variant.read_bytes()
            for coding, suffix in _CODINGS
            if (variant := path.with_name(path.name + suffix)).is_file()
        }
        etag = hashlib.sha256(body).hexdigest()[:20]
        found[f"/{path.relative_to(folder).as_posix()}"] = File(kind, body, encoded, etag)
    return found


async def _send_file(scope: Scope, send: Send, file: File, *, hashed: bool) -> None:
    coding = _chosen(get_header(scope["headers"], b"accept-encoding"), file.encoded)
    # What differs in its bytes needs another tag (RFC 9110 section 8.8.3.3).
    etag = f'"{file.etag}{"-" + coding.decode() if coding else ""}"'.encode()
    head: Headers = [
        (b"cache-control", b"public, max-age=31536000, immutable" if hashed else b"no-cache"),
        (b"content-security-policy", _FILE_POLICY),
        (b"etag", etag),
    ]
    if file.encoded:
        head.append((b"vary", b"accept-encoding"))
    if _known(get_header(scope["headers"], b"if-none-match"), etag):
        await _respond(scope, send, 304, b"", None, head)
        return
    if coding:
        head.append((b"content-encoding", coding))
    await _respond(scope, send, 200, file.encoded.get(coding, file.body), file.kind, head)


def _known(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the client has it already (RFC 9110 section 13.1.2: compared weakly)."""
    return any(one.strip().removeprefix(b"W/") in (etag, b"*") for one in if_none_match.split(b","))


def _chosen(accepted: bytes, encoded: Mapping[bytes, bytes]) -> bytes:
    """The best coding that the client takes and the file is there in; `b""`: as it is (RFC 9110 section 12.5.3)."""
    weights = {}
    for one in accepted.lower().split(b","):
        name, _, weight = one.partition(b";")
        weights[name.strip()] = weight.strip().removeprefix(b"q=").strip(b"0.") != b"" or not weight
    return next((coding for coding, _ in _CODINGS if coding in encoded and weights.get(coding)), b"")


async def _respond(
    scope: Scope, send: Send, status: int, body: bytes, kind: bytes | None, head: Headers
) -> None:
    headers = [(b"x-request-id", new_request_id().encode()), *head, *_SAFETY]
    if kind is not None:
        headers += [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
