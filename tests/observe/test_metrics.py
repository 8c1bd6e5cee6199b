"""The metrics as a whole: an observer, a page, and workers that share."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from metric_records import JSON_ANSWER, OPENMETRICS, REFUSED, WHOLE, families, like, summed, value

from sluiceway import __version__
from sluiceway.config.observe_settings import MetricsSettings
from sluiceway.config.upstream_settings import ModelRule
from sluiceway.observe.metric_sharing import Sharing
from sluiceway.observe.metric_sources import Figures
from sluiceway.observe.metrics import Metrics, exact_names

WRITTEN = "sluiceway_store_written_records_total"


def alone(use: Callable[[Metrics], Awaitable[None]]) -> None:
    """A process without others, from its start to its end."""

    async def live() -> None:
        metrics = Metrics(MetricsSettings())
        await metrics.start()
        try:
            await use(metrics)
        finally:
            await metrics.close()

    asyncio.run(live())


async def worker(folder: Path, number: int) -> Metrics:
    metrics = Metrics(MetricsSettings(), sharing=Sharing(folder, number))
    await metrics.start()
    return metrics


async def requests(metrics: Metrics) -> float:
    return summed((await metrics.page(b""))[1], "sluiceway_requests_total")


# ── one process ─────────────────────────────────────────────────────────────────────────────────────


def test_what_was_observed_is_on_the_page_in_either_format() -> None:
    async def use(metrics: Metrics) -> None:
        for record in (WHOLE, JSON_ANSWER, REFUSED):
            metrics(record)
        for accept in (b"", OPENMETRICS):
            content_type, body = await metrics.page(accept)
            assert content_type.startswith(accept.partition(b";")[0] or b"text/plain")
            read = families(body, accept)["sluiceway_requests"]
            assert sum(sample.value for sample in read.samples) == 3

    alone(use)


def test_the_page_names_the_version_and_one_worker() -> None:
    async def use(metrics: Metrics) -> None:
        _, body = await metrics.page(b"")
        assert value(body, "sluiceway_build_info", version=__version__) == 1
        assert value(body, "sluiceway_workers") == 1
        assert value(body, "sluiceway_loop_lag_max_seconds") is not None

    alone(use)


def test_sources_are_asked_each_time_and_blocking_ones_in_a_thread() -> None:
    async def use(metrics: Metrics) -> None:
        depths: Iterator[int] = iter(range(1, 100))

        def blocking() -> Figures:
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            return {"sluiceway_store_waiting_records": 7}

        metrics.read(lambda: {"sluiceway_queue_depth": next(depths)})
        metrics.read(blocking, blocking=True)
        for depth in (1, 2):
            _, body = await metrics.page(b"")
            assert value(body, "sluiceway_queue_depth") == depth
            assert value(body, "sluiceway_store_waiting_records") == 7

    alone(use)


@pytest.mark.parametrize("blocking", [False, True])
def test_a_source_that_fails_is_logged_and_its_counters_stay_where_they_were(
    blocking: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(metrics: Metrics) -> None:
        answers: Iterator[Figures | None] = iter([{WRITTEN: 5, "sluiceway_queue_depth": 3}, None])

        def source() -> Figures:
            answer = next(answers)
            if answer is None:
                raise OSError("the disk is gone")
            return answer

        metrics.read(source, blocking=blocking)
        metrics(WHOLE)
        _, body = await metrics.page(b"")
        assert value(body, WRITTEN) == 5
        _, body = await metrics.page(b"")
        assert value(body, WRITTEN) == 5
        assert value(body, "sluiceway_queue_depth") is None
        assert summed(body, "sluiceway_requests_total") == 1

    alone(use)
    assert "the disk is gone" in caplog.text


def test_a_source_of_a_metric_that_does_not_exist_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def use(metrics: Metrics) -> None:
        metrics.read(lambda: {"sluiceway_made_up": 1})
        _, body = await metrics.page(b"")
        assert b"made_up" not in body

    alone(use)
    assert "sluiceway_made_up" in caplog.text


def test_pages_may_be_asked_for_at_the_same_time_while_requests_end() -> None:
    async def use(metrics: Metrics) -> None:
        async def observe() -> None:
            for i in range(300):
                metrics(like(WHOLE, model=f"m{i}"))
                await asyncio.sleep(0)

        pages = [metrics.page(b"") for _ in range(5)]
        *answers, _ = await asyncio.gather(*pages, observe())
        for answer in answers:
            assert answer is not None
            families(answer[1])
        assert await requests(metrics) == 300

    alone(use)


def test_another_bound_for_names_holds_from_then_on() -> None:
    async def use(metrics: Metrics) -> None:
        metrics.reconfigure(MetricsSettings(max_models=0))
        metrics(WHOLE)
        _, body = await metrics.page(b"")
        assert summed(body, "sluiceway_requests_total", model="other", key="other") == 1

    alone(use)


def test_models_that_the_configuration_names_are_those_without_a_pattern() -> None:
    rules = [ModelRule(name=name, upstreams=()) for name in ("gpt-4o", "claude-*", "o?", "[ab]", "llama")]
    assert exact_names(rules) == ["gpt-4o", "llama"]


def test_closing_what_never_started_is_no_error() -> None:
    asyncio.run(Metrics(MetricsSettings()).close())


# ── several workers ─────────────────────────────────────────────────────────────────────────────────


def test_whoever_is_asked_tells_the_figures_of_all_workers(tmp_path: Path) -> None:
    async def run() -> None:
        workers = [await worker(tmp_path, number) for number in range(3)]
        for number, metrics in enumerate(workers):
            metrics.read(lambda: {"sluiceway_queue_depth": 2, WRITTEN: 10})
            for _ in range(number + 1):
                metrics(WHOLE)
        for metrics in workers:
            await metrics.page(b"")  # leaves its figures for the others
        for metrics in workers:
            _, body = await metrics.page(b"")
            assert summed(body, "sluiceway_requests_total") == 6
            assert value(body, "sluiceway_queue_depth") == 6
            assert value(body, WRITTEN) == 30
            assert value(body, "sluiceway_workers") == 3
            assert value(body, "process_resident_memory_bytes", worker="2")
        for metrics in workers:
            await metrics.close()

    asyncio.run(run())


def test_what_was_shown_is_never_less_later_whoever_shows_it(tmp_path: Path) -> None:
    async def run() -> None:
        first, second = await worker(tmp_path, 0), await worker(tmp_path, 1)
        shown = 0.0
        for turn in range(20):
            first(WHOLE)
            second(WHOLE)
            now = await requests((first, second)[turn % 2])
            assert now > shown
            shown = now
        await first.close()
        await second.close()

    asyncio.run(run())


def test_a_worker_that_takes_the_place_of_a_dead_one_goes_on_counting(tmp_path: Path) -> None:
    async def run() -> None:
        first, dies = await worker(tmp_path, 0), await worker(tmp_path, 1)
        dies.read(lambda: {WRITTEN: 3})
        dies(WHOLE)
        dies(WHOLE)
        assert await requests(dies) == 2
        await dies.close()
        assert await requests(first) == 2
        successor = await worker(tmp_path, 1)
        successor.read(lambda: {WRITTEN: 4})
        successor(WHOLE)
        _, body = await successor.page(b"")
        assert summed(body, "sluiceway_requests_total") == 3
        assert value(body, WRITTEN) == 7
        assert await requests(first) == 3
        await first.close()
        await successor.close()

    asyncio.run(run())


KILLED = """
import asyncio, os, signal, sys
from sluiceway.config.observe_settings import MetricsSettings
from sluiceway.observe.metric_sharing import Sharing
from sluiceway.observe.metrics import Metrics
from sluiceway.observe.record import Record

async def live():
    metrics = Metrics(MetricsSettings(), sharing=Sharing(sys.argv[1], 1))
    await metrics.start()
    metrics.read(lambda: {"sluiceway_queue_depth": 5})
    metrics(Record(request_id="r", started=0.0, method="POST", path="/v1/x", outcome="ok"))
    await metrics.page(b"")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(live())
"""


def test_what_a_killed_worker_had_shown_still_counts_but_not_what_it_had_to_do(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert ended.returncode == -signal.SIGKILL

    async def run() -> None:
        survivor = await worker(tmp_path, 0)
        _, body = await survivor.page(b"")
        assert summed(body, "sluiceway_requests_total") == 1
        assert value(body, "sluiceway_workers") == 1
        assert value(body, "sluiceway_queue_depth") is None
        await survivor.close()

    asyncio.run(run())


def test_figures_are_shared_about_once_a_second_and_at_the_end_without_being_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluiceway.observe.metrics.SAVE_S", 0.01)

    async def run() -> None:
        first, second = await worker(tmp_path, 0), await worker(tmp_path, 1)
        second(WHOLE)
        for _ in range(500):
            if await requests(first) == 1:
                break
            await asyncio.sleep(0.01)
        assert await requests(first) == 1
        second(WHOLE)
        await second.close()
        assert await requests(first) == 2
        await first.close()

    asyncio.run(run())


def test_a_failure_to_share_is_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sluiceway.observe.metrics.SAVE_S", 0.01)

    class Failing(Sharing):
        failures = 0

        def save(self, number: int, snapshot: bytes) -> None:
            self.failures += 1
            if self.failures < 3:
                raise RuntimeError("no thread for this")
            super().save(number, snapshot)

    async def run() -> None:
        sharing = Failing(tmp_path, 0)
        metrics = Metrics(MetricsSettings(), sharing=sharing)
        await metrics.start()
        for _ in range(500):
            if sharing.failures >= 3:
                break
            await asyncio.sleep(0.01)
        await metrics.close()
        assert Sharing(tmp_path, 1).others()

    asyncio.run(run())
    assert "no thread for this" in caplog.text
