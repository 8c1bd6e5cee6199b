"""The examination: asks what there is to ask, in order, and collects what the findings are made from."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Final

from sluiceway.doctor import answers, heads, pace, reach, silence
from sluiceway.doctor.asking import (
    MOCK_MODEL,
    PACE_EVENTS,
    PACE_PER_S,
    Ask,
    Target,
    at_once,
    is_simulated,
    large,
    nothing,
    other_bases,
    paced,
    silent,
)
from sluiceway.doctor.client import Line
from sluiceway.doctor.events import read_stream
from sluiceway.doctor.finding import Finding, Report
from sluiceway.doctor.hops import hops_of
from sluiceway.doctor.seen import Link, Seen, Unreachable

PATIENCE_S: Final = 60.0
"""For an answer that should come at once, or within the seconds that a real model takes."""

_UPLOAD_PATIENCE_S: Final = 120.0


class Examination:
    """One run. `told`: called with what is being done, in words."""

    def __init__(
        self,
        target: Target,
        *,
        key: str = "",
        model: str = MOCK_MODEL,
        silence_s: float = 75.0,
        trust: ssl.SSLContext | None = None,
        told: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._asked = self._target = target
        self._key = key
        self._model = model
        self._silence_s = silence_s
        self._trust = trust or ssl.create_default_context()
        self._told = told
        self._seen: list[Seen] = []
        self._findings: list[Finding] = []

    async def run(self) -> Report:
        """Ask everything; what can't be reached ends it early, and is a finding itself."""
        try:
            await self._examine()
        except Unreachable as error:
            self._findings.append(reach.unreachable(error))
        return Report(
            url=self._target.url,
            model=self._model,
            hops=hops_of(self._seen),
            findings=tuple(self._findings),
        )

    async def _examine(self) -> None:
        self._told("connecting")
        link, refused, again = await self._reach()
        if self._stopped:
            return
        self._findings.append(heads.keep_alive(refused, again, hops_of(self._seen)))
        self._told(f"asking {self._model}")
        simulated = is_simulated(self._model)
        as_json = await self._ask(at_once(self._model)) if simulated else None
        if as_json is not None and (finding := answers.model_answers(as_json, self._model)):
            self._findings.append(finding)
            return
        self._told(
            f"reading a stream of {PACE_EVENTS / PACE_PER_S:.1f} s" if simulated else "reading a stream"
        )
        streamed = await self._ask(paced(self._model))
        if finding := answers.model_answers(streamed, self._model):
            self._findings.append(finding)
            return
        stream = read_stream(streamed)
        measured = pace.measure(stream)
        hops = hops_of(self._seen)
        held = pace.buffering(stream, measured, hops)
        self._findings += [
            *heads.headers(streamed, hops),
            answers.whole(streamed, stream, as_json),
            held,
            pace.lateness(link, again or refused, stream),
        ]
        self._told("sending a large request")
        large_seen = await self._ask(large(), _UPLOAD_PATIENCE_S)
        self._findings.append(answers.large_body(large_seen, hops_of(self._seen)))
        if not simulated:
            self._findings.append(silence.not_simulated())
        elif self._silence_s:
            await self._be_silent(buffered=held.severity == "error")

    async def _reach(self) -> tuple[Link, Seen, Seen | None]:
        """Find the gateway, there or near by; ask twice on one connection."""
        link, first, again = await self._twice(self._asked)
        expires = reach.certificate(link, time.time())
        self._findings += [expires] if expires is not None else []
        if not reach.is_found(first):
            for other in other_bases(self._asked):
                elsewhere = await self._twice(other)
                if reach.is_found(elsewhere[1]):
                    self._target = other
                    link, first, again = elsewhere
                    break
        self._findings.append(reach.answered(first, self._target, self._asked))
        return link, first, again

    async def _twice(self, target: Target) -> tuple[Link, Seen, Seen | None]:
        line = await Line.open(target, self._key, self._trust)
        first = await self._keep(line, nothing())
        again = await self._keep(line, nothing()) if first.keeps else None
        await line.close()
        return line.link, first, again

    async def _be_silent(self, *, buffered: bool) -> None:
        """A stream and a JSON answer at the same time: together they take as long as one."""
        seconds = self._silence_s
        self._told(f"listening to {seconds:g} s of silence")
        streamed, as_json = await asyncio.gather(
            self._ask(silent(self._model, seconds, stream=True), seconds + PATIENCE_S / 2),
            self._ask(silent(self._model, seconds, stream=False), seconds + PATIENCE_S / 2),
        )
        hops = hops_of(self._seen)
        self._findings += [
            silence.stream_silence(streamed, read_stream(streamed), seconds, hops, buffered=buffered),
            silence.json_silence(as_json, seconds, hops),
        ]

    @property
    def _stopped(self) -> bool:
        return any(finding.stops for finding in self._findings)

    async def _ask(self, ask: Ask, patience_s: float = PATIENCE_S) -> Seen:
        """On a connection of its own."""
        line = await Line.open(self._target, self._key, self._trust)
        try:
            return await self._keep(line, ask, patience_s)
        finally:
            await line.close()

    async def _keep(self, line: Line, ask: Ask, patience_s: float = PATIENCE_S) -> Seen:
        seen = await line.ask(ask, patience_s)
        self._seen.append(seen)
        return seen
