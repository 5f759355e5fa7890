"""Compile the queries of TPC-H and TPC-DS in every dialect and compare their tables with DuckDB's plans.

The queries come with DuckDB's extensions tpch and tpcds, and so do the tables. What a query reads is what the
plan scans that DuckDB makes of it without optimizing: that is all that the comparison knows. ``make tpc``
records the result in RESULTS.md; give the files of the extensions where they cannot be downloaded.
"""

import datetime
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from results_page import record

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.lang.dialects import LEXIS

BENCHMARKS = {"TPC-H": ("tpch", "dbgen"), "TPC-DS": ("tpcds", "dsdgen")}
# Where sqlglot has no dialect of that name, the queries are written in that of a near relative.
WRITTEN_AS = {"calcite": "postgres", "flink": "spark", "maxcompute": "hive"}


def connect(name: str, generate: str, files: list[str]) -> duckdb.DuckDBPyConnection:
    """A database with the empty tables of a benchmark, and its queries."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    given = [path for path in files if Path(path).name.startswith(f"{name}.")]
    if not given:
        connection.install_extension(name)
    connection.load_extension(given[0] if given else name)
    connection.execute(f"CALL {generate}(sf = 0)")
    connection.execute("PRAGMA disable_optimizer")
    return connection


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that a plan scans."""
    table = plan.get("extra_info", {}).get("Table")
    if table:
        yield table.rpartition(".")[2]
    for child in plan.get("children", ()):
        yield from scanned(child)


def tables_of(query: str, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables that DuckDB reads for a query."""
    row = connection.execute(f"EXPLAIN (FORMAT json) {query}").fetchone()
    assert row is not None
    return {table for plan in json.loads(row[1]) for table in scanned(plan)}


def is_exact(query: str, dialect: str, wanted: set[str]) -> bool:
    """Whether a query is parsed, in the words of a dialect, and said to read these tables."""
    text = query
    if dialect != "duckdb":
        written = WRITTEN_AS.get(dialect, dialect)
        text = sqlglot.transpile(query, read="duckdb", write=written, unsupported_level=None)[0]
    program = compile_program(
        f"CREATE TABLE result AS {text}", dialect=dialect, temp_tables="never"
    )
    (step,) = program.steps
    if program.diagnostics or step.effects.loose or step.effects.barrier:
        return False
    reads = {ref.name.lower() for ref in step.reads}
    return reads == wanted and {ref.name.lower() for ref in step.writes} == {"result"}


def main() -> int:
    """Compare, record, and fail where a query is not exact."""
    rows, missed = [], []
    for title, (name, generate) in BENCHMARKS.items():
        connection = connect(name, generate, sys.argv[1:])
        queries = connection.execute(f"SELECT query_nr, query FROM {name}_queries()").fetchall()
        exact = dict.fromkeys(sorted(LEXIS), 0)
        for number, query in queries:
            wanted = tables_of(query, connection)
            for dialect in exact:
                if is_exact(query, dialect, wanted):
                    exact[dialect] += 1
                else:
                    missed.append(f"{title} {number} in {dialect}")
        found = ", ".join(f"{dialect} {count}" for dialect, count in exact.items())
        rows.append(f"| {title} | {len(queries)} | {found} |")
    day = datetime.datetime.now(datetime.UTC).date()
    table = "\n".join(
        ["| benchmark | queries | parsed and exact |", "|---|---|---|", *rows, *missed]
    )
    record(
        "Tables of TPC-H and TPC-DS",
        f"`make tpc`, {day}, sqlglot {sqlglot.__version__}, against the plans of DuckDB "
        f"{duckdb.__version__}.\n\n{table}",
    )
    print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
