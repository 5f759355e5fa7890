"""The examples of docs/language.md in other dialects than DuckDB's."""

import re
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import split_sql_statements
from sqlflow_dagster.lang.dialects import LEXIS

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```sql (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    ("dialect", "starts"),
    [
        ("mysql", ["CREATE PROCEDURE clean", "CREATE PROCEDURE fill", "SELECT * FROM t"]),
        ("oracle", ["BEGIN", "SELECT q'[it's]'"]),
    ],
)
def test_an_example_splits_as_the_page_says(dialect: str, starts: list[str]) -> None:
    found = split_sql_statements(EXAMPLES[dialect], dialect)
    assert len(found) == len(starts)
    for statement, start in zip(found, starts, strict=True):
        assert statement.startswith(start)


def test_the_page_names_every_dialect() -> None:
    table = PAGE.partition("## Where a statement ends")[2].partition("sqlglot, which")[0]
    assert {name for name in LEXIS if f"`{name}`" in table} == set(LEXIS)
