"""What is wrong with a configuration, all of it at once, each with where it is and what to do.

Messages never hold a value that could be a secret: only names, kinds and numbers.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing to put right. `path`: the key, as `upstreams[1].base_url`; `hint`: how, where it is known."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f"\n    {self.hint}" if self.hint else "")


class ConfigError(Exception):
    """The configuration can't be used. `problems` is never empty; `source` is the file's name."""

    def __init__(self, problems: Iterable[Problem], source: str = "configuration") -> None:
        self.problems = list(problems)
        self.source = source
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{source} has {count}:{lines}")


class BadValue(ValueError):
    """A value that a setting can't take; whoever knows its path makes a `Problem` of it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` may have meant, if one is close."""
    close = difflib.get_close_matches(name[:100], list(known), n=1)
    return close[0] if close else None


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint: the nearest known name, or else all of them."""
    names = list(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"known are: {', '.join(names)}"
