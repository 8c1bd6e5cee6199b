"""`/metrics` of real processes: what happened is counted, by all workers together, and nothing goes backwards."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from harness import RawClient, chat, gateway_and_mock
from metric_readings import OPENMETRICS, Readings, readings
from processes import Process, write_config
from served import ask, completion, eventually, serving, under_load

from sluiceway.mock.testing import RunningMock, running_mock

ADMIN_KEY = "an-administrator-of-this-gateway"
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
ADMINS = f'[admin]\nkeys = ["sha256:{hashlib.sha256(ADMIN_KEY.encode()).hexdigest()}"]\n'

ELSEWHERE = {"host": "gateway.example.com"}
"""As a request from somewhere else has it: loopback is no name for this one's machine."""

# The first upstream refuses connections; what goes there fails over.
SEVERAL_UPSTREAMS = """
[[upstreams]]
name = "gone"
base_url = "http://127.0.0.1:9/v1"
[[models]]
name = "over-*"
upstreams = ["gone", "mock"]
rewrite_to = "mock-gpt"
[[models]]
name = "*"
upstreams = ["mock"]
[stream]
heartbeat_s = 0.1
commit_after_s = 0.1
[[prices]]
model = "mock-gpt"
input = 1000000.0
output = 2000000.0
"""

# A worker leaves its figures for the others about once a second.
SHARED_S = 1.0


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(mock: RunningMock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One process, whose keys count apart what each test has asked for."""
    folder = tmp_path_factory.mktemp("gateway")
    keys = "".join(
        f'[[keys]]\nname = "{name}"\nsha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\n'
        for name in ("happened", "running", "inventive")
    )
    more = f"{SEVERAL_UPSTREAMS}{keys}{ADMINS}[metrics]\nmax_models = 4\n"
    write_config(folder, mock.base_url, more=more)
    with serving(folder) as process:
        yield process


def workers_of(process: Process) -> list[int]:
    return [child.pid for child in psutil.Process(process.process.pid).children()]


def settled(process: Process, requests: int, **labels: str) -> Readings:
    """The page once so many requests are on it: a client has its answer before it is counted."""
    pages: list[Readings] = []

    def is_there() -> bool:
        pages.append(readings(process.port))
        return pages[-1].total("sluiceway_requests_total", **labels) >= requests

    eventually(is_there)
    return pages[-1]


# ── what is counted ─────────────────────────────────────────────────────────────────────────────────


def test_what_happened_is_what_is_counted(gateway: Process, mock: RunningMock) -> None:
    port, before = gateway.port, readings(gateway.port)
    as_key = {"authorization": "Bearer happened"}
    whole = [completion(port, headers=as_key).json["usage"] for _ in range(3)]
    streams = [completion(port, headers=as_key, stream=True) for _ in range(2)]
    over = completion(port, "over-there", as_key)
    waited = completion(port, "mock-gpt?ttft=0.8", as_key, stream=True)
    broken = completion(port, "fault-eof:3", as_key, stream=True)
    failed = completion(port, "fault-http-400", as_key)
    refused = ask(port, "POST", "/v1/chat/completions", b"{", as_key)
    with RawClient(port) as client:
        client.post(chat("mock-gpt?tokens=100&tps=20"), headers=as_key)
        for _event in range(3):
            client.read_until(b"\n\n")
    after = settled(gateway, 11, key="happened")
    assert (over.status, failed.status, refused.status) == (200, 400, 400)

    def grew(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    assert after.by("sluiceway_requests_total", "outcome", key="happened") == {
        "ok": 7,
        "truncated": 1,
        "upstream_error": 1,
        "refused": 1,
        "client_gone": 1,
    }
    # Streams count like JSON answers, since the mock says the same to the same question.
    of_each = whole[0]
    assert whole == [of_each] * 3
    counted = {"key": "happened", "model": "mock-gpt"}
    for kind, field in (("input", "prompt_tokens"), ("output", "completion_tokens")):
        assert after.total("sluiceway_tokens_total", kind=kind, **counted) == 5 * of_each[field]
    price = of_each["prompt_tokens"] + 2 * of_each["completion_tokens"]
    assert after.total("sluiceway_cost_total", **counted) == 5 * price
    beats = sum(stream.body.count(b": heartbeat") for stream in (*streams, waited, broken))
    assert beats >= 2
    assert grew("sluiceway_heartbeats_total") == beats
    assert grew("sluiceway_failovers_total", upstream="mock") == 1
    assert grew("sluiceway_attempts_total", upstream="gone", result="upstream_unreachable") == 1
    assert grew("sluiceway_attempts_total", upstream="gone") == 1
    assert grew("sluiceway_attempts_total", upstream="mock") == 10
    assert grew("sluiceway_truncations_total", upstream="mock") == 1
    assert grew("sluiceway_client_aborts_total") == 1
    assert grew("sluiceway_errors_total", code="upstream_truncated") == 1
    assert grew("sluiceway_errors_total", code="upstream_400") == 1
    assert grew("sluiceway_errors_total", code="invalid_request") == 1
    assert grew("sluiceway_first_event_seconds_count", dialect="chat") == 5
    assert grew("sluiceway_first_content_seconds_count", dialect="chat") == 5
    assert grew("sluiceway_request_duration_seconds_count") == 11
    assert grew("sluiceway_first_event_seconds_bucket", le="+Inf") == 5
    assert grew("sluiceway_first_event_seconds_bucket", le="0.5") < 5, "one was made to wait"
    sent = sum(stream.body.count(b"\n\n") for stream in (*streams, waited, broken)) - beats
    assert grew("sluiceway_events_total") >= sent
    assert after.total("sluiceway_store_written_records_total") <= after.total("sluiceway_requests_total")


def test_what_runs_is_in_flight_until_it_is_over(gateway: Process) -> None:
    flying = ("sluiceway_requests_in_flight", "sluiceway_upstream_in_flight")

    def in_flight() -> list[float]:
        page = readings(gateway.port)
        return [page.total(name) for name in flying] + [
            page.total("sluiceway_pool_connections", state="busy")
        ]

    eventually(lambda: in_flight() == [0, 0, 0])
    with RawClient(gateway.port) as first, RawClient(gateway.port) as second:
        for client in (first, second):
            client.post(chat("mock-gpt?tokens=100&tps=20"), headers={"authorization": "Bearer running"})
            client.read_until(b"\n\n")
        assert in_flight() == [2, 2, 2]
    eventually(lambda: in_flight() == [0, 0, 0])
    page = settled(gateway, 2, key="running")
    assert page.by("sluiceway_requests_total", "outcome", key="running") == {"client_gone": 2}


@pytest.mark.parametrize("accept", ["*/*", OPENMETRICS])
def test_the_page_is_as_the_formats_want_it_and_holds_no_secret(gateway: Process, accept: str) -> None:
    completion(gateway.port, headers={"authorization": "Bearer happened"})
    page = readings(gateway.port, {"accept": accept})
    page.check()
    assert page.text.endswith("# EOF\n") == (accept == OPENMETRICS)
    assert page.total("sluiceway_build_info") == 1
    assert page.total("sluiceway_workers") == 1
    assert page.total("process_resident_memory_bytes") > 0
    assert ADMIN_KEY not in page.text
    assert hashlib.sha256(b"happened").hexdigest() not in page.text


def test_how_late_the_loop_is_is_measured_all_the_time(gateway: Process) -> None:
    def samples() -> float:
        return readings(gateway.port).total("sluiceway_loop_lag_seconds_count")

    before = samples()
    eventually(lambda: samples() >= before + 2)
    assert readings(gateway.port).total("sluiceway_loop_lag_max_seconds") >= 0


def test_names_that_clients_make_up_are_no_labels(gateway: Process) -> None:
    """Neither those that an upstream refuses, nor more than there is room for."""
    as_key = {"authorization": "Bearer inventive"}
    for number in range(12):
        assert completion(gateway.port, f"fault-http-400?seed={number}", as_key).status == 400
    for number in range(12):
        assert completion(gateway.port, f"mock-made-up-{number}", as_key).status == 200
    ask(gateway.port, "POST", "/v1/chat/completions", {"model": "x" * 10_000}, as_key)
    page = settled(gateway, 25, key="inventive")
    assert page.by("sluiceway_requests_total", "model", key="inventive", outcome="upstream_error") == {
        "other": 13
    }
    by_model = page.by("sluiceway_requests_total", "model", key="inventive", outcome="ok")
    assert sum(by_model.values()) == 12
    models = {dict(labels).get("model", "none") for _, labels in page.samples}
    assert len(models - {"none", "other"}) <= 4
    assert "x" * 300 not in page.text
    page.check()


# ── who may read it ─────────────────────────────────────────────────────────────────────────────────


def test_only_the_machine_itself_and_administrators_may_read_it(gateway: Process) -> None:
    def status(headers: dict[str, str]) -> int:
        return ask(gateway.port, "GET", "/metrics", None, headers).status

    assert status({}) == 200
    assert status(ADMIN) == 200
    assert status({**ADMIN, **ELSEWHERE}) == 200
    refused = ask(gateway.port, "GET", "/metrics", None, ELSEWHERE)
    assert (refused.status, refused.code) == (401, "invalid_api_key")
    assert b"sluiceway_" not in refused.body
    assert status({"x-forwarded-for": "192.0.2.7"}) == 401
    assert status({"authorization": "Bearer happened"}) == 401, "keys of clients are none for administrators"
    assert ask(gateway.port, "POST", "/metrics", b"").status == 405


def test_it_may_be_open_to_everybody_and_closed_again(mock: RunningMock, tmp_path: Path) -> None:
    strangers: tuple[dict[str, str], ...] = (
        {},
        ELSEWHERE,
        {"via": "1.1 proxy"},
        {"authorization": "Bearer wrong"},
    )

    def statuses() -> list[int]:
        return [ask(process.port, "GET", "/metrics", None, headers).status for headers in strangers]

    file = write_config(tmp_path, mock.base_url, "", f'[metrics]\npublic = true\n[store]\nurl = ""\n{ADMINS}')
    with serving(tmp_path) as process:
        assert statuses() == [200] * 4
        assert ask(process.port, "GET", "/api/overview", None, ELSEWHERE).status == 401, "the console is not"
        file.write_text(file.read_text().replace("public = true", "public = false"))
        assert ask(process.port, "POST", "/api/config/reload", {}, ADMIN).json["ok"] is True
        assert statuses() == [200, 401, 401, 401]
        assert process.stop()[0] == 0


def test_it_need_not_be_there_at_all() -> None:
    with gateway_and_mock(metrics={"enabled": False}, store={"url": ""}) as (gateway, _mock):
        assert ask(gateway.port, "GET", "/metrics").status == 404
        assert completion(gateway.port).status == 200


# ── several workers ─────────────────────────────────────────────────────────────────────────────────


def test_whichever_worker_is_asked_tells_the_sum_of_all(mock: RunningMock, tmp_path: Path) -> None:
    write_config(tmp_path, mock.base_url, "workers = 2")
    with serving(tmp_path) as process:
        with under_load(process.port, clients=12) as load:
            load.since(100)
        answered = float(len(load.answered))
        eventually(lambda: answering(process, answered), 30 * SHARED_S)
        pages = [readings(process.port) for _ in range(12)]
        assert {page.total("sluiceway_requests_total", outcome="ok") for page in pages} == {answered}
        assert {page.total("sluiceway_workers") for page in pages} == {2.0}
        assert set(pages[0].by("process_resident_memory_bytes", "worker")) == {"0", "1"}
        eventually(lambda: readings(process.port).total("sluiceway_store_written_records_total") == answered)
        for page in pages:
            page.check()
        with RawClient(process.port) as one, RawClient(process.port) as other:
            for client in (one, other):
                client.post(chat("mock-gpt?tokens=200&tps=20"))
                client.read_until(b"\n\n")
            eventually(lambda: readings(process.port).total("sluiceway_requests_in_flight") == 2)
        assert process.stop()[0] == 0


def answering(process: Process, requests: float) -> bool:
    """Whether eight pages in a row, of whomever, say so many."""
    return all(readings(process.port).total("sluiceway_requests_total") == requests for _ in range(8))


def agreed(process: Process) -> float:
    """What all pages say once every worker has told the others: one page alone may be a second behind."""
    told: list[float] = []

    def is_agreed() -> bool:
        time.sleep(2 * SHARED_S)
        told.append(readings(process.port).total("sluiceway_requests_total"))
        return told[-2:-1] == told[-1:] and answering(process, told[-1])

    eventually(is_agreed)
    return told[-1]


def test_no_counter_goes_back_when_a_worker_is_killed_between_requests(
    mock: RunningMock, tmp_path: Path
) -> None:
    write_config(tmp_path, mock.base_url, "workers = 2")
    with serving(tmp_path) as process:
        for _ in range(40):
            completion(process.port)
        known = 40.0
        eventually(lambda: answering(process, known))
        highest: dict[Any, float] = {}
        doomed = workers_of(process)[0]
        at = time.monotonic()
        is_killed = False
        while not is_killed or time.monotonic() < at + SHARED_S:
            completion(process.port)
            now = readings(process.port).counters()
            fell = {
                series: (value, now.get(series))
                for series, value in highest.items()
                if now.get(series, -1) < value
            }
            assert fell == {}
            highest = now
            if not is_killed and time.monotonic() > at + 0.5:
                os.kill(doomed, signal.SIGKILL)
                at, is_killed = time.monotonic(), True
        eventually(lambda: len(workers_of(process)) == 2 and doomed not in workers_of(process))
        eventually(lambda: readings(process.port).total("sluiceway_workers") == 2)
        seen = agreed(process)
        assert seen > known
        for _ in range(20):
            completion(process.port)
        eventually(lambda: answering(process, seen + 20))
        assert process.stop()[0] == 0
