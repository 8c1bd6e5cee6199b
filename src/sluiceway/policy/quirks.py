"""Client quirks: which form of heartbeat a client can stand.

Each row stands for a real client that broke on a form that the standard allows. Later rows for other
dialects and clients join this table; nothing else in the gateway asks who the client is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from sluiceway.dialects.base import HeartbeatForm

# openai-go dispatched an event for a comment that is followed by a blank line, and failed to parse its
# empty data, until 3.43 (design.md section 1). It names itself in User-Agent ("OpenAI/Go 3.41.0") and in
# X-Stainless-Lang / X-Stainless-Package-Version.
_OPENAI_GO_FIXED = (3, 43)
_OPENAI_GO = re.compile(rb"OpenAI/Go (\d+)\.(\d+)")
_VERSION = re.compile(rb"v?(\d+)\.(\d+)")


def _is_old_openai_go(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    language = version = None
    for name, value in headers:
        if name == b"user-agent" and (match := _OPENAI_GO.search(value)):
            return (int(match[1]), int(match[2])) < _OPENAI_GO_FIXED
        if name == b"x-stainless-lang":
            language = value
        elif name == b"x-stainless-package-version":
            version = _VERSION.match(value)
    return language == b"go" and version is not None and (int(version[1]), int(version[2])) < _OPENAI_GO_FIXED


def heartbeat_form(
    setting: str, headers: Iterable[tuple[bytes, bytes]], *, default: HeartbeatForm, saw_id: bool
) -> HeartbeatForm:
    """The form of the next heartbeat on this stream.

    `setting`: `stream.heartbeat_form`; anything but "auto" is the operator's word. `default`: the
    dialect's own form. `saw_id`: an `id:` field went to the client already; openai-python then
    dispatches a comment's blank line as an event with empty data and fails to parse it.
    """
    if setting != "auto":
        return setting  # type: ignore[return-value]  # validated with the configuration
    if default == "block" and (saw_id or _is_old_openai_go(headers)):
        return "line"
    return default


HeartbeatChoice = Callable[[bool], bytes]
