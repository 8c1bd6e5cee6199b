"""The doctor at a gateway's own door, and at the doors of faulty providers: no proxy between."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from harness import RunningGateway, gateway_and_mock, key_table, running_gateway

from sluiceway.doctor.asking import target_of
from sluiceway.doctor.examine import Examination
from sluiceway.doctor.finding import Finding, Report
from sluiceway.mock.settings import MockSettings
from sluiceway.mock.testing import running_mock

LIVELY = {"heartbeat_s": 0.5, "commit_after_s": 0.5, "json_heartbeat_s": 0.5}


def examined(url: str, **options: Any) -> Report:
    return asyncio.run(Examination(target_of(url), **options).run())


def finding(report: Report, code: str) -> Finding:
    (found,) = (found for found in report.findings if found.code == code)
    return found


def asking_for_change(report: Report) -> list[str]:
    return [found.code for found in report.findings if found.severity in ("warning", "error")]


def examined_in_peace(url: str, **options: Any) -> Report:
    """Again if there were clumps of events, which a busy machine makes too; who collects them does so each time."""
    for _ in range(2):
        report = examined(url, **options)
        if "buffering" not in asking_for_change(report):
            return report
    return examined(url, **options)


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with gateway_and_mock(stream=LIVELY) as (running, _):
        yield running


def test_a_gateway_without_a_proxy_is_fine_in_every_respect(gateway: RunningGateway) -> None:
    report = examined_in_peace(gateway.url, silence_s=3.0)
    assert asking_for_change(report) == []
    assert report.exit_code == 0
    codes = {found.code for found in report.findings}
    assert codes == {
        "reach",
        "keep-alive",
        "compression",
        "headers",
        "whole",
        "buffering",
        "latency",
        "body-size",
        "silence",
        "json-silence",
    }
    silence = finding(report, "silence").figures
    assert silence["first_byte_s"] < 3.0
    assert silence["heartbeats"] >= 3
    assert silence["longest_silence_s"] < 3.0
    assert finding(report, "json-silence").figures["spaces"] >= 3
    assert finding(report, "buffering").figures["events"] == 26


def test_a_gateway_that_is_elsewhere_is_found_and_its_path_told(gateway: RunningGateway) -> None:
    report = examined_in_peace(f"{gateway.url}/ai", silence_s=0)
    assert asking_for_change(report) == ["reach"]
    assert report.url == gateway.base_url


def test_a_key_is_asked_for_and_a_rule_may_lead_to_the_simulated_provider() -> None:
    with running_mock() as mock:
        real = {"name": "real", "base_url": "http://127.0.0.1:1/v1"}
        simulated = {"name": "simulated", "base_url": mock.base_url}
        models = [{"name": "mock-*", "upstreams": ["simulated"]}, {"name": "*", "upstreams": ["real"]}]
        config = {"upstreams": [real, simulated], "models": models, "keys": [key_table("alice")]}
        with running_gateway(config) as gateway:
            refused = examined(gateway.url)
            assert (refused.exit_code, finding(refused, "reach").title) == (2, "the key is not accepted")
            report = examined_in_peace(gateway.url, key="sk-alice", silence_s=0)
            assert asking_for_change(report) == []


def test_a_model_that_nobody_serves_could_not_be_checked() -> None:
    upstream = {"name": "away", "base_url": "http://127.0.0.1:1/v1"}
    with running_gateway({"upstreams": [upstream], "failover": {"max_attempts": 1}}) as gateway:
        report = examined(gateway.url)
    assert report.exit_code == 2
    assert "upstream_unreachable" in finding(report, "model").seen


def test_a_real_model_is_asked_once_and_what_can_not_be_told_is_said(gateway: RunningGateway) -> None:
    report = examined(gateway.url, model="some-model")
    assert report.exit_code == 0
    assert finding(report, "silence").severity == "note"
    assert gateway.record_of("some-model").stream


def test_a_way_that_breaks_the_stream_is_told() -> None:
    """Straight at a faulty provider, which stands for anything on the way that breaks what it passes on."""
    with running_mock(MockSettings(fault="eof")) as mock:
        report = examined(mock.base_url, model="some-model")
    whole = finding(report, "whole")
    assert (whole.severity, report.exit_code) == ("error", 1)
    assert "without its end marker" in whole.seen


def test_the_gateways_own_clock_is_not_taken_for_a_proxys() -> None:
    with gateway_and_mock(stream={**LIVELY, "first_event_s": 1.0}) as (gateway, _):
        report = examined(gateway.url, silence_s=4.0)
    silence = finding(report, "silence")
    assert silence.severity == "warning"
    assert "upstream_timeout_first_event" in silence.seen


def test_the_command_prints_json_and_exits_by_what_it_found(gateway: RunningGateway) -> None:
    script = "import typer; from sluiceway.cli_doctor import add_doctor; app = typer.Typer(); add_doctor(app); app()"
    done = subprocess.run(
        [sys.executable, "-c", script, gateway.url, "--silence", "3", "--json"],
        capture_output=True,
        text=True,
        timeout=50,
        env={name: value for name, value in os.environ.items() if name != "SLUICEWAY_KEY"},
        check=False,
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["model"]) == (report["exit_code"], "mock-gpt")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", report["url"])
    findings = msgspec.convert(report["findings"], list[Finding])
    # On a busy machine events come in clumps, for which it can do nothing.
    assert {found.severity for found in findings if found.code != "buffering"} <= {"ok", "note"}
