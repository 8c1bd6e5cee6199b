"""What the definitions of settings share: names, bounds and secrets."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta

DialectName = Literal["chat", "responses", "messages", "images"]
DIALECT_NAMES: tuple[DialectName, ...] = get_args(DialectName)

# The name under which `Settings.stream_for` knows paths that belong to no dialect.
OTHER = "other"

Seconds = Annotated[float, Meta(ge=0)]
Bytes = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1)]


class Secret(str):
    """A string that `repr()` does not show, so that no log, traceback or error can. `str()` gives it away."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"
