"""What the endpoints of all APIs do alike: turn the knobs for one request, and let its fault play."""

from __future__ import annotations

from itertools import accumulate

import msgspec

from sluiceway.mock.exchange import Exchange
from sluiceway.mock.faults import find_fault
from sluiceway.mock.faults.base import settings_with
from sluiceway.mock.scene import Scene, Script
from sluiceway.mock.settings import MockSettings, settings_for


def turned(exchange: Exchange, model: str, *, stream: bool) -> tuple[str, MockSettings]:
    """The model's plain name, and the settings with those of the fault; both forms are recorded.

    Raises `InvalidRequest` for a knob or a fault that does not exist.
    """
    name, settings = settings_for(exchange.settings, model, exchange.headers)
    exchange.record.stream = stream
    exchange.record.fault = settings.fault
    if settings.fault:
        settings = settings_with(settings, find_fault(settings.fault)[0])
    return name, settings


def script_for(scene: Scene, settings: MockSettings) -> Script:
    """Answer, properly or not. Raises `InvalidRequest` for a fault that this API can't have."""
    if settings.stamps:
        scene = _stamped(scene)
    if not settings.fault:
        return scene.response().script()
    fault, arg = find_fault(settings.fault)
    return fault.play(scene.tweak(arg=arg))


def _stamped(scene: Scene) -> Scene:
    """The same with the moment at which each event is due in it, but for end markers that are no objects."""
    moments_s = accumulate(scene.waits())
    return scene.tweak(
        events=tuple(
            msgspec.structs.replace(event, data=event.data | {"mock_due_ms": round(due_s * 1000, 3)})
            if isinstance(event.data, dict)
            else event
            for event, due_s in zip(scene.events, moments_s, strict=True)
        )
    )
