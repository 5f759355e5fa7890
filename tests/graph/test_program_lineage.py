"""Where every column of a program comes from; the expected lineage was written by hand."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.columns import ColumnRef
from sqlflow_dagster.graph.model_lineage import USUAL_METRICS
from sqlflow_dagster.graph.objects import Names, model_ref
from sqlflow_dagster.graph.program_lineage import ProgramLineage, program_lineage
from sqlflow_dagster.ml.metrics.by_name import DEFAULTS, LOSSES
from sqlflow_dagster.ml.tasks import Task

NAMES = Names(dialect="duckdb")
KNOWN = {
    NAMES.table(("orders",)): ["id", "customer", "price", "amount"],
    NAMES.table(("customers",)): ["id", "name", "city"],
    model_ref(("given",)): ["price", "amount"],
}

Shown = dict[str, dict[str, str]]


def traced(sql: str, dialect: str = "duckdb") -> ProgramLineage:
    program = compile_program(sql, dialect=dialect, temp_tables="never")
    return program_lineage(program, KNOWN)


def shown(lineage: ProgramLineage) -> Shown:
    """The sources of each column, separated by blanks; a question mark where they are not certain."""
    return {
        str(item.ref): {
            column.name: " ".join(f"{ref.table}.{ref.column}" for ref in sorted(column.sources))
            + ("" if column.certain else "?")
            for column in item.columns
        }
        for item in lineage.objects
    }


def case(name: str, sql: str, expected: Shown, dialect: str = "duckdb") -> object:
    return pytest.param(sql, dialect, expected, id=name)


TRAIN = "TO TRAIN xgboost.gbtree"

TABLES = [
    case(
        "a star over a table that the program makes",
        "CREATE TABLE t AS SELECT id AS a, price AS b FROM orders; CREATE TABLE u AS SELECT * FROM t",
        {"t": {"a": "orders.id", "b": "orders.price"}, "u": {"a": "t.a", "b": "t.b"}},
    ),
    case(
        "a star over a table with listed columns",
        "CREATE TABLE t (a INT, b TEXT); CREATE TABLE u AS SELECT *, a + 1 AS c FROM t",
        {"t": {"a": "", "b": ""}, "u": {"a": "t.a", "b": "t.b", "c": "t.a"}},
    ),
    case(
        "a star over a table that nobody knows",
        "CREATE TABLE t AS SELECT *, a + b AS c FROM elsewhere; CREATE TABLE u AS SELECT a, c FROM t",
        {
            "t": {"*": "elsewhere.*", "c": "elsewhere.a elsewhere.b"},
            "u": {"a": "t.a", "c": "t.c"},
        },
    ),
    case(
        "a column of one of two tables that nobody knows",
        "CREATE TABLE t AS SELECT x, r.y FROM left_one AS l JOIN right_one AS r ON l.k = r.k",
        {"t": {"x": "left_one.x right_one.x?", "y": "right_one.y"}},
    ),
    case(
        "a column of the table that does not have others only",
        "CREATE TABLE t AS SELECT name, x FROM customers JOIN elsewhere USING (id)",
        {"t": {"name": "customers.name", "x": "elsewhere.x"}},
    ),
    case(
        "a view passes its columns on under its own names",
        "CREATE VIEW v (who, total) AS SELECT customer, sum(price * amount) FROM orders GROUP BY 1;"
        "CREATE TABLE t AS SELECT total FROM v",
        {
            "v": {"who": "orders.customer", "total": "orders.amount orders.price"},
            "t": {"total": "v.total"},
        },
    ),
    case(
        "insert by position",
        "CREATE TABLE t (a INT, b INT); INSERT INTO t SELECT price, amount FROM orders",
        {"t": {"a": "orders.price", "b": "orders.amount"}},
    ),
    case(
        "insert by column list",
        "CREATE TABLE t (a INT, b INT, c INT); INSERT INTO t (c, a) SELECT price, amount FROM orders",
        {"t": {"a": "orders.amount", "b": "", "c": "orders.price"}},
    ),
    case(
        "insert by name",
        "CREATE TABLE t (a INT, b INT); INSERT INTO t BY NAME SELECT price AS b, amount AS a FROM orders",
        {"t": {"a": "orders.amount", "b": "orders.price"}},
    ),
    case(
        "two inserts add up",
        "CREATE TABLE t AS SELECT id AS a FROM orders; INSERT INTO t SELECT id FROM customers",
        {"t": {"a": "customers.id orders.id"}},
    ),
    case(
        "insert into a table of elsewhere whose columns are known",
        "INSERT INTO customers SELECT id, customer, 'nowhere' FROM orders",
        {"customers": {"id": "orders.id", "name": "orders.customer", "city": ""}},
    ),
    case(
        "insert into a table that nobody knows",
        "INSERT INTO elsewhere SELECT id AS a FROM orders",
        {"elsewhere": {"*": "", "a": "orders.id"}},
    ),
    case(
        "insert of the columns of two tables that nobody knows",
        "INSERT INTO elsewhere SELECT * FROM there AS t JOIN yonder AS y ON t.k = y.k",
        {"elsewhere": {"*": "there.* yonder.*"}},
    ),
    case(
        "insert of an unknown number of columns",
        "CREATE TABLE t (a INT, b INT); INSERT INTO t SELECT * FROM elsewhere",
        {"t": {"a": "elsewhere.*?", "b": "elsewhere.*?"}},
    ),
    case(
        "insert of values",
        "CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (1, 2), (3, 4)",
        {"t": {"a": "", "b": ""}},
    ),
    case(
        "a version between two readers",
        "CREATE TABLE t AS SELECT id AS a FROM orders; CREATE TABLE u AS SELECT a FROM t;"
        "INSERT INTO t SELECT id FROM customers; CREATE TABLE w AS SELECT a FROM t",
        {
            "t__v1": {"a": "orders.id"},
            "u": {"a": "t__v1.a"},
            "t": {"a": "customers.id t__v1.a"},
            "w": {"a": "t.a"},
        },
    ),
    case(
        "a table made again forgets what it was",
        "CREATE TABLE t AS SELECT id AS a FROM orders; CREATE TABLE u AS SELECT a FROM t;"
        "CREATE OR REPLACE TABLE t AS SELECT city AS b FROM customers",
        {"t__v1": {"a": "orders.id"}, "u": {"a": "t__v1.a"}, "t": {"b": "customers.city"}},
    ),
    case(
        "a table dropped and made again",
        "DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT id FROM orders",
        {"t": {"id": "orders.id"}},
    ),
    case(
        "truncate forgets the rows and keeps the columns",
        "CREATE TABLE t AS SELECT id AS a FROM orders; TRUNCATE t; INSERT INTO t SELECT id FROM customers",
        {"t": {"a": "customers.id"}},
    ),
    case(
        "update of what the program made",
        "CREATE TABLE t AS SELECT price AS a, amount AS b FROM orders; UPDATE t SET a = a * b",
        {"t": {"a": "orders.amount orders.price", "b": "orders.amount"}},
    ),
    case(
        "update from another table",
        "CREATE TABLE t (id INT, who TEXT);"
        "UPDATE t SET who = c.name FROM customers AS c WHERE c.id = t.id",
        {"t": {"id": "", "who": "customers.name"}},
    ),
    case(
        "update of a table of elsewhere by its own columns",
        "UPDATE orders SET price = price * amount",
        {"orders": {"id": "", "customer": "", "price": "orders.amount", "amount": ""}},
    ),
    case(
        "update by a subquery",
        "CREATE TABLE t (n INT); UPDATE t SET n = (SELECT max(price) FROM orders WHERE id = n)",
        {"t": {"n": "orders.price"}},
    ),
    case(
        "update of several columns at once",
        "CREATE TABLE t (a INT, b INT); UPDATE t SET (a, b) = (SELECT price, amount FROM orders)",
        {"t": {"a": "orders.price", "b": "orders.amount"}},
        "postgres",
    ),
    case(
        "update of the second table of a join",
        "CREATE TABLE t (k INT, a INT); UPDATE orders JOIN t ON t.k = orders.id SET t.a = orders.price",
        {"t": {"k": "", "a": "orders.price"}},
        "mysql",
    ),
    case(
        "merge",
        "CREATE TABLE t (id INT, total INT, who TEXT);"
        "MERGE INTO t USING (SELECT id, price * amount AS total, customer FROM orders) AS s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET total = t.total + s.total "
        "WHEN NOT MATCHED THEN INSERT (id, who) VALUES (s.id, s.customer)",
        {"t": {"id": "orders.id", "total": "orders.amount orders.price", "who": "orders.customer"}},
    ),
    case(
        "merge by name",
        "CREATE TABLE t (id INT, name STRING);"
        "MERGE INTO t USING customers AS c ON t.id = c.id "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
        {"t": {"id": "customers.id", "name": "customers.name"}},
        "spark",
    ),
    case(
        "upsert",
        "CREATE TABLE t (id INT PRIMARY KEY, a INT);"
        "INSERT INTO t SELECT id, price FROM orders WHERE true "
        "ON CONFLICT (id) DO UPDATE SET a = excluded.a + t.id",
        {"t": {"id": "orders.id", "a": "orders.price"}},
    ),
    case(
        "delete changes no column",
        "CREATE TABLE t AS SELECT id FROM orders; DELETE FROM t WHERE id IN (SELECT id FROM customers)",
        {"t": {"id": "orders.id"}},
    ),
    case(
        "columns added, renamed and dropped",
        "CREATE TABLE t AS SELECT id, price, amount FROM orders; ALTER TABLE t ADD COLUMN extra INT;"
        "ALTER TABLE t RENAME COLUMN price TO cost; ALTER TABLE t DROP COLUMN amount",
        {"t": {"id": "orders.id", "cost": "orders.price", "extra": ""}},
    ),
    case(
        "a renamed table",
        "CREATE TABLE t AS SELECT id FROM orders; ALTER TABLE t RENAME TO u;"
        "CREATE TABLE w AS SELECT * FROM u",
        {"t": {"id": "orders.id"}, "u": {"id": "t.id"}, "w": {"id": "u.id"}},
    ),
    case(
        "a table like another has its columns, not its rows",
        "CREATE TABLE t (LIKE customers); CREATE TABLE u AS SELECT * FROM t",
        {
            "t": {"id": "", "name": "", "city": ""},
            "u": {"id": "t.id", "name": "t.name", "city": "t.city"},
        },
        "postgres",
    ),
    case(
        "a clone has its rows",
        "CREATE TABLE t CLONE customers",
        {"t": {"id": "customers.id", "name": "customers.name", "city": "customers.city"}},
        "bigquery",
    ),
    case(
        "partitions: fixed ones take no column, the others the last ones",
        "CREATE TABLE t (a INT) PARTITIONED BY (dt STRING, hr STRING);"
        "INSERT OVERWRITE TABLE t PARTITION (dt = 'x', hr) SELECT price, customer FROM orders",
        {"t": {"a": "orders.price", "dt": "", "hr": "orders.customer"}},
        "hive",
    ),
    case(
        "several inserts of one source",
        "CREATE TABLE a (x INT); CREATE TABLE b (y INT);"
        "FROM orders INSERT INTO TABLE a SELECT price INSERT OVERWRITE TABLE b SELECT amount",
        {
            "a__v1": {"x": ""},
            "b__v1": {"y": ""},
            "a": {"x": "a__v1.x orders.price"},
            "b": {"y": "orders.amount"},
        },
        "hive",
    ),
    case(
        "select into",
        "SELECT id, name INTO t FROM customers",
        {"t": {"id": "customers.id", "name": "customers.name"}},
        "postgres",
    ),
    case(
        "a common table expression before an insert",
        "CREATE TABLE t (a INT); WITH s AS (SELECT price AS p FROM orders) INSERT INTO t SELECT p FROM s",
        {"t": {"a": "orders.price"}},
    ),
    case(
        "a temporary table of a transaction is no object of its own",
        "CREATE TABLE t (a INT);"
        "BEGIN; CREATE TEMP TABLE s AS SELECT price AS p FROM orders; INSERT INTO t SELECT p FROM s; COMMIT",
        {"t": {"a": "orders.price"}},
    ),
    case(
        "files",
        "CREATE TABLE t AS SELECT a, b AS c FROM read_csv('in.csv');"
        "COPY (SELECT c FROM t) TO 'out.parquet'",
        {"t": {"a": "file in.csv.a", "c": "file in.csv.b"}, "file out.parquet": {"c": "t.c"}},
    ),
    case(
        "a statement that is not understood",
        "INSERT INTO t SELECT price FROM orders WHERE SLIDING BY 3",
        {"t": {"*": "orders.amount orders.customer orders.id orders.price?"}},
    ),
    case(
        "a statement whose author says what it does",
        "-- sqlflow: reads orders writes t\nCALL fill_t()",
        {"t": {"*": "orders.amount orders.customer orders.id orders.price?"}},
    ),
    case(
        "a table that reads itself",
        "CREATE OR REPLACE TABLE t AS SELECT a, a + b AS b FROM t",
        {"t": {"a": "", "b": "t.a"}},
    ),
]

MODELS = [
    case(
        "a model comes from its training columns",
        f"SELECT id, price * amount AS total, customer FROM orders {TRAIN} LABEL customer INTO m",
        {
            "model m": {
                "id": "orders.id",
                "total": "orders.amount orders.price",
                "customer": "orders.customer",
            }
        },
    ),
    case(
        "weights, and times that split the rows, are no features",
        f"SELECT id, price, amount, customer FROM orders {TRAIN} "
        "WITH train.weight_column=amount, validation.split_by=id LABEL customer INTO m",
        {"model m": {"price": "orders.price", "customer": "orders.customer"}},
    ),
    case(
        "times that split the rows are the feature where there is no other",
        "SELECT id, price FROM orders TO TRAIN ARIMA WITH validation.split_by=id LABEL price INTO m",
        {"model m": {"id": "orders.id", "price": "orders.price"}},
    ),
    case(
        "only the listed columns",
        f"SELECT * FROM orders {TRAIN} WITH train.columns = listed "
        "COLUMN price, CATEGORY_ID(customer) LABEL amount INTO m",
        {
            "model m": {
                "price": "orders.price",
                "customer": "orders.customer",
                "amount": "orders.amount",
            }
        },
    ),
    case(
        "only the columns that a regular expression matches",
        f"SELECT * FROM orders {TRAIN} WITH train.columns = listed "
        "COLUMN 'PRI.*|custom.*' LABEL amount INTO m",
        {
            "model m": {
                "price": "orders.price",
                "customer": "orders.customer",
                "amount": "orders.amount",
            }
        },
    ),
    case(
        "a model of columns that nobody knows",
        f"SELECT * FROM elsewhere {TRAIN} LABEL y INTO m; SELECT * FROM new TO PREDICT p.y USING m",
        {
            "model m": {"*": "elsewhere.*", "y": "elsewhere.y"},
            "p": {"*": "new.*", "y": "model m.* new.*?"},
        },
    ),
    case(
        "a prediction comes from the features, in the SELECT and in the model",
        f"SELECT price, amount, customer FROM orders {TRAIN} LABEL customer INTO m;"
        "SELECT * FROM orders TO PREDICT p.guess USING m",
        {
            "model m": {
                "price": "orders.price",
                "amount": "orders.amount",
                "customer": "orders.customer",
            },
            "p": {
                "id": "orders.id",
                "price": "orders.price",
                "amount": "orders.amount",
                "guess": "model m.amount model m.price orders.amount orders.price",
            },
        },
    ),
    case(
        "a prediction without a column of its own is called like the label",
        f"SELECT price, amount FROM orders {TRAIN} LABEL amount INTO m;"
        "SELECT price FROM orders TO PREDICT p USING m; CREATE TABLE t AS SELECT amount FROM p",
        {
            "model m": {"price": "orders.price", "amount": "orders.amount"},
            "p": {"price": "orders.price", "amount": "model m.price orders.price"},
            "t": {"amount": "p.amount"},
        },
    ),
    case(
        "a model of elsewhere whose features are known",
        "SELECT * FROM orders TO PREDICT p.guess USING given",
        {
            "p": {
                "id": "orders.id",
                "customer": "orders.customer",
                "price": "orders.price",
                "amount": "orders.amount",
                "guess": "model given.amount model given.price orders.amount orders.price",
            }
        },
    ),
    case(
        "a model of elsewhere that nobody knows",
        "SELECT price, amount FROM orders TO PREDICT p.guess USING m",
        {
            "p": {
                "price": "orders.price",
                "amount": "orders.amount",
                "guess": "model m.* orders.amount orders.price?",
            }
        },
    ),
    case(
        "metrics come from the features and the label",
        f"SELECT price, amount FROM orders {TRAIN} LABEL amount INTO m;"
        "SELECT price, amount FROM orders TO EVALUATE m "
        "WITH validation.metrics = 'r2_score, mean_squared_error' INTO e",
        {
            "model m": {"price": "orders.price", "amount": "orders.amount"},
            "e": {
                "loss": "model m.price orders.amount orders.price",
                "r2_score": "model m.price orders.amount orders.price",
                "mean_squared_error": "model m.price orders.amount orders.price",
            },
        },
    ),
    case(
        "the metrics that are usual for a classifier",
        "SELECT price, amount FROM orders TO TRAIN DNNClassifier LABEL amount INTO m;"
        "SELECT price, amount FROM orders TO EVALUATE m INTO e",
        {
            "model m": {"price": "orders.price", "amount": "orders.amount"},
            "e": dict.fromkeys(
                ("loss", "accuracy_score", "log_loss"), "model m.price orders.amount orders.price"
            ),
        },
    ),
    case(
        "an explanation has a column for each feature",
        f"SELECT price, amount, id FROM orders {TRAIN} LABEL id INTO m;"
        "SELECT price, amount FROM orders TO EXPLAIN m INTO x",
        {
            "model m": {"price": "orders.price", "amount": "orders.amount", "id": "orders.id"},
            "x": {
                "price": "model m.price orders.price",
                "amount": "model m.amount orders.amount",
                "base_value": "model m.amount model m.price",
            },
        },
    ),
    case(
        "gains of splits have a row for each feature",
        f"SELECT price, amount FROM orders {TRAIN} LABEL amount INTO m;"
        "SELECT price FROM orders TO EXPLAIN m USING XGBoostExplainer INTO x;"
        "CREATE TABLE y AS SELECT gain FROM x",
        {
            "model m": {"price": "orders.price", "amount": "orders.amount"},
            "x": dict.fromkeys(("feature", "fscore", "gain", "cover"), "model m.price"),
            "y": {"gain": "x.gain"},
        },
    ),
    case(
        "a training that goes on from another model",
        f"SELECT price, amount FROM orders {TRAIN} LABEL amount INTO m;"
        f"SELECT price, amount FROM orders {TRAIN} LABEL amount USING m INTO n",
        {
            "model m": {"price": "orders.price", "amount": "orders.amount"},
            "model n": {"price": "model m.price orders.price", "amount": "orders.amount"},
        },
    ),
]


@pytest.mark.parametrize(("sql", "dialect", "expected"), TABLES + MODELS)
def test_columns(sql: str, dialect: str, expected: Shown) -> None:
    assert shown(traced(sql, dialect)) == expected


def test_temporary_tables_pass_columns_on() -> None:
    program = compile_program(
        f"SELECT o.price, c.city FROM orders AS o JOIN customers AS c ON o.customer = c.id {TRAIN} "
        "LABEL city INTO m"
    )
    assert shown(program_lineage(program, KNOWN)) == {
        "sqlflow_temporary_train_m": {"price": "orders.price", "city": "customers.city"},
        "model m": {
            "price": "sqlflow_temporary_train_m.price",
            "city": "sqlflow_temporary_train_m.city",
        },
    }


def test_temporary_tables_and_views_of_the_program_are_gone_through() -> None:
    program = compile_program(
        "CREATE TEMP TABLE s AS SELECT price AS p FROM orders;"
        "CREATE TEMP VIEW v AS SELECT p + 1 AS q FROM s;"
        "CREATE TABLE t AS SELECT q, s.* FROM v, s",
        path="shop.sql",
    )
    assert shown(program_lineage(program, KNOWN)) == {
        "sqlflow_temporary_shop_s": {"p": "orders.price"},
        "t": {"q": "sqlflow_temporary_shop_s.p", "p": "sqlflow_temporary_shop_s.p"},
    }


CHAIN = (
    "CREATE TABLE a AS SELECT id AS x, * FROM elsewhere;"
    "CREATE TABLE b AS SELECT x + y AS z FROM a;"
    "CREATE TABLE c AS SELECT z, 1 AS one FROM b"
)


def column(name: str) -> ColumnRef:
    table, _, column = name.rpartition(".")
    return ColumnRef(NAMES.table(table.split(".")), column)


def test_upstream_goes_through_columns_that_a_star_stands_for() -> None:
    found = traced(CHAIN).upstream(column("c.z"))
    assert [f"{ref.table}.{ref.column}" for ref in found] == [
        "b.z",
        "a.x",
        "a.y",
        "elsewhere.id",
        "elsewhere.y",
    ]


def test_the_usual_metrics_are_those_of_the_models() -> None:
    tasks = (Task.CLASSIFICATION, Task.REGRESSION)
    assert [*USUAL_METRICS.values()] == [("loss", *DEFAULTS[task]) for task in tasks]
    assert LOSSES.keys() >= set(tasks)


def test_downstream_goes_to_the_end() -> None:
    found = traced(CHAIN).downstream(column("elsewhere.id"))
    assert [f"{ref.table}.{ref.column}" for ref in found][-2:] == ["b.z", "c.z"]


def test_thousands_of_branches_are_followed() -> None:
    branches = " UNION ALL ".join(["SELECT id FROM orders", *["SELECT id FROM customers"] * 3_000])
    lineage = traced(f"CREATE TABLE t AS {branches}")
    assert shown(lineage) == {"t": {"id": "customers.id orders.id"}}


def test_a_long_expression_is_followed() -> None:
    terms = " AND ".join(f"price > {number}" for number in range(2_000))
    assert shown(traced(f"CREATE TABLE t AS SELECT {terms} AS b FROM orders")) == {
        "t": {"b": "orders.price"}
    }
