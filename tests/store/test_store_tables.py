"""The tables as people read of them: every column is on the page, and the SQL that is shown there works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Table
from store_samples import record

from sluiceway.store.inserting import Inserter
from sluiceway.store.opening import Store
from sluiceway.store.tables import captures, records, usage_daily

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "records.md").read_text(encoding="utf-8")
STATEMENTS = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("table", [records, usage_daily, captures], ids=str)
def test_every_column_is_on_the_page_and_no_other(table: Table) -> None:
    part = PAGE.split(f"<!-- columns of {table.name} -->\n")[1].split("<!-- end of")[0]
    cells = [line.split(" | ")[0] for line in part.splitlines()[2:]]
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(column.name for column in table.c)


@pytest.mark.parametrize("statement", STATEMENTS, ids=range(len(STATEMENTS)))
def test_sql_that_is_shown_answers_something(store: Store, statement: str) -> None:
    kind = "SQLite" if store.is_sqlite else "PostgreSQL"
    (only,) = re.findall(r"^-- (\w+)", statement) or [kind]
    failed = [{"upstream": "a", "error_code": "upstream_timeout"}]
    Inserter(store).write([record(first_content_ms=1.0)])
    with store.writing() as connection:
        connection.exec_driver_sql(f"UPDATE records SET attempts = '{str(failed).replace(chr(39), chr(34))}'")
    if only == kind:
        with store.reading() as connection:
            assert connection.exec_driver_sql(statement).all()
