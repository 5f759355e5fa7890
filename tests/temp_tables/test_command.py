"""``sqlflow temp-tables``: what is there, and what is dropped."""

from datetime import timedelta
from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.runtime.generated_tables import GeneratedTables
from tests.cli.command import Sqlflow

TEMP = "CREATE TEMP TABLE {name} AS SELECT * FROM raw; CREATE TABLE {name}_copy AS SELECT * FROM {name};"


@pytest.fixture
def sqlflow(tmp_path: Path) -> Sqlflow:
    """The command on a DuckDB file where the program ``shop`` has been run, and a table of a user."""
    command = Sqlflow(folder=tmp_path)
    with engine(command).session() as session:
        session.execute("CREATE TABLE raw AS SELECT range AS a FROM range(30)")
        session.execute("CREATE TABLE sqlflow_temporary_mine AS SELECT 1 AS a")
    command.write("shop.sql", TEMP.format(name="orders") + TEMP.format(name="bills"))
    assert command("run", "shop.sql").code == 0
    return command


def engine(command: Sqlflow) -> Engine:
    return open_engine(f"duckdb:///{command.folder / 'data.duckdb'}")


def generated(command: Sqlflow) -> list[str]:
    with engine(command).session() as session:
        return [name for _, name in session.tables() if name.startswith("sqlflow_temporary_")]


def test_list(sqlflow: Sqlflow) -> None:
    lines = [line.split() for line in sqlflow("temp-tables", "list").stdout.splitlines()]
    assert lines[0] == ["table", "program", "rows", "age", "state"]
    assert [(line[0], line[1], line[2], line[-1]) for line in lines[2:]] == [
        ("sqlflow_temporary_shop_bills", "shop", "30", "kept"),
        ("sqlflow_temporary_shop_orders", "shop", "30", "kept"),
    ]


def test_list_where_nothing_was_generated(tmp_path: Path) -> None:
    done = Sqlflow(folder=tmp_path)("temp-tables", "list")
    assert (done.code, done.stdout, done.stderr) == (0, "", "there are no generated tables\n")


def test_a_statement_that_is_gone_leaves_a_leftover(sqlflow: Sqlflow) -> None:
    sqlflow.write("shop.sql", TEMP.format(name="orders"))
    listed = sqlflow("temp-tables", "list", "shop.sql").stdout.splitlines()
    assert [line.split()[-1] for line in listed[2:]] == ["leftover", "kept"]

    tried = sqlflow("temp-tables", "prune", "--dry-run", "shop.sql")
    assert (tried.stdout, tried.stderr) == (
        "sqlflow_temporary_shop_bills\n",
        "1 would be dropped\n",
    )
    young = sqlflow("temp-tables", "prune", "--older-than", "1h", "shop.sql")
    assert (young.stdout, young.stderr) == ("", "0 dropped\n")
    assert len(generated(sqlflow)) == 3

    done = sqlflow("temp-tables", "prune", "shop.sql")
    assert (done.stdout, done.stderr) == ("sqlflow_temporary_shop_bills\n", "1 dropped\n")
    assert generated(sqlflow) == ["sqlflow_temporary_mine", "sqlflow_temporary_shop_orders"]


def test_what_another_program_makes_is_no_leftover(sqlflow: Sqlflow) -> None:
    sqlflow.write("other.sql", "SELECT * FROM raw;")
    assert sqlflow("temp-tables", "prune", "shop.sql", "other.sql").stdout == ""
    assert len(sqlflow("temp-tables", "prune", "other.sql").stdout.splitlines()) == 2


def test_a_table_whose_time_is_over_is_dropped_although_it_has_an_owner(sqlflow: Sqlflow) -> None:
    orders = ObjectRef(ObjectKind.TABLE, "sqlflow_temporary_shop_orders")
    tables = GeneratedTables(engine(sqlflow))
    tables.record(orders, program="shop", time_to_live=timedelta(seconds=0))
    assert "its time is over" in sqlflow("temp-tables", "list", "shop.sql").stdout
    assert sqlflow("temp-tables", "prune", "shop.sql").stdout == f"{orders.name}\n"


def test_nothing_is_dropped_when_a_file_has_an_error(sqlflow: Sqlflow) -> None:
    sqlflow.write("broken.sql", "SELECT 'never closed;")
    done = sqlflow("temp-tables", "prune", "broken.sql")
    assert done.code == 1
    assert "broken.sql:1:8: error" in done.stderr
    assert len(generated(sqlflow)) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("temp-tables", "prune"), id="no file: everything would be a leftover"),
        pytest.param(("temp-tables", "prune", "--older-than", "soon", "shop.sql"), id="no time"),
        pytest.param(("run", "--temp-tables-life", "forever", "shop.sql"), id="no life"),
    ],
)
def test_wrong_usage(sqlflow: Sqlflow, arguments: tuple[str, ...]) -> None:
    assert sqlflow(*arguments).code == 2
    assert len(generated(sqlflow)) == 3
