"""Faults of the connection: it ends when it should not, or in a way that must be noticed."""

from __future__ import annotations

from sluiceway.mock.faults.base import fault, whole_events
from sluiceway.mock.scene import Act, Framing, Response, Scene, Script, Wait

# A reset may overtake bytes still under way, and the test would see another fault than it asked for.
_DELIVERY_S = 0.02

_TRUNCATED = "Reports a truncated answer; never ends it as if it were whole."


def _broken_off(response: Response, whole: int) -> Script:
    """The head, so many whole events, and half of the next."""
    yield from response.until(whole)
    yield response.framed(response.halves(whole)[0])


@fault("rst", arg="events", expect=_TRUNCATED)
def rst(scene: Scene) -> Script:
    """TCP reset in the middle of an event, after so many whole ones (default: half of them)."""
    response = scene.response()
    yield from _broken_off(response, whole_events(scene, len(response.parts)))
    yield Wait(_DELIVERY_S)
    yield Act.RESET


@fault("rst-before", expect="Nothing was answered: tries another upstream, or reports a 502.")
def rst_before(scene: Scene) -> Script:
    """TCP reset after the request was read, before any byte of an answer."""
    yield Act.RESET


@fault("eof", arg="events", expect=_TRUNCATED)
def eof(scene: Scene) -> Script:
    """The body ends properly (last chunk) after so many whole events (default: half of them), without a
    finish reason or end marker. A JSON answer ends in its middle.
    """
    response = scene.response().tweak(framing=Framing.UNTIL_CLOSE if scene.http10 else Framing.CHUNKED)
    if scene.stream:
        yield from response.until(whole_events(scene, len(response.parts)))
    else:
        yield from _broken_off(response, 0)
    yield from response.end()


@fault("eof-mid-event", arg="events", expect=_TRUNCATED + " The half event is not shown.")
def eof_mid_event(scene: Scene) -> Script:
    """The body ends properly (last chunk), but in the middle of an event."""
    response = scene.response().tweak(framing=Framing.UNTIL_CLOSE if scene.http10 else Framing.CHUNKED)
    yield from _broken_off(response, whole_events(scene, len(response.parts)))
    yield from response.end()


@fault("cut", arg="events", expect=_TRUNCATED)
def cut(scene: Scene) -> Script:
    """The connection is closed (FIN) in the middle of an event, without the last chunk; a JSON answer in the
    middle of its promised length.
    """
    response = scene.response()
    yield from _broken_off(response, whole_events(scene, len(response.parts)))
    yield Act.CLOSE


@fault("connection-close", expect="Takes the end of the connection for the end of the body, and is content.")
def connection_close(scene: Scene) -> Script:
    """A whole answer with neither chunks nor a length: the closed connection is its end."""
    yield from scene.response().tweak(framing=Framing.UNTIL_CLOSE).script()


@fault(
    "keepalive-close",
    arg="seconds",
    default=0.0,
    expect="Drops the closed connection from its pool, or sends again on a fresh one.",
)
def keepalive_close(scene: Scene) -> Script:
    """A whole answer that promises keep-alive; then the connection is closed, at once or after some
    seconds.
    """
    yield from scene.response().script()
    yield Wait(scene.arg)
    yield Act.CLOSE


@fault("stale", expect="Sends the next request again on a fresh connection: RFC 9112 section 9.3.1.")
def stale(scene: Scene) -> Script:
    """A whole answer that promises keep-alive; then the connection is reset as soon as it is used again."""
    for step in scene.response().script():
        yield Act.DOOM if step is Act.DONE else step


FAULTS = (rst, rst_before, eof, eof_mid_event, cut, connection_close, keepalive_close, stale)
