"""When each event of an answer comes. Pure: says how long to wait, never waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from sluiceway.mock.words import seeded


class Pace(msgspec.Struct, frozen=True):
    """The knobs `ttft` (s), `tps` (1/s, 0 for no gaps) and `jitter` (0..1), and the answer's seed."""

    ttft: float
    tps: float
    jitter: float
    seed: int

    def waits(self, tokens: Iterable[bool]) -> Iterator[float]:
        """Seconds to wait before each event, given whether it carries a token.

        `ttft` before the first event, a gap before each token but the first, nothing before the rest
        (role, finish, usage, end), which providers send along with a token.
        """
        rng = seeded(self.seed, "pace")
        gap_s = 1 / self.tps if self.tps else 0.0
        had_token = False
        for position, is_token in enumerate(tokens):
            if position == 0:
                yield self.ttft
            elif is_token and had_token and gap_s:
                yield gap_s * (1 + self.jitter * rng.uniform(-1, 1))
            else:
                yield 0.0
            had_token = had_token or is_token


class DrawingPace(Pace, frozen=True):
    """The pace of an answer with a picture in it, which takes as long as a text of so many `tokens`.

    `strokes`: the places of the events that show the picture; they share its time evenly.
    """

    tokens: int
    strokes: frozenset[int]

    def waits(self, tokens: Iterable[bool]) -> Iterator[float]:
        """As for a text, but for the strokes."""
        drawing_s = self.tokens / self.tps if self.tps else 0.0
        for position, wait_s in enumerate(super().waits(tokens)):
            yield drawing_s / len(self.strokes) if position in self.strokes else wait_s
