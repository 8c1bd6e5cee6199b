"""Faults of time: nothing comes, or nothing that counts."""

from __future__ import annotations

from sluiceway.mock.faults.base import FOREVER_S, fault
from sluiceway.mock.scene import Act, Part, Response, Scene, Script, Wait

_COMMENT = b": PROCESSING\n\n"  # OpenRouter sends such comments while the model is queued or thinks
_PING_EVERY_S = 0.5


@fault(
    "slow-headers",
    arg="seconds",
    default=5.0,
    expect="Keeps its own client alive meanwhile; gives up only at its first-event limit.",
)
def slow_headers(scene: Scene) -> Script:
    """The status line comes only after some seconds; then all is well."""
    yield Wait(scene.arg)
    yield from scene.response().script()


@fault("silent", expect="Times out waiting for the first event and closes the connection.")
def silent(scene: Scene) -> Script:
    """The request is read, and never answered."""
    yield Wait(FOREVER_S)
    yield Act.CLOSE


@fault(
    "stall",
    arg="seconds",
    default=FOREVER_S,
    expect="Never shows the half event; heartbeats go around it, not into it; its idle limit runs.",
)
def stall(scene: Scene) -> Script:
    """Stops in the middle of an event for some seconds (default: for good), then goes on."""
    response = scene.response()
    whole = len(response.parts) // 2
    first, second = response.halves(whole)
    yield from response.until(whole)
    yield response.framed(first)
    yield Wait(scene.arg)
    yield response.framed(second)
    yield from response.rest(response.parts[whole + 1 :])


@fault(
    "stall-between",
    arg="seconds",
    default=FOREVER_S,
    expect="Sends heartbeats to its own client; its idle limit runs.",
)
def stall_between(scene: Scene) -> Script:
    """Stops between two events for some seconds (default: for good), then goes on."""
    response = scene.response()
    whole = len(response.parts) // 2
    yield from response.until(whole)
    yield Wait(scene.arg)
    yield from response.rest(response.parts[whole:])


@fault(
    "comments",
    arg="seconds",
    default=0.1,
    expect="Ignores comments: they are neither events nor progress.",
    ttft=1.0,
)
def comments(scene: Scene) -> Script:
    """Until the first token (`ttft`, here 1 s unless set) a comment `: PROCESSING` comes every 0.1 s or so
    many seconds.
    """
    if not scene.stream:
        yield from scene.response().script()
        return
    response = scene.as_stream()
    every_s = max(scene.arg, 0.001)
    count = max(1, int(response.parts[0].wait_s / every_s))
    silence = tuple(Part(_COMMENT, every_s if position else 0.0) for position in range(count))
    first = Part(response.parts[0].data, every_s)
    yield from response.tweak(parts=(*silence, first, *response.parts[1:])).script()


@fault(
    "pings-only",
    arg="seconds",
    default=_PING_EVERY_S,
    expect="Does not take comments or pings for progress: its first-event limit runs out.",
)
def pings_only(scene: Scene) -> Script:
    """An event stream of comments (messages: of `ping` events), one every 0.5 s or so many seconds, and never
    an event that says anything.
    """
    response: Response = scene.as_stream()
    ping = next((event.encode() for event in scene.events if event.name == "ping"), b": ping\n\n")
    yield response.head()
    every_s = max(scene.arg, 0.001)
    for _ in range(int(FOREVER_S / every_s)):
        yield response.framed(ping)
        yield Wait(every_s)
    yield Act.CLOSE


FAULTS = (slow_headers, silent, stall, stall_between, comments, pings_only)
