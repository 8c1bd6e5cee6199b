"""Everyone who looks on at one process, opened and closed with it: who is there, the settings say.

    with watching(settings) as onlooking:       starts threads: the store's, the log's, the exporters'
        server = build_server(settings, …, onlooking=onlooking)

At the end everything that waits is written or sent, within a few seconds in all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sluiceway.config.settings import Settings
from sluiceway.console.stored import Stored
from sluiceway.observe import tracing
from sluiceway.observe.capture import CaptureWorker
from sluiceway.observe.logs import AccessLog, log_failures
from sluiceway.observe.metric_sharing import Sharing
from sluiceway.observe.metric_sources import dropped_source, store_source
from sluiceway.observe.metrics import Metrics, exact_names
from sluiceway.observe.onlookers import Observer, Onlookers, Watcher
from sluiceway.store.opening import Store
from sluiceway.store.writer import Writer

# How long a start waits for the database, which may be away. What comes meanwhile would not be lost.
STORE_START_S = 3.0

# What each of them may take at the end: a service manager waits some seconds longer than drain_s.
CAPTURES_S = 2.0
STORE_S = 5.0
TRACES_S = 2.0


def demand_packages(settings: Settings) -> None:
    """Raise what `watching` would where packages are missing, for whoever starts workers that will call it: once,
    in words. Starts nothing, connects nowhere."""
    if settings.store.url:
        Store(str(settings.store.url)).close()
    tracing.demand_packages(settings.tracing)


class Watching:
    """`queries`: None where nothing is kept. `metrics`: None where there are none."""

    __slots__ = ("metrics", "onlookers", "queries")

    def __init__(
        self, onlookers: Onlookers, metrics: Metrics | None = None, queries: Stored | None = None
    ) -> None:
        self.onlookers = onlookers
        self.metrics = metrics
        self.queries = queries


@contextlib.contextmanager
def watching(
    settings: Settings,
    observers: Sequence[Observer] = (),
    *,
    watchers: Sequence[Watcher] = (),
    worker: int = 0,
    shared: Path | None = None,
) -> Iterator[Watching]:
    """See the module. `observers`, `watchers`: others who are given each record, or see every event.

    `shared`: a folder that all workers of this gateway can write to, where there are several; `worker`: which one
    this is. Raises `ConfigError` where the settings ask for packages that are not installed.
    """
    with contextlib.ExitStack() as stack:
        told: list[Observer] = [log_failures]
        dropped: dict[str, Callable[[], int]] = {}
        if settings.server.access_log:
            access_log = AccessLog()
            stack.callback(access_log.close)
            told.append(access_log)
            dropped["access_log"] = lambda: access_log.dropped
        metrics: Metrics | None = None
        if settings.metrics.enabled:
            sharing = Sharing(shared, worker) if shared is not None else None
            metrics = Metrics(settings.metrics, models=exact_names(settings.models), sharing=sharing)
            told.append(metrics)
        queries: Stored | None = None
        captures: CaptureWorker | None = None
        if settings.store.url:
            store = Store(str(settings.store.url))
            stack.callback(store.close)
            writer = Writer(store, settings.store, settings.capture)
            # Until the tables are there: making them would disturb the first requests.
            writer.flush(STORE_START_S)
            stack.callback(writer.close, STORE_S)
            captures = CaptureWorker(writer.capture)
            dropped["captures"] = lambda: captures.feed.dropped + captures.feed.failed
            dropped["captured_bodies"] = lambda: captures.short
            stack.callback(captures.close, CAPTURES_S)
            told.append(writer)
            queries = Stored(store)
            if metrics is not None:
                metrics.read(store_source(writer), blocking=True)
        tracer = tracing.tracer_of(settings.tracing, settings.upstreams)
        if tracer is not None:
            stack.callback(tracer.close, TRACES_S)
            told.append(tracer)
            dropped["traces"] = lambda: tracer.dropped
        onlookers = Onlookers(
            settings, [*told, *observers], watchers=watchers, tracer=tracer, captures=captures
        )
        inspector = onlookers.inspector
        dropped["marks"] = lambda: inspector.dropped_marks
        dropped["timelines"] = lambda: inspector.dropped_timelines
        if metrics is not None:
            metrics.read(dropped_source(**dropped))
        yield Watching(onlookers, metrics, queries)
