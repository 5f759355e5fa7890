"""Names that look like the words of a clause, and clauses that look like names."""

import pytest

from sqlflow_dagster.graph.analysis import analyze
from sqlflow_dagster.graph.objects import Names
from sqlflow_dagster.lang.scanner import scan
from sqlflow_dagster.lang.statements import QueryStatement
from sqlflow_dagster.source import Source


def found(sql: str, dialect: str) -> list[str]:
    """Of each statement its kind, and the SELECT of a machine-learning one."""
    source = Source(text=sql)
    pieces, problems = scan(source, dialect)
    statements, more = analyze(source, pieces, Names(dialect=dialect))
    assert [item.message for item in (*problems, *more)] == []
    return [
        f"{type(item.statement).__name__.removesuffix('Statement')}: {item.statement.query.sql}"
        if isinstance(item.statement, QueryStatement)
        else type(item.statement).__name__.removesuffix("Statement")
        for item in statements
    ]


PLAIN = [
    "SELECT * FROM train",
    "SELECT * FROM train AS predict",
    "SELECT * FROM t train",
    "SELECT * FROM t predict WHERE predict.x > 1",
    "SELECT train, predict, label FROM t",
    "SELECT train AS explain, run AS evaluate FROM t",
    "SELECT a label, b into_, c using_ FROM t",
    "SELECT * FROM train JOIN predict USING (id)",
    "SELECT * FROM train predict JOIN evaluate explain USING (id)",
    "SELECT t.run, t.maximize FROM minimize AS t",
    "SELECT maximize(x) FROM t",
    "SELECT 'TO TRAIN x INTO m' AS train",
    "SELECT 1 -- TO TRAIN x INTO m\nFROM t",
    "SELECT 1 /* TRAIN x INTO m */ FROM t",
    'SELECT "to", "train" FROM "to" AS "train"',
    "SELECT * FROM (SELECT 1 AS train) AS predict",
    "WITH train AS (SELECT 1), predict AS (SELECT 2) SELECT * FROM train, predict",
    "SELECT INTERVAL '1' YEAR AS train",
    "ALTER TABLE t RENAME TO train",
    "CREATE TABLE train AS SELECT 1 AS predict",
    "INSERT INTO predict SELECT * FROM train",
    "DELETE FROM label",
    "UPDATE train SET label = predict",
    "EXPLAIN SELECT * FROM train",
    "SELECT * FROM train ORDER BY predict, label LIMIT 5",
    "SELECT count(*) AS run FROM train GROUP BY explain HAVING count(*) > 1",
    "COPY (SELECT * FROM train) TO 'run'",
    "SELECT label, column_, into_ FROM constraint_",
]
PLAIN_WHERE_TO_IS_A_NAME = [
    "SELECT to train FROM t",
    "SELECT a, to predict, b FROM t",
    "SELECT to maximize FROM t",
    "SELECT to minimize, b FROM t",
    "SELECT * FROM to train WHERE train.x = 1",
    "SELECT * FROM to train JOIN u ON train.id = u.id",
    "SELECT * FROM a JOIN to explain USING (id)",
    "SELECT * FROM to",
]


@pytest.mark.parametrize("sql", PLAIN)
def test_plain_sql(sql: str) -> None:
    assert found(sql, "duckdb") == ["Sql"]


@pytest.mark.parametrize("sql", PLAIN_WHERE_TO_IS_A_NAME)
def test_plain_sql_where_to_is_a_name(sql: str) -> None:
    assert found(sql, "spark") == ["Sql"]


@pytest.mark.parametrize(
    ("sql", "query", "kind"),
    [
        ("SELECT * FROM train TO TRAIN x INTO m", "SELECT * FROM train", "Train"),
        ("SELECT * FROM train TRAIN x INTO m", "SELECT * FROM train", "Train"),
        ("SELECT train FROM predict TRAIN train INTO train", "SELECT train FROM predict", "Train"),
        ("SELECT * FROM t1 t2 TO TRAIN x INTO m", "SELECT * FROM t1 t2", "Train"),
        ("SELECT * FROM t1 t2 TRAIN x INTO m", "SELECT * FROM t1 t2", "Train"),
        ("SELECT * FROM t1 t2, t3 t4 TRAIN x INTO m", "SELECT * FROM t1 t2, t3 t4", "Train"),
        ("SELECT * FROM train train TO TRAIN train INTO train", "SELECT * FROM train train", "Train"),
        ("SELECT 1 TO TRAIN x INTO m", "SELECT 1", "Train"),
        ("SELECT 1 TRAIN x INTO m", "SELECT 1", "Train"),
        ("SELECT a label FROM t TRAIN x LABEL label INTO into", "SELECT a label FROM t", "Train"),
        ("SELECT * FROM t WHERE train = 1 TRAIN x WITH a=1 INTO m", "SELECT * FROM t WHERE train = 1",
         "Train"),
        ("SELECT * FROM t LIMIT 5 TO TRAIN x INTO m", "SELECT * FROM t LIMIT 5", "Train"),
        ("SELECT * FROM t ORDER BY a TRAIN x INTO m", "SELECT * FROM t ORDER BY a", "Train"),
        ("SELECT * FROM a JOIN b USING (id) TO TRAIN x USING c INTO m",
         "SELECT * FROM a JOIN b USING (id)", "Train"),
        ("SELECT * FROM a JOIN b USING (id) TRAIN x USING c INTO m",
         "SELECT * FROM a JOIN b USING (id)", "Train"),
        ("SELECT 1 UNION SELECT 2 TO TRAIN x INTO m", "SELECT 1 UNION SELECT 2", "Train"),
        ("(SELECT 1) TRAIN x INTO m", "(SELECT 1)", "Train"),
        ("WITH train AS (SELECT 1 AS a) SELECT * FROM train TRAIN x INTO m",
         "WITH train AS (SELECT 1 AS a) SELECT * FROM train", "Train"),
        ("SELECT CASE WHEN a THEN b END TO TRAIN x INTO m", "SELECT CASE WHEN a THEN b END", "Train"),
        ("SELECT * FROM predict TO PREDICT predict.label USING using", "SELECT * FROM predict", "Predict"),
        ("SELECT * FROM predict PREDICT predict.label USING m", "SELECT * FROM predict", "Predict"),
        ("SELECT * FROM t PREDICT p USING m", "SELECT * FROM t", "Predict"),
        ("SELECT * FROM t predict PREDICT p.c USING m", "SELECT * FROM t predict", "Predict"),
        ("SELECT * FROM explain EXPLAIN explain", "SELECT * FROM explain", "Explain"),
        ("SELECT * FROM explain TO EXPLAIN explain INTO into", "SELECT * FROM explain", "Explain"),
        ("SELECT * FROM t EVALUATE m LABEL label INTO r", "SELECT * FROM t", "Evaluate"),
        ("SELECT * FROM run TO RUN run", "SELECT * FROM run", "Run"),
        ("SELECT * FROM t TO MAXIMIZE maximize WITH variables=v INTO into", "SELECT * FROM t",
         "Optimize"),
        ("SELECT 'it''s TO TRAIN x INTO m' TO TRAIN x INTO m", "SELECT 'it''s TO TRAIN x INTO m'",
         "Train"),
        ("SELECT a -- TO TRAIN y INTO n\n FROM t TO TRAIN x INTO m",
         "SELECT a -- TO TRAIN y INTO n\n FROM t", "Train"),
        ("SELECT (SELECT to train) TO TRAIN x INTO m", "SELECT (SELECT to train)", "Train"),
    ],
)  # fmt: skip
def test_clauses(sql: str, query: str, kind: str) -> None:
    assert found(sql, "duckdb") == [f"{kind}: {query}"]


@pytest.mark.parametrize(
    ("sql", "query"),
    [
        ("SELECT * FROM to TO TRAIN x INTO m", "SELECT * FROM to"),
        ("SELECT * FROM to TRAIN x INTO m", "SELECT * FROM to"),
        ("SELECT * FROM t AS to TRAIN x INTO m", "SELECT * FROM t AS to"),
        ("SELECT to train FROM t TO TRAIN x INTO m", "SELECT to train FROM t"),
        ("SELECT to train FROM t TRAIN x INTO m", "SELECT to train FROM t"),
        ("SELECT a FROM t WHERE b = to TRAIN x INTO m", "SELECT a FROM t WHERE b = to"),
    ],
)
def test_clauses_where_to_is_a_name(sql: str, query: str) -> None:
    assert found(sql, "spark") == [f"Train: {query}"]


def test_the_kinds_of_a_mixed_program() -> None:
    sql = (
        "SELECT 1; SELECT * FROM train TO TRAIN x INTO m; SHOW TRAIN m; SELECT * FROM train predict"
    )
    assert found(sql, "duckdb") == ["Sql", "Train: SELECT * FROM train", "ShowTrain", "Sql"]
