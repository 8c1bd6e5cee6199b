"""Two weeks that the gateway of the pictures has behind it: sums per day want more than the minute that it runs."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

from sluiceway.config.kinds import Secret
from sluiceway.config.observe_settings import StoreSettings
from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record
from sluiceway.store.opening import Store
from sluiceway.store.writer import Writer

_DAY_S = 86_400
_DAYS = 13
_REQUESTS = 110  # of a working day, more or less
_WRITTEN_S = 60.0

# As `[[prices]]` of the stage has them, for a token.
_INPUT_COST, _OUTPUT_COST = 2e-6, 8e-6


def write_past(database: Path, models: Sequence[tuple[str, str]], keys: Sequence[str]) -> None:
    """Records of the days before today. `models`: with the upstream of each."""
    settings = StoreSettings(url=Secret(f"sqlite:///{database}"), spill_bytes=0)
    store = Store(settings.url)
    writer = Writer(store, settings)
    try:
        for record in _records(models, keys):
            writer(record)
    finally:
        written = writer.close(_WRITTEN_S)
        store.close()
    assert written, "the past could not be written"


def _records(models: Sequence[tuple[str, str]], keys: Sequence[str]) -> list[Record]:
    rng = random.Random(7)  # the same past with each run
    midnight = time.time() // _DAY_S * _DAY_S
    return [
        _record(
            rng, f"{day:04x}{number:020x}", midnight - day * _DAY_S + rng.uniform(0, _DAY_S), models, keys
        )
        for day in range(_DAYS, 0, -1)
        for number in range(round(_REQUESTS * rng.uniform(0.4, 1.3)))
    ]


def _record(
    rng: random.Random, name: str, started: float, models: Sequence[tuple[str, str]], keys: Sequence[str]
) -> Record:
    model, upstream = rng.choice(models)
    read, said = rng.randint(20, 900), rng.randint(60, 700)
    broken = rng.random() < 0.03
    first_ms = rng.uniform(150, 2600)
    return Record(
        request_id=f"req_{name}",
        started=started,
        method="POST",
        path="/v1/chat/completions",
        outcome="truncated" if broken else "ok",
        client="127.0.0.1",
        key=rng.choice(keys),
        dialect="chat",
        model=model,
        upstream=upstream,
        upstream_model=model,
        stream=True,
        status=200,
        upstream_status=200,
        committed_by="event",
        error_code="upstream_truncated" if broken else None,
        finish_reason=None if broken else "stop",
        first_event_ms=first_ms,
        first_content_ms=first_ms,
        duration_ms=first_ms + said * 18,
        events=said,
        usage=Usage(input_tokens=read, output_tokens=said),
        cost=read * _INPUT_COST + said * _OUTPUT_COST,
    )
