"""Names and buckets obey Prometheus' conventions (prometheus.io/docs/practices/naming)."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from sluiceway.observe.metric_definitions import DEFINITIONS, GROUPS, Definition
from sluiceway.observe.metric_series import Flow, Row

ALL = pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=list(DEFINITIONS))

# Units that are not base units, and words for them.
NOT_BASE_UNITS = re.compile(r"_(ms|millis\w*|micros\w*|minutes|hours|kb|mb|kilobytes|percent)(_|$)")


@ALL
def test_names_are_lower_case_words_with_the_prefix(definition: Definition) -> None:
    assert re.fullmatch(r"sluiceway(_[a-z]+)+", definition.name)
    assert not NOT_BASE_UNITS.search(definition.name)


@ALL
def test_counters_and_nothing_else_end_in_total(definition: Definition) -> None:
    assert definition.name.endswith("_total") == (definition.kind == "counter")
    assert not re.search(r"_(bucket|count|sum|created)$", definition.name)


@ALL
def test_histograms_and_nothing_else_have_buckets_in_order_and_name_their_unit(
    definition: Definition,
) -> None:
    assert bool(definition.buckets) == (definition.kind == "histogram")
    assert list(definition.buckets) == sorted(set(definition.buckets))
    if definition.kind == "histogram":
        assert definition.name.endswith("_seconds")
        assert all(bound > 0 for bound in definition.buckets)


@ALL
def test_labels_are_words_that_the_name_does_not_repeat(definition: Definition) -> None:
    for label in definition.labels:
        assert re.fullmatch(r"[a-z]+", label)
        assert label not in ("le", "quantile", "job", "instance", "worker")
    assert len(set(definition.labels)) == len(definition.labels)


@ALL
def test_each_says_in_a_sentence_what_it_is(definition: Definition) -> None:
    assert re.fullmatch(r"[^\n]+[.]", definition.help)


@ALL
def test_histograms_have_few_labels_since_each_set_of_them_is_many_series(definition: Definition) -> None:
    if definition.kind == "histogram":
        assert set(definition.labels) <= {"dialect", "upstream", "stream"}


@ALL
def test_figures_and_labels_exist_where_they_are_counted(definition: Definition) -> None:
    tables: dict[str, type[Row | Flow]] = {"requests": Row, "flows": Flow}
    if definition.table in tables:
        columns = {column.name for column in fields(tables[definition.table])}
        figures = [figure for _, figure in definition.per_kind] or [definition.figure]
        assert columns >= {*figures, *definition.labels} - {"kind"}


@ALL
def test_what_is_asked_for_has_one_label_at_most(definition: Definition) -> None:
    if definition.table == "readings":
        assert len(definition.labels) <= 1


def test_no_name_is_defined_twice() -> None:
    assert len(DEFINITIONS) == sum(map(len, GROUPS.values()))
