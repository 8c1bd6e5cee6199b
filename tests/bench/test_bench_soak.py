"""The soak itself, for seconds instead of minutes, and what it draws and decides."""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bench.soak import run as soak
from bench.soak.config import MOCKS, config, toml
from bench.soak.gauge import Ready, Sample, late, slope_bytes_per_min
from bench.soak.load import FAULTS, draw, request
from bench.soak.page import render
from bench.soak.verdict import passed, verdicts
from sluiceway.config.load import settings_from
from sluiceway.mock.faults import find_fault

MIB = 2**20


def sample(at_s: float = 0.0, rss_mib: float = 60.0, **changes: int) -> Sample:
    ready = Ready(changes.pop("in_flight", 0), 0, {"first": 0}, changes.pop("tasks", 9))
    values = {"files": 20, "clients": 0, "upstreams": 3} | changes
    return Sample(at_s=at_s, rss_bytes=int(rss_mib * MIB), ready=ready, **values)


def result(quiet: Sample | None = None, after: Sample | None = None, growth_mib: float = 0.0) -> soak.Result:
    return soak.Result(
        date="2026-01-02T03:04:05+00:00",
        command="python -m bench soak",
        options=soak.Options(10.0, 1, 60, Path("soak")),
        machine={"CPU": "a fast one"},
        outcomes=Counter(
            {("chat stream", "", "complete"): 7, ("chat", "rst", "refused 502 upstream_truncated"): 1}
        ),
        wrongs=[],
        samples=[sample(10.0 * n, 60 + growth_mib * n / 6) for n in range(60)],
        before=sample(),
        quiet=quiet or sample(),
        after=after or sample(),
        reloads=1,
        kills=1,
        exit_code=0,
        complaints=[],
    )


def bad(measured: soak.Result) -> list[str]:
    return [verdict.what for verdict in verdicts(measured) if verdict.good is False]


@pytest.mark.timeout(120)
def test_a_short_soak_finds_an_honest_gateway_that_holds_on_to_nothing(tmp_path: Path) -> None:
    measured = soak.run(soak.Options(1 / 6, seed=3, clients=16, home=tmp_path, settle=False))
    assert measured.wrongs == []
    assert bad(measured) == []
    assert measured.reloads >= 1
    assert measured.kills >= 1
    outcomes = Counter[str]()
    for (_, _, outcome), count in measured.outcomes.items():
        outcomes[outcome.partition(" ")[0]] += count
    assert outcomes.keys() >= {"complete", "error", "refused", "left"}
    assert "| no task is left |" in render(measured)


def test_a_process_that_holds_nothing_passes() -> None:
    assert passed(result())


def test_each_thing_that_is_left_fails_the_soak() -> None:
    assert bad(result(quiet=sample(in_flight=1))) == ["no place is left taken"]
    assert bad(result(quiet=sample(tasks=10))) == ["no task is left"]
    assert bad(result(quiet=sample(clients=1))) == ["no client's connection is left"]
    assert bad(result(after=sample(files=40))) == ["no open file is left"]
    assert len(bad(result(after=sample(upstreams=4)))) == 1
    assert any("grows" in what for what in bad(result(growth_mib=3.0)))
    dishonest = result()
    dishonest.wrongs.append("two ends")
    assert bad(dishonest) == ["every answer was honest"]


def test_memory_is_not_judged_in_a_run_that_is_too_short() -> None:
    short = result(growth_mib=3.0)
    short.options = msgspec.structs.replace(short.options, minutes=1.0)
    assert passed(short)


def test_the_page_tells_what_was_told_and_how_often() -> None:
    page = render(result())
    assert "| refused 502 upstream_truncated | 1 |" in page
    assert "| chat stream | 7 | 7 |" in page


def test_growth_is_the_slope_of_the_last_part() -> None:
    samples = [sample(10.0 * n, 100 - n if n < 4 else 50 + n / 6) for n in range(10)]
    assert len(late(samples)) == 6
    assert slope_bytes_per_min(late(samples)) == pytest.approx(MIB, rel=1e-6)


def test_the_same_seed_draws_the_same_requests() -> None:
    first, second = ([request(draw(random.Random(f"1/{n}"), "t"), 80) for n in range(300)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 200


def test_every_fault_is_known_to_the_simulated_provider() -> None:
    for fault in FAULTS[1:]:
        find_fault(fault.text.partition("&")[0])


@pytest.mark.parametrize("changed", [False, True])
def test_the_configuration_is_a_valid_one_and_comes_back_from_its_file(changed: bool) -> None:
    tables = config(8080, dict.fromkeys(MOCKS, 8081), changed=changed)
    assert tomllib.loads(toml(tables).decode()) == tables
    assert settings_from(tables, {}).server.port == 8080
