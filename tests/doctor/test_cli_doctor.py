"""`sluiceway doctor`: what is printed for people and for programs, and how it exits."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner, Result

from sluiceway.cli_doctor import add_doctor
from sluiceway.doctor import examine
from sluiceway.doctor.finding import Change, Finding, Report
from sluiceway.mock.testing import RunningMock, running_mock


def run(*arguments: str, **environment: str) -> Result:
    app = typer.Typer()
    add_doctor(app)
    return CliRunner(env={"SLUICEWAY_KEY": None, "COLUMNS": "120", **environment}).invoke(app, arguments)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    """An API without a gateway: what is checked here is the command."""
    with running_mock() as provider:
        yield provider


def test_an_address_that_is_none_is_refused_in_words() -> None:
    done = run("ai.example.com")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is no address of a gateway" in done.stderr


def test_nobody_there_is_told_and_could_not_be_checked() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = run(f"http://127.0.0.1:{taken.getsockname()[1]}", "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["exit_code"]) == (2, 2)
    assert [finding["code"] for finding in report["findings"]] == ["reach"]


def test_the_key_comes_from_the_environment_and_is_never_printed(mock: RunningMock) -> None:
    done = run(mock.base_url, "--silence", "0", "--model", "real-model", SLUICEWAY_KEY="sk-secret")
    assert ["authorization", "Bearer sk-secret"] in [list(pair) for pair in mock.last.headers]
    assert "sk-secret" not in done.output


def test_people_are_told_what_to_change_where(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding(
        code="buffering",
        severity="error",
        title="events come in clumps",
        seen="26 events in 3 pieces",
        changes=(Change("nginx, the site", "proxy_buffering off;"),),
    )
    report = Report(url="https://x/v1", model="m", hops=("nginx",), findings=(finding,))

    async def examined(self: examine.Examination) -> Report:
        return report

    monkeypatch.setattr(examine.Examination, "run", examined)
    done = run("https://x")
    assert done.exit_code == 1
    assert [line.rstrip() for line in done.stdout.splitlines()] == [
        "https://x/v1",
        "client → nginx → gateway",
        "",
        "✗ events come in clumps",
        "  26 events in 3 pieces",
        "  → nginx, the site: proxy_buffering off;",
        "",
        "1 finding that something should be changed for.",
    ]
    assert json.loads(run("https://x", "--json").stdout)["findings"][0]["changes"] == [
        {"where": "nginx, the site", "what": "proxy_buffering off;"}
    ]
