"""The dashboard and the alert rules ask only for metrics and labels that exist."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from sluiceway.observe.metric_definitions import DEFINITIONS

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "sluiceway.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
SCRAPE = ROOT / "deploy" / "prometheus" / "prometheus.yml"

# What every process tells, and what Prometheus itself knows of a target.
OTHERS = {
    "process_cpu_seconds_total": {"worker"},
    "process_resident_memory_bytes": {"worker"},
    "process_open_fds": {"worker"},
    "process_max_fds": {"worker"},
    "up": set[str](),
}
FROM_PROMETHEUS = {"job", "instance"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
SERIES: dict[str, set[str]] = OTHERS | {
    definition.name + suffix: {*definition.labels, *(["le"] if suffix == "_bucket" else [])}
    for definition in DEFINITIONS.values()
    for suffix in SUFFIXES[definition.kind]
}

# PromQL: what stands where a metric could, but is none.
WORDS = frozenset({"by", "without", "and", "or", "unless", "on", "ignoring", "offset", "bool"})
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()")


class Query(msgspec.Struct, frozen=True):
    """One expression, and where it stands."""

    where: str
    expr: str

    def __str__(self) -> str:
        return self.where

    @property
    def metrics(self) -> set[str]:
        """The metrics it asks for: all names but functions, keywords and labels."""
        bare = _RANGE.sub("", _STRING.sub('""', self.expr))
        bare = _GROUPING.sub("", re.sub(r"\{[^}]*\}", "", bare))
        return set(_NAME.findall(bare)) - WORDS

    @property
    def grouped_by(self) -> set[str]:
        return {
            label.strip()
            for group in _GROUPING.findall(self.expr)
            for label in group.split(",")
            if label.strip()
        }

    @property
    def selected(self) -> Iterator[tuple[str, set[str]]]:
        """Each metric that is narrowed down, and by which labels."""
        for name, inside in _SELECTOR.findall(_STRING.sub('""', self.expr)):
            yield name, {part.strip() for part in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)}


def load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load(DASHBOARD)["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in load(ALERTS)["groups"] for rule in group["rules"]]


def queries() -> list[Query]:
    shown = [
        Query(f"{one['title']}/{t['refId']}", t["expr"]) for one in panels() for t in one.get("targets", [])
    ]
    return shown + [Query(rule["alert"], rule["expr"]) for rule in rules()]


ALL = pytest.mark.parametrize("query", queries(), ids=str)


@ALL
def test_every_metric_that_is_asked_for_exists(query: Query) -> None:
    assert query.metrics
    assert query.metrics - SERIES.keys() == set()


@ALL
def test_every_label_is_one_of_the_metrics_that_it_narrows_down_or_groups(query: Query) -> None:
    for name, labels in query.selected:
        assert labels - SERIES[name] - FROM_PROMETHEUS == set(), name
    for name in query.metrics:
        assert query.grouped_by - SERIES[name] - FROM_PROMETHEUS == set(), name


@ALL
def test_parentheses_and_brackets_are_closed(query: Query) -> None:
    bare = _STRING.sub("", query.expr)
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing)


@ALL
def test_counters_are_looked_at_by_their_rate_and_gauges_never(query: Query) -> None:
    for name in query.metrics:
        rated = re.search(rf"\b(rate|increase)\({name}\b", query.expr) is not None
        assert rated == name.endswith(("_total", "_bucket")), name


def test_the_check_finds_what_does_not_exist() -> None:
    bad = Query("bad", 'sum by (nobody) (rate(sluiceway_nothing_total{outcome="ok"}[5m])) > 0 and up')
    assert bad.metrics == {"sluiceway_nothing_total", "up"}
    assert bad.grouped_by == {"nobody"}
    assert list(bad.selected) == [("sluiceway_nothing_total", {"outcome"})]


# ── the dashboard ───────────────────────────────────────────────────────────────────────────────────


def test_the_dashboard_has_its_rows_in_order() -> None:
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert rows == ["Overview", "Streams", "Upstreams", "Tokens and cost", "Gateway health"]


def test_panels_do_not_overlap_and_fit_the_width() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        columns = range(place["x"], place["x"] + place["w"])
        cells = set(itertools.product(columns, range(place["y"], place["y"] + place["h"])))
        assert not cells & taken, panel["title"]
        taken |= cells


def test_panels_have_names_units_and_numbers_of_their_own() -> None:
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)
    for panel in panels():
        assert panel["title"]
        if panel["type"] in ("timeseries", "stat"):
            assert panel["fieldConfig"]["defaults"]["unit"]


def test_the_data_source_and_all_variables_are_chosen_in_the_dashboard() -> None:
    dashboard = load(DASHBOARD)
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text(encoding="utf-8")))
    assert used - variables <= {"__rate_interval", "__all"}
    for panel in panels():
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_variables_list_values_of_labels_that_exist() -> None:
    for variable in load(DASHBOARD)["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
            assert asked is not None
            assert asked[2] in SERIES[asked[1]] | FROM_PROMETHEUS


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for query in queries() for name in query.metrics}
    missing = [
        definition.name
        for definition in DEFINITIONS.values()
        if not shown & {definition.name + suffix for suffix in SUFFIXES[definition.kind]}
    ]
    assert missing == []


# ── the rules ───────────────────────────────────────────────────────────────────────────────────────


def test_alerts_have_names_of_their_own_a_severity_and_a_summary() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["alert"].startswith("Sluiceway")
        assert rule["labels"]["severity"] in ("page", "warn")
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+m", rule.get("for", "1m"))


def test_summaries_name_only_labels_that_the_alert_still_has() -> None:
    for rule in rules():
        query = Query(rule["alert"], rule["expr"])
        named = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        if query.grouped_by:
            assert named <= query.grouped_by, rule["alert"]
        elif "sum(" in rule["expr"]:
            assert not named, rule["alert"]


def test_every_alert_that_the_documentation_names_exists() -> None:
    page = (ROOT / "docs" / "how-to" / "metrics.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(Sluiceway\w+)`", page))
    assert named
    assert named <= {rule["alert"] for rule in rules()}


def test_the_example_of_a_scrape_reads_the_rules_and_is_called_as_they_expect() -> None:
    scrape = load(SCRAPE)
    assert scrape["rule_files"] == [ALERTS.name]
    (job,) = scrape["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    jobs = set(re.findall(r'job="(\w+)"', " ".join(rule["expr"] for rule in rules())))
    assert jobs == {job["job_name"]}
