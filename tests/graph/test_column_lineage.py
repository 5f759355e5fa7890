"""Which columns each output column of a query comes from."""

import pytest

from sqlflow_dagster.graph.column_lineage import query_lineage
from sqlflow_dagster.graph.objects import Names

NAMES = Names(dialect="duckdb")
SCHEMA = {
    NAMES.table(("shop", "orders")): ["id", "customer", "price", "amount"],
    NAMES.table(("customers",)): ["id", "name"],
    NAMES.table(("odd table",)): ["x y"],
}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param(
            "SELECT * FROM customers",
            {"id": ["customers.id"], "name": ["customers.name"]},
            id="star",
        ),
        pytest.param(
            "SELECT o.price * o.amount AS total, c.name FROM shop.orders AS o "
            "JOIN customers AS c ON o.customer = c.id WHERE o.id > 3",
            {"total": ["shop.orders.amount", "shop.orders.price"], "name": ["customers.name"]},
            id="expression over a join; filters do not count",
        ),
        pytest.param(
            "WITH customers AS (SELECT id AS key FROM shop.orders) SELECT key FROM customers",
            {"key": ["shop.orders.id"]},
            id="a common table expression hides a table",
        ),
        pytest.param(
            "SELECT id FROM customers UNION ALL SELECT customer FROM shop.orders",
            {"id": ["customers.id", "shop.orders.customer"]},
            id="union by position",
        ),
        pytest.param(
            "SELECT name, (SELECT max(price) FROM shop.orders) AS top FROM customers",
            {"name": ["customers.name"], "top": ["shop.orders.price"]},
            id="scalar subquery",
        ),
        pytest.param(
            "SELECT count(*) AS n, 1 AS one FROM customers", {"n": [], "one": []}, id="no column"
        ),
        pytest.param(
            'SELECT "x y" AS z FROM "odd table"', {"z": ["odd table.x y"]}, id="quoted names"
        ),
        pytest.param(
            "CREATE TABLE t AS SELECT name FROM customers",
            {"name": ["customers.name"]},
            id="create table as",
        ),
        pytest.param(
            "INSERT INTO t SELECT id FROM customers", {"id": ["customers.id"]}, id="insert"
        ),
        pytest.param(
            "SELECT shop.orders.id FROM shop.orders",
            {"id": ["shop.orders.id"]},
            id="column qualified by schema",
        ),
        pytest.param("SELECT a FROM elsewhere", {"a": ["elsewhere.a"]}, id="unknown table"),
        pytest.param("DROP TABLE customers", {}, id="no query"),
        pytest.param("SELECT FROM WHERE", {}, id="not parsed"),
    ],
)
def test_lineage(sql: str, expected: dict[str, list[str]]) -> None:
    lineage = query_lineage(sql, NAMES, SCHEMA)
    assert {
        column: [f"{source.table.name}.{source.column}" for source in sources]
        for column, sources in lineage.items()
    } == expected
