"""What is asked: the requests that make a path show what it does to streams. Pure.

The simulated provider is steered by knobs in the model's name, which every proxy passes on (docs/reference/mock.md).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec

from sluiceway import __version__
from sluiceway.mock.settings import FAULT_MODEL_PREFIX

PACE_EVENTS: Final = 24
PACE_PER_S: Final = 10.0
"""Slow enough that two events are never one by chance, and long enough to fill a buffer of 4 KiB or two."""

LARGE_BODY_BYTES: Final = 2 * 1024 * 1024
"""Over nginx's `client_max_body_size` of 1 MiB, below all that anybody sets on purpose: one picture."""

MOCK_MODEL: Final = "mock-gpt"

_SEED: Final = 20  # every answer says the same
_QUESTION: Final = "Count from one to forty in words, one number on each line, and say nothing else."


class Target(msgspec.Struct, frozen=True):
    """An address. `base`: the path before `/chat/completions`, as SDKs want it, without a slash at its end."""

    scheme: str
    host: str
    port: int
    base: str

    @property
    def tls(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port, as in the header `host`: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole, for people."""
        return f"{self.scheme}://{self.authority}{self.base}"


class Ask(msgspec.Struct, frozen=True):
    """One request. `path`: behind the target's base."""

    path: str
    body: bytes
    stream: bool = False


def target_of(url: str) -> Target:
    """The address that the user gave; `/v1` is added where it has no path. Raises `ValueError`, in words."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url} is no address of a gateway, such as https://ai.example.com/v1")
    return Target(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path.rstrip("/") or "/v1")


def other_bases(target: Target) -> tuple[Target, ...]:
    """Where else the gateway may be at this address, most likely first."""
    found = dict.fromkeys((f"{target.base}/v1", "/v1"))
    found.pop(target.base, None)
    return tuple(msgspec.structs.replace(target, base=base) for base in found if "/v1/v1" not in base)


def is_simulated(model: str) -> bool:
    """Whether the model's name is one of the simulated provider, and so takes knobs."""
    return model.startswith(("mock-", FAULT_MODEL_PREFIX)) or "?" in model


def head_of(target: Target, ask: Ask, key: str) -> bytes:
    """The head of the request. It takes compression, as browsers and many SDKs do: else nobody would compress."""
    lines = [
        f"POST {target.base}{ask.path} HTTP/1.1",
        f"host: {target.authority}",
        f"user-agent: sluiceway-doctor/{__version__}",
        f"accept: {'text/event-stream' if ask.stream else 'application/json'}",
        "accept-encoding: gzip, deflate",
        "content-type: application/json",
        f"content-length: {len(ask.body)}",
    ]
    if key:
        lines.append(f"authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def nothing() -> Ask:
    """What the gateway refuses by itself, without asking any upstream: a request without a model."""
    return Ask(_CHAT, b"{}")


def large() -> Ask:
    """The same with a large body."""
    return Ask(_CHAT, _json({"padding": "x" * LARGE_BODY_BYTES}))


def paced(model: str) -> Ask:
    """A stream whose events come one by one, at a known pace and with the time at which each was due."""
    return _ask(model, stream=True, tps=PACE_PER_S, tokens=PACE_EVENTS, stamps=True)


def at_once(model: str) -> Ask:
    """The same answer as JSON, at once."""
    return _ask(model, stream=False, tps=0, tokens=PACE_EVENTS)


def silent(model: str, silence_s: float, *, stream: bool) -> Ask:
    """An upstream that says nothing at all, not even a status line, for so long; then a short answer."""
    return _ask(model, stream=stream, tps=0, tokens=4, fault=f"slow-headers:{silence_s:g}")


def _ask(model: str, *, stream: bool, **knobs: object) -> Ask:
    if is_simulated(model):
        turned = {"ttft": 0, "jitter": 0, "reasoning": 0, "seed": _SEED, "fault": "", **knobs}
        model += ("&" if "?" in model else "?") + urlencode(turned)
    messages = [{"role": "user", "content": _QUESTION}]
    return Ask(_CHAT, _json({"model": model, "stream": stream, "messages": messages}), stream)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


_CHAT: Final = "/chat/completions"
_PORTS: Final = {"http": 80, "https": 443}
