"""Renders a soak as Markdown, for docs/reference/soak.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from bench.soak.run import Result
from bench.soak.verdict import verdicts

BEGIN = "<!-- soak:begin -->"
END = "<!-- soak:end -->"
MIB = 2**20
_WORDS = {True: "yes", False: "**no**", None: "not judged"}
_COLUMNS = ("complete", "continued", "error", "refused", "left", "other")


def render(result: Result) -> str:
    """The generated part of the page, without its markers."""
    options = result.options
    what = (
        f"{options.minutes:g} minutes, {options.clients} clients, seed {options.seed}: {result.requests:,} requests, "
        f"{result.reloads} reloads, one upstream killed {result.kills} times."
    )
    rows = [[verdict.what, verdict.measured, _WORDS[verdict.good]] for verdict in verdicts(result)]
    parts = [
        f"Measured: {result.date}, `{result.command}`.",
        "\n".join(f"- {name}: {text}" for name, text in result.machine.items()),
        what,
        "## What has to hold",
        _markdown(["what", "measured", "holds"], rows),
        "## What clients got",
        "Left: the client did, as it was told to. Other: connections cut where the gateway does not read the body.",
        _markdown(["request", "sent", *_COLUMNS], _rows(result, lambda kind, _: kind)),
        "## By fault of the upstream, or manner of the client",
        _markdown(
            ["", "sent", *_COLUMNS], _rows(result, lambda kind, why: "" if kind.startswith("bad") else why)
        ),
        "## Errors and refusals",
        _markdown(["what the client was told", "times"], _told(result)),
        "## The process",
        _markdown(
            ["at s", "RSS MiB", "open files", "clients", "upstreams", "in flight", "queued"], _course(result)
        ),
    ]
    if result.wrongs or result.complaints:
        lines = [*result.wrongs[:20], *result.complaints[:20]]
        parts += ["## What was wrong", "\n".join(f"- `{line[:400].replace('`', chr(39))}`" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _rows(result: Result, group: Callable[[str, str], str]) -> list[list[str]]:
    table: dict[str, Counter[str]] = {}
    for (kind, why, outcome), count in result.outcomes.items():
        column = outcome.partition(" ")[0]
        counts = table.setdefault(group(kind, why), Counter())
        counts[column if column in _COLUMNS else "other"] += count
    return [
        [
            name or "(none)",
            f"{counts.total():,}",
            *(f"{counts[column]:,}" if counts[column] else "" for column in _COLUMNS),
        ]
        for name, counts in sorted(table.items())
    ]


def _told(result: Result) -> list[list[str]]:
    counts: Counter[str] = Counter()
    for (_, _, outcome), count in result.outcomes.items():
        if outcome.startswith(("error ", "refused ")):
            counts[outcome.replace("error ", "in-band error ")] += count
    return [[name, f"{count:,}"] for name, count in counts.most_common()]


def _course(result: Result) -> list[list[str]]:
    """Some twenty samples at most."""
    step = -(-len(result.samples) // 20) or 1
    chosen = [result.before, *result.samples[step - 1 :: step], result.quiet]
    chosen += [result.after] if result.after is not None else []
    return [
        [f"{one.at_s:.0f}", f"{one.rss_bytes / MIB:.1f}", *map(str, (one.files, one.clients, one.upstreams))]
        + ([str(one.ready.in_flight), str(one.ready.queued)] if one.ready else ["", ""])
        for one in chosen
    ]


def _markdown(headings: list[str], rows: Iterable[list[str]]) -> str:
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [headings, rule, *rows])
