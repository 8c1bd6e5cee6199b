"""What the doctor says: findings, what to change, and the report that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Severity = Literal["ok", "note", "warning", "error"]
"""`ok` and `note` ask for nothing; `warning`: some clients or answers suffer; `error`: streams break, or stand."""

OK: Final = 0
FINDINGS: Final = 1
COULD_NOT_CHECK: Final = 2


class Change(msgspec.Struct, frozen=True):
    """One thing to do. `where`: a file, or a page of somebody's settings. `what`: the line to put there."""

    where: str
    what: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to one question.

    `code`: names the question, for programs. `title`: the answer. `seen`: what it is made from, in words.
    `figures`: the same for programs, in milliseconds (`_ms`), seconds (`_s`) or counts. `stops`: nothing beyond
    this could be looked at.
    """

    code: str
    severity: Severity
    title: str
    seen: str = ""
    figures: Mapping[str, float] = {}
    changes: tuple[Change, ...] = ()
    stops: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All findings about one address, in the order of the questions. `hops`: who was recognised on the way."""

    url: str
    model: str
    hops: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0: nothing to change. 1: something is. 2: it could not be checked to the end."""
        if any(finding.stops for finding in self.findings):
            return COULD_NOT_CHECK
        asks = any(finding.severity in ("warning", "error") for finding in self.findings)
        return FINDINGS if asks else OK
