"""What a fault is, and how it is written down: one function with its story in the docstring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from sluiceway.mock.scene import Scene, Script
from sluiceway.mock.settings import MockSettings

FOREVER_S = 3600.0  # "forever" for a test: silence ends after an hour even if the peer never leaves
ENDLESS_BYTES = 256 * 1024 * 1024  # and floods after more than any limit that a client should have

Arg = Literal["", "seconds", "events"]
Play = Callable[[Scene], Script]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that goes wrong.

    `what`: what happens on the wire. `expect`: what a good client or gateway does. `arg`: what the number
    after the colon means, `default` its value if left out (-1: see `what`). `settings`: knobs the fault
    sets so that it has something to break.
    """

    name: str
    what: str
    expect: str
    play: Play
    arg: Arg = ""
    default: float = -1
    settings: dict[str, Any] = {}


def fault(
    name: str, *, expect: str, arg: Arg = "", default: float = -1, **settings: Any
) -> Callable[[Play], Fault]:
    """Make a fault of a function; its docstring is the `what` of the documentation."""

    def make(play: Play) -> Fault:
        what = " ".join((play.__doc__ or "").split())
        return Fault(
            name=name, what=what, expect=expect, play=play, arg=arg, default=default, settings=settings
        )

    return make


def whole_events(scene: Scene, parts: int) -> int:
    """How many whole events come before the break: the argument, else half of them."""
    return parts // 2 if scene.arg < 0 else min(int(scene.arg), parts)


def settings_with(settings: MockSettings, chosen: Fault) -> MockSettings:
    """The settings with the fault's own, where nobody turned that knob."""
    untouched = MockSettings()
    changes = {
        knob: value
        for knob, value in chosen.settings.items()
        if getattr(settings, knob) == getattr(untouched, knob)
    }
    return msgspec.structs.replace(settings, **changes)
