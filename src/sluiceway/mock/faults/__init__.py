"""The table of faults: everything that the simulated provider can do wrong, each on request."""

from __future__ import annotations

import math

from sluiceway.errors import InvalidRequest
from sluiceway.mock.faults import breaks, content, floods, framing, refusals, silence
from sluiceway.mock.faults.base import FOREVER_S, Fault
from sluiceway.mock.settings import nearest

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for group in (silence, breaks, refusals, framing, content, floods)
    for fault in group.FAULTS
}

_MAX_ARG = {"seconds": FOREVER_S, "events": 1e6}


def find_fault(text: str) -> tuple[Fault, float]:
    """`NAME` or `NAME:ARG` as the fault and its argument.

    Raises `InvalidRequest`, with `param` `fault`, for a name that does not exist (naming the nearest) or
    an argument that it can't take.
    """
    name, colon, arg = text.partition(":")
    fault = FAULTS.get(name)
    if fault is None:
        raise InvalidRequest(f"No fault is called {name!r}{nearest(name, FAULTS)}.", param="fault")
    if not colon:
        return fault, fault.default
    if not fault.arg:
        raise InvalidRequest(f"The fault {name!r} takes no argument.", param="fault")
    try:
        value = float(arg)
    except ValueError:
        value = math.nan
    if not 0 <= value <= _MAX_ARG[fault.arg]:
        raise InvalidRequest(
            f"The fault {name!r} takes a number of {fault.arg}, as in {name}:3, not {arg!r}.", param="fault"
        )
    return fault, value


def reference_table() -> str:
    """All faults as a Markdown table, as docs/reference/mock.md has it."""
    rows = ["| fault | what happens | what a good client or gateway does |", "|---|---|---|"]
    for fault in FAULTS.values():
        arg = f"[:{fault.arg}]" if fault.arg else ""
        rows.append(f"| `{fault.name}{arg}` | {fault.what} | {fault.expect} |")
    return "\n".join(rows) + "\n"
