"""The report: what its findings make of the exit code."""

from __future__ import annotations

import pytest

from sluiceway.doctor.finding import Finding, Report, Severity


def report(*severities: Severity, stops: bool = False) -> Report:
    findings = [Finding(code="x", severity=severity, title="so it is") for severity in severities]
    if stops:
        findings.append(Finding(code="reach", severity="error", title="no way", stops=True))
    return Report(url="http://x/v1", model="m", hops=(), findings=tuple(findings))


@pytest.mark.parametrize(
    ("severities", "code"), [((), 0), (("ok", "note"), 0), (("ok", "warning"), 1), (("error", "note"), 1)]
)
def test_what_asks_for_a_change_is_one(severities: tuple[Severity, ...], code: int) -> None:
    assert report(*severities).exit_code == code


def test_what_could_not_be_looked_at_is_two_whatever_else_was_found() -> None:
    assert report("ok", "warning", stops=True).exit_code == 2
