"""Which columns each output column of a query comes from."""

import pytest

from sqlflow_dagster.graph.column_lineage import query_lineage
from sqlflow_dagster.graph.objects import Names

NAMES = Names(dialect="duckdb")
SCHEMA = {
    NAMES.table(("shop", "orders")): ["id", "customer", "price", "amount"],
    NAMES.table(("customers",)): ["id", "name"],
    NAMES.table(("odd table",)): ["x y"],
    NAMES.table(("cells",)): ["key", "month", "sales", "tags", "point"],
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
            "SELECT o.price, c.name FROM ((shop.orders AS o JOIN customers AS c ON o.customer = c.id))",
            {"price": ["shop.orders.price"], "name": ["customers.name"]},
            id="a join in several parentheses",
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
            "SELECT shop.orders.id FROM shop.orders",
            {"id": ["shop.orders.id"]},
            id="column qualified by schema",
        ),
        pytest.param(
            "SELECT * EXCLUDE (id) REPLACE (upper(name) || id AS name) FROM customers",
            {"name": ["customers.id", "customers.name"]},
            id="star with parts left out and replaced",
        ),
        pytest.param(
            "SELECT c.*, o.price FROM customers AS c JOIN shop.orders AS o ON o.customer = c.id",
            {
                "id": ["customers.id"],
                "name": ["customers.name"],
                "price": ["shop.orders.price"],
            },
            id="star of one of two tables",
        ),
        pytest.param(
            "SELECT * FROM customers LEFT JOIN shop.orders USING (id)",
            {
                "id": ["customers.id", "shop.orders.id"],
                "name": ["customers.name"],
                "customer": ["shop.orders.customer"],
                "price": ["shop.orders.price"],
                "amount": ["shop.orders.amount"],
            },
            id="a column of USING is that of both sides, once",
        ),
        pytest.param(
            "SELECT name FROM customers SEMI JOIN shop.orders USING (id)",
            {"name": ["customers.name"]},
            id="a semi join only filters",
        ),
        pytest.param(
            "SELECT * FROM customers NATURAL JOIN (SELECT id, price FROM shop.orders) AS o",
            {
                "id": ["customers.id", "shop.orders.id"],
                "name": ["customers.name"],
                "price": ["shop.orders.price"],
            },
            id="natural join",
        ),
        pytest.param(
            "SELECT d.b FROM (SELECT id, name FROM customers) AS d (a, b)",
            {"b": ["customers.name"]},
            id="derived table with names of its own",
        ),
        pytest.param(
            "SELECT price AS a, a + amount AS b FROM shop.orders",
            {
                "a": ["shop.orders.price"],
                "b": ["shop.orders.amount", "shop.orders.price"],
            },
            id="an output column that another one uses",
        ),
        pytest.param(
            "SELECT price + 1 AS price, price * 2 AS twice FROM elsewhere",
            {"price": ["elsewhere.price"], "twice": ["elsewhere.price"]},
            id="an output column called like the column it comes from",
        ),
        pytest.param(
            "SELECT name, (SELECT max(price) FROM shop.orders WHERE customer = c.id) AS top "
            "FROM customers AS c",
            {"name": ["customers.name"], "top": ["shop.orders.price"]},
            id="correlated subquery",
        ),
        pytest.param(
            "SELECT (SELECT n FROM (SELECT max(y) AS n FROM inside)) AS a, x FROM outside",
            {"a": ["inside.y"], "x": ["outside.x"]},
            id="subqueries of tables that nobody knows",
        ),
        pytest.param(
            "SELECT EXISTS (SELECT 1 FROM shop.orders) AS any_order, "
            "id IN (SELECT customer FROM shop.orders) AS buys FROM customers",
            {"any_order": [], "buys": ["customers.id", "shop.orders.customer"]},
            id="EXISTS asks for rows, IN for values",
        ),
        pytest.param(
            "SELECT sum(price) OVER (PARTITION BY customer ORDER BY id) AS running FROM shop.orders",
            {"running": ["shop.orders.customer", "shop.orders.id", "shop.orders.price"]},
            id="window",
        ),
        pytest.param(
            "SELECT CASE WHEN amount > 3 THEN price END AS p FROM shop.orders",
            {"p": ["shop.orders.amount", "shop.orders.price"]},
            id="a condition in an expression counts",
        ),
        pytest.param(
            "WITH RECURSIVE r(a, b) AS (SELECT id, name FROM customers "
            "UNION ALL SELECT a + 1, r.b || o.customer FROM r JOIN shop.orders AS o ON o.id = r.a) "
            "SELECT b FROM r",
            {"b": ["customers.name", "shop.orders.customer"]},
            id="recursive",
        ),
        pytest.param(
            "SELECT id FROM customers EXCEPT SELECT customer FROM shop.orders",
            {"id": ["customers.id"]},
            id="what EXCEPT takes away only filters",
        ),
        pytest.param(
            "SELECT id, name FROM customers UNION ALL BY NAME SELECT price, id FROM shop.orders",
            {
                "id": ["customers.id", "shop.orders.id"],
                "name": ["customers.name"],
                "price": ["shop.orders.price"],
            },
            id="union by name",
        ),
        pytest.param(
            "SELECT key, tag FROM cells, UNNEST(tags) AS u (tag)",
            {"key": ["cells.key"], "tag": ["cells.tags"]},
            id="unnest",
        ),
        pytest.param(
            "SELECT c.point.x, list_transform(tags, t -> t || key) AS named FROM cells AS c",
            {"x": ["cells.point"], "named": ["cells.key", "cells.tags"]},
            id="a field of a column, and a lambda",
        ),
        pytest.param(
            "SELECT name, top FROM customers AS c, "
            "LATERAL (SELECT max(price) + c.id AS top FROM shop.orders) AS l",
            {"name": ["customers.name"], "top": ["customers.id", "shop.orders.price"]},
            id="lateral subquery",
        ),
        pytest.param(
            "SELECT * FROM cells PIVOT (sum(sales) FOR month IN ('jan', 'feb'))",
            {
                "key": ["cells.key"],
                "tags": ["cells.tags"],
                "point": ["cells.point"],
                "jan": ["cells.sales"],
                "feb": ["cells.sales"],
            },
            id="pivot",
        ),
        pytest.param(
            "PIVOT cells ON month USING sum(sales) GROUP BY key",
            {"key": ["cells.key"], "*": ["cells.sales"]},
            id="pivot whose columns the data decides",
        ),
        pytest.param(
            "SELECT * FROM shop.orders UNPIVOT (value FOR kind IN (price, amount))",
            {
                "id": ["shop.orders.id"],
                "customer": ["shop.orders.customer"],
                "kind": [],
                "value": ["shop.orders.amount", "shop.orders.price"],
            },
            id="unpivot",
        ),
        pytest.param("VALUES (1, 2)", {"col0": [], "col1": []}, id="values"),
        pytest.param(
            "SELECT * FROM (customers JOIN shop.orders ON customer = name) JOIN cells ON key = name",
            {
                "id": ["shop.orders.id"],
                "name": ["customers.name"],
                "customer": ["shop.orders.customer"],
                "price": ["shop.orders.price"],
                "amount": ["shop.orders.amount"],
                "key": ["cells.key"],
                "month": ["cells.month"],
                "sales": ["cells.sales"],
                "tags": ["cells.tags"],
                "point": ["cells.point"],
            },
            id="joins in parentheses",
        ),
        pytest.param(
            "FROM customers", {"id": ["customers.id"], "name": ["customers.name"]}, id="FROM first"
        ),
        pytest.param(
            "SELECT customers FROM customers",
            {"customers": ["customers.id", "customers.name"]},
            id="a whole row",
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


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        pytest.param(
            "hive",
            "SELECT count(1), k, w FROM t LATERAL VIEW explode(items) e AS k, w",
            {"_c0": [], "k": ["t.items"], "w": ["t.items"]},
            id="lateral view",
        ),
        pytest.param(
            "postgres",
            "SELECT a::int, lower(b), 1 FROM t",
            {"a": ["t.a"], "lower": ["t.b"], "?column?": []},
            id="names that PostgreSQL gives",
        ),
        pytest.param(
            "bigquery",
            "SELECT x.name, i.a, place FROM d.t, t.others AS i, UNNEST(t.items) AS x WITH OFFSET AS place",
            {"name": ["d.t.items"], "a": ["d.t.others"], "place": []},
            id="an array of a table before",
        ),
        pytest.param(
            "postgres",
            "WITH gone AS (DELETE FROM t RETURNING id, a AS b) SELECT b FROM gone",
            {"b": ["t.a"]},
            id="rows that a statement gives back",
        ),
        pytest.param(
            "snowflake",
            "SELECT f.value AS v FROM t, LATERAL FLATTEN(input => t.items) AS f",
            {"v": ["T.items"]},
            id="flatten",
        ),
    ],
)
def test_lineage_in_other_dialects(dialect: str, sql: str, expected: dict[str, list[str]]) -> None:
    lineage = query_lineage(sql, Names(dialect=dialect), {})
    assert {
        column: [f"{source.table.name}.{source.column}" for source in sources]
        for column, sources in lineage.items()
    } == expected
