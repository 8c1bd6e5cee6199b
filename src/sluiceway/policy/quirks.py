"""Client quirks: which form of heartbeat a client can stand, and which one it needs.

Each row stands for real clients that failed on a form that the standard allows, with the public issue
that tells of it. Nothing else in the gateway asks who the client is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from sluiceway.dialects.base import HeartbeatForm

Headers = Iterable[tuple[bytes, bytes]]


class Quirk(msgspec.Struct, frozen=True):
    """`client` on a stream of `dialect` (any, if empty) gets `form` where the dialect's own is `instead_of`.

    `recognises(headers)`: is it that client? `issue`: where it is reported.
    """

    client: str
    issue: str
    instead_of: HeartbeatForm
    form: HeartbeatForm
    recognises: Callable[[Headers], bool]
    dialect: str = ""


_OPENAI_GO_FIXED = (3, 43)
_OPENAI_GO = re.compile(rb"OpenAI/Go (\d+)\.(\d+)")
_VERSION = re.compile(rb"v?(\d+)\.(\d+)")
_CODEX = re.compile(rb"\bcodex[_-]", re.IGNORECASE)


def _is_old_openai_go(headers: Headers) -> bool:
    """It names itself in User-Agent ("OpenAI/Go 3.41.0"), or in X-Stainless-Lang and -Package-Version."""
    language = version = None
    for name, value in headers:
        if name == b"user-agent" and (match := _OPENAI_GO.search(value)):
            return (int(match[1]), int(match[2])) < _OPENAI_GO_FIXED
        if name == b"x-stainless-lang":
            language = value
        elif name == b"x-stainless-package-version":
            version = _VERSION.match(value)
    return language == b"go" and version is not None and (int(version[1]), int(version[2])) < _OPENAI_GO_FIXED


def _is_codex(headers: Headers) -> bool:
    """ "codex_cli_rs/0.98.0 (…)", "codex_exec/…", "codex_vscode/…", in User-Agent or Originator."""
    return any(name in (b"user-agent", b"originator") and _CODEX.search(value) for name, value in headers)


QUIRKS: Final = (
    # Dispatches an event for a comment that is followed by a blank line, and fails to parse its empty data.
    Quirk(
        client="OpenAI's Go SDK before 3.43",
        issue="https://github.com/openai/openai-go/issues/556",
        instead_of="block",
        form="line",
        recognises=_is_old_openai_go,
    ),
    # Its idle timer of five minutes is reset by events only, which comments are not. Its own provider sends
    # events of the type `keepalive`, which other clients of this API refuse as unknown
    # (https://github.com/router-for-me/CLIProxyAPI/pull/4691).
    Quirk(
        client="Codex",
        issue="https://github.com/Menci/Floway/issues/498",
        instead_of="block",
        form="ping",
        recognises=_is_codex,
        dialect="responses",
    ),
)

AFTER_AN_ID: Final[HeartbeatForm] = "line"
"""Instead of `block`, for every client, once an `id:` field went out on the stream: openai-python then
takes a comment's blank line for the end of an event with empty data, and fails to parse it
(https://github.com/openai/openai-python/pull/2721)."""


def heartbeat_form(
    setting: str, headers: Headers, *, dialect: str, default: HeartbeatForm, saw_id: bool
) -> HeartbeatForm:
    """The form of the next heartbeat on this stream.

    `setting`: `stream.heartbeat_form`; anything but "auto" is the operator's word. `dialect`, `default`:
    the client's dialect, and its own form. `saw_id`: an `id:` field went to the client already.
    """
    if setting != "auto":
        return setting  # type: ignore[return-value]  # validated with the configuration
    for quirk in QUIRKS:
        if quirk.instead_of == default and quirk.dialect in ("", dialect) and quirk.recognises(headers):
            return quirk.form
    return AFTER_AN_ID if saw_id and default == "block" else default
