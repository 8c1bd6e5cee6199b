"""Renders results as Markdown, and puts them into the reference page between two markers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.results import Results
from bench.scenarios import SCENARIOS, Column, Scenario
from bench.targets import OURS, verdicts

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"
YARDSTICK = "nginx"
TEAM = "sluiceway-team"
TEAM_IS = (
    f"`{TEAM}` is Sluiceway as a team would configure it: three keys with priorities, rates of requests and "
    "tokens and limits on requests in flight, such limits on the gateway and on two upstreams, of which the less "
    "busy one is asked, and prices. No limit is reached."
)
NONE = "–"


def render(results: Results) -> str:
    """The generated part of the page, without its markers."""
    parts = [_provenance(results), "## Targets", _targets(results), *_team(results)]
    for scenario in SCENARIOS:
        if results.peers(scenario.name):
            parts += [f"## {scenario.title}", scenario.what, _table(results, scenario)]
            parts += _failures(results, scenario)
    return "\n\n".join(parts) + "\n"


def insert(page: str, generated: str, begin_mark: str = BEGIN, end_mark: str = END) -> str:
    """`page` with what stands between the markers replaced. Raises `ValueError` if they are not there."""
    before, begin, rest = page.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise ValueError(f"the page has no {begin_mark} … {end_mark}")
    return f"{before}{begin}\n\n{generated}\n{end}{after}"


def write(results: Results, page: Path) -> None:
    """Put the results into the page."""
    page.write_text(insert(page.read_text(), render(results)))


def _provenance(results: Results) -> str:
    quick = "A quick run with smaller loads than the text says, to show that all works; not figures to quote"
    kind = quick if results.quick else "Measured"
    lines = [f"{kind}: {results.date}, `{results.command}`, {results.rounds} rounds.", ""]
    lines += [f"- {name}: {text}" for name, text in results.machine.items()]
    lines += [f"- versions: {', '.join(f'{name} {text}' for name, text in results.versions.items())}"]
    lines += [f"- {name} skipped: {_safe(reason)}" for name, reason in results.skipped.items()]
    return "\n".join(lines)


def _targets(results: Results) -> str:
    return _markdown(["target", "measured", ""], verdicts(results))


def _team(results: Results) -> list[str]:
    """What limits cost: the same loads with and without them, in the same alternating rounds."""
    rows = []
    for scenario in SCENARIOS:
        cost, *_ = scenario.columns
        ours, team, yardstick = (
            results.median(scenario.name, peer, cost.metric) for peer in (OURS, TEAM, YARDSTICK)
        )
        if cost.metric == "cpu_us" and ours and team:
            ratio = NONE if not yardstick else f"{team / yardstick:.2f}"
            load = f"{scenario.title}: {cost.heading}"
            rows.append([load, _number(ours, cost), _number(team, cost), f"{team / ours:.2f}", ratio])
    if not rows:
        return []
    headings = ["load", OURS, TEAM, f"× {OURS}", f"× {YARDSTICK}"]
    return ["## What keys, limits and two upstreams cost", TEAM_IS, _markdown(headings, rows)]


def _table(results: Results, scenario: Scenario) -> str:
    first, *others = scenario.columns
    headings = ["gateway", first.heading, "min–max", f"× {YARDSTICK}", *(c.heading for c in others), "runs"]
    rows = [_row(results, scenario, peer) for peer in results.peers(scenario.name)]
    return _markdown(headings, rows)


def _row(results: Results, scenario: Scenario, peer: str) -> list[str]:
    first, *others = scenario.columns
    values = results.values(scenario.name, peer, first.metric)
    middle = results.median(scenario.name, peer, first.metric)
    yardstick = results.median(scenario.name, YARDSTICK, first.metric)
    good = sum(run.scenario == scenario.name and run.peer == peer and not run.error for run in results.runs)
    return [
        peer,
        _number(middle, first),
        f"{_number(min(values), first)}–{_number(max(values), first)}" if values else NONE,
        f"{middle / yardstick:.2f}" if middle is not None and yardstick else NONE,
        *(_number(results.median(scenario.name, peer, column.metric), column) for column in others),
        str(good),
    ]


def _number(value: float | None, column: Column) -> str:
    return NONE if value is None else f"{value:,.{column.digits}f}"


def _failures(results: Results, scenario: Scenario) -> list[str]:
    lines = [
        f"- {peer}: {len(errors)} failed: {_safe(errors[-1])}"
        for peer in results.peers(scenario.name)
        if (errors := results.errors(scenario.name, peer))
    ]
    return ["\n".join(lines)] if lines else []


def _safe(text: str) -> str:
    """Foreign text on one line, in code quotes: it can't become markup."""
    return "`" + " ".join(text.replace("`", "'").split())[:200] + "`"


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [headings, rule, *rows])
