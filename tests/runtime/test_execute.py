"""What each kind of statement leaves behind, on every engine that runs here."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.results import StepResult

TRAIN = "TO TRAIN xgboost.gbtree WITH objective='binary:logistic', train.num_boost_round=3"


@pytest.fixture(params=["duckdb", "sqlite"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> RunContext:
    """Sixty points; those right of the middle are of kind "right"."""
    context = open_context(f"{request.param}:///{tmp_path / 'data.db'}", program="test", threads=1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    kinds = np.where(x > 0, "right", "left")
    table = pa.table({"id": range(60), "x": x, "y": rng.normal(size=60), "kind": kinds})
    with context.engine.session() as session:
        session.replace_table(("points",), table.to_reader())
    return context


def compiled(sql: str, context: RunContext) -> Program:
    return compile_program(sql, dialect=context.engine.dialect)


def run(sql: str, context: RunContext) -> list[StepResult]:
    """Run a program's steps in order."""
    return [execute(step, context) for step in compiled(sql, context).steps]


def rows(query: str, context: RunContext) -> list[dict[str, object]]:
    with context.engine.session() as session:
        found: list[dict[str, object]] = session.read(query).read_all().to_pylist()
    return found


def test_a_table_is_made_anew_each_time(context: RunContext) -> None:
    sql = "CREATE TABLE t AS SELECT id FROM points WHERE id < 3"
    for _ in range(2):
        [result] = run(sql, context)
        assert [(table.name, table.rows) for table in result.tables] == [(("t",), 3)]
        assert [column.name for column in result.tables[0].columns] == ["id"]
    assert rows("SELECT * FROM t ORDER BY id", context) == [{"id": 0}, {"id": 1}, {"id": 2}]


def test_a_view_takes_the_place_of_a_table(context: RunContext) -> None:
    run("CREATE TABLE t AS SELECT 1 AS a", context)
    [result] = run("CREATE VIEW t AS SELECT 2 AS a", context)
    assert result.tables[0].rows is None
    assert rows("SELECT * FROM t", context) == [{"a": 2}]


def test_a_failed_statement_leaves_the_former_table(context: RunContext) -> None:
    run("CREATE TABLE t AS SELECT 1 AS a", context)
    with pytest.raises(TerminalError, match="nosuch") as caught:
        run("CREATE TABLE t AS SELECT nosuch FROM points", context)
    assert caught.value.span is not None
    assert rows("SELECT * FROM t", context) == [{"a": 1}]


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(context: RunContext) -> None:
    run("BEGIN; CREATE TABLE t AS SELECT 1 AS a; INSERT INTO t SELECT 2; COMMIT", context)
    assert rows("SELECT sum(a) AS s FROM t", context) == [{"s": 3}]
    with pytest.raises(TerminalError, match="nosuch"):
        run("BEGIN; INSERT INTO t SELECT 3; INSERT INTO t SELECT nosuch; COMMIT", context)
    assert rows("SELECT count(*) AS n FROM t", context) == [{"n": 2}]


def test_inserts_count_rows(context: RunContext) -> None:
    results = run("CREATE TABLE t (a INTEGER); INSERT INTO t SELECT id FROM points", context)
    assert results[1].changed_rows == 60
    assert results[1].tables[0].rows == 60


@pytest.mark.parametrize("shown", [2, 60, 100])
def test_a_printing_select_shows_its_first_rows(context: RunContext, shown: int) -> None:
    [result] = run("SELECT id FROM points ORDER BY id", replace(context, shown_rows=shown))
    assert result.rows is not None
    assert result.rows.column("id").to_pylist() == list(range(min(shown, 60)))
    assert result.more_rows == (shown < 60)


@pytest.mark.parametrize("context", ["duckdb"], indirect=True)
def test_a_date_that_python_does_not_know_is_shown_as_text(context: RunContext) -> None:
    [result] = run("SELECT 1 AS n, DATE '20000-01-01' AS day", context)
    assert result.rows is not None
    assert result.rows.to_pylist() == [{"n": 1, "day": "20000-01-01"}]


def test_train_predict_evaluate_explain(context: RunContext) -> None:
    sql = f"""
        SELECT x, y, kind FROM points {TRAIN} LABEL kind INTO m;
        SELECT * FROM points TO PREDICT guessed.kind USING m;
        SELECT * FROM points TO EVALUATE m WITH validation.metrics="accuracy_score, f1_score"
            LABEL kind INTO judged;
        SELECT x, y FROM points TO EXPLAIN m INTO told;
    """
    train, predict, evaluate, explain = run(sql, context)

    assert train.model is not None
    assert (train.model.name, train.model.version) == ("m", 1)
    assert train.judged_on == "training"
    assert train.input_rows == 60

    assert predict.input_rows == 60
    assert predict.tables[0].rows == 60
    assert [column.name for column in predict.tables[0].columns] == ["id", "x", "y", "kind"]
    wrong = (
        "SELECT count(*) AS n FROM guessed g JOIN points p ON g.id = p.id WHERE g.kind <> p.kind"
    )
    assert rows(wrong, context) == [{"n": 0}]

    [judged] = rows("SELECT * FROM judged", context)
    assert list(judged) == ["loss", "accuracy_score", "f1_score"]
    assert judged["accuracy_score"] == 1.0
    assert evaluate.metrics is not None
    assert evaluate.metrics.baseline["accuracy_score"] < 0.7

    [plot] = explain.artifacts
    assert plot.media_type == "image/png"
    assert plot.data.startswith(b"\x89PNG")
    told = rows("SELECT * FROM told", context)
    assert list(told[0]) == ["x", "y", "base_value"]
    assert explain.details["contributions add up to"] == "the log-odds of 'right'"
    assert sum(abs(row["x"]) for row in told) > sum(abs(row["y"]) for row in told)  # type: ignore[arg-type]


def test_an_explanation_keeps_the_keys_of_its_rows(context: RunContext) -> None:
    sql = f"""
        SELECT x, y, kind FROM points {TRAIN} LABEL kind INTO m;
        SELECT * FROM points TO EXPLAIN m
            WITH explain.rows=5, summary.plot_type="decision", shap_summary.sort=False INTO told;
        SELECT * FROM points TO EXPLAIN m WITH explain.key_columns="ID, x" INTO keyed;
        SELECT * FROM points TO EXPLAIN m USING XGBoostExplainer INTO gains;
        SELECT * FROM points TO EXPLAIN m USING kernelexplainer;
    """
    _, explain, _, gains, sampled = run(sql, context)
    told = rows("SELECT * FROM told ORDER BY id", context)
    assert len(told) == 5
    assert list(told[0]) == ["id", "kind", "x", "y", "base_value"]
    assert explain.column_lineage["id"][0].column == "id"
    keyed = rows("SELECT * FROM keyed", context)
    assert list(keyed[0]) == ["id", "x", "x_contribution", "y", "base_value"]
    assert [row["feature"] for row in rows("SELECT * FROM gains", context)] == ["x", "y"]
    assert gains.artifacts[0].data.startswith(b"\x89PNG")
    assert sampled.details["explainer"] == "PermutationExplainer"


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("WITH summary.alpha=2", "summary.alpha must be a number from 0 to 1"),
        ("WITH summary.sort=1", "summary.sort must be true or false"),
    ],
)
def test_a_wrong_explanation_is_refused_before_anything_is_read(
    clause: str, message: str, context: RunContext
) -> None:
    with pytest.raises(TerminalError, match=message):
        run(f"SELECT * FROM points TO EXPLAIN nothing {clause}", context)


def test_a_second_training_is_a_second_version(context: RunContext) -> None:
    sql = f"SELECT x, kind FROM points {TRAIN} LABEL kind INTO m"
    versions = [
        result.model.version for _ in range(2) for result in run(sql, context) if result.model
    ]
    assert versions == [1, 2]
    [result] = run("SELECT * FROM points TO PREDICT p.kind USING m@1", context)
    assert result.model is not None
    assert result.model.version == 1


def test_training_continues_from_a_model(context: RunContext) -> None:
    run(f"SELECT x, kind FROM points {TRAIN} LABEL kind INTO m", context)
    [more] = run(f"SELECT x, kind FROM points {TRAIN} LABEL kind USING m INTO longer", context)
    [fresh] = run(f"SELECT x, kind FROM points {TRAIN} LABEL kind INTO fresh", context)
    assert more.metrics is not None
    assert fresh.metrics is not None
    assert more.metrics.values["loss"] < fresh.metrics.values["loss"]


def test_a_missing_generated_table_is_made_again(context: RunContext) -> None:
    sql = f"SELECT x * 2 AS double, kind FROM points WHERE id > 5 {TRAIN} LABEL kind INTO m"
    make, train = compiled(sql, context).steps
    execute(make, context)
    with context.engine.session() as session:
        session.drop(("sqlflow_temporary_train_m",))
    assert execute(train, context).input_rows == 54
    assert rows("SELECT count(*) AS n FROM sqlflow_temporary_train_m", context) == [{"n": 54}]


def test_predicting_in_place(context: RunContext) -> None:
    run(f"SELECT x, kind FROM points {TRAIN} LABEL kind INTO m", context)
    run("SELECT * FROM points TO PREDICT points.guess USING m", context)
    assert list(rows("SELECT * FROM points LIMIT 1", context)[0]) == ["id", "x", "y", "guess"]


def test_training_a_score_card_tells_its_points(context: RunContext) -> None:
    [result] = run("SELECT x, kind FROM points TO TRAIN ScoreCard LABEL kind INTO m", context)
    assert [row["column"] for row in result.details["card"]] == ["", *["x"] * 5]


def test_show_train_shows_the_statement(context: RunContext) -> None:
    sql = f"SELECT x, kind FROM points {TRAIN} LABEL kind INTO m"
    run(sql, context)
    [result] = run("SHOW TRAIN m", context)
    assert result.rows is not None
    [row] = result.rows.to_pylist()
    assert list(row)[:3] == ["Model", "Train Statement", "Version"]
    assert (row["Model"], row["Train Statement"], row["Version"]) == ("m", sql, 1)
    assert (row["Rows"], row["Judged On"]) == (60, "training")
    assert json.loads(row["Metrics"])["accuracy_score"] == 1.0


@pytest.mark.parametrize(
    ("sql", "message", "place"),
    [
        pytest.param(
            f"SELECT * FROM points WHERE id < 0 {TRAIN} LABEL kind INTO n",
            "the SELECT gives no rows",
            "SELECT * FROM points WHERE id < 0",
            id="empty training set",
        ),
        pytest.param(
            f"SELECT * FROM points {TRAIN}, validation.select='SELECT id FROM points' "
            "LABEL kind INTO n",
            "validation.select lacks columns of the training SELECT: x, y, kind",
            "'SELECT id FROM points'",
            id="validation rows of another shape",
        ),
        pytest.param(
            "SELECT id, y FROM points TO PREDICT p.kind USING m",
            "'x'",
            "SELECT id, y FROM points",
            id="a feature that PREDICT lacks",
        ),
        pytest.param(
            "SELECT * FROM points TO PREDICT p.kind USING n", "'n'", "n", id="unknown model"
        ),
        pytest.param(
            "SELECT * FROM points TO EVALUATE m LABEL kid INTO e",
            "'kid'",
            "kid",
            id="label",
        ),
        pytest.param(
            "SELECT * FROM points TO EVALUATE m WITH validation.metrics='acuracy_score' INTO e",
            "acuracy_score",
            "validation.metrics",
            id="unknown metric",
        ),
        pytest.param(
            "SELECT * FROM points TO EXPLAIN m WITH summary.plot_type='pie' INTO e",
            "pie",
            "'pie'",
            id="unknown plot",
        ),
        pytest.param(
            "SELECT * FROM points TO EXPLAIN m WITH explain.rows='all' INTO e",
            "explain.rows must be a whole number from 1, and is 'all'",
            "explain.rows",
            id="a count that is none",
        ),
        pytest.param(
            "SELECT * FROM points TO EXPLAIN m USING LinearExplainer INTO e",
            "LinearExplainer does not know models of xgboost.gbtree",
            "LinearExplainer",
            id="explainer of other models",
        ),
    ],
)
def test_errors_have_their_place_and_change_nothing(
    sql: str, message: str, place: str, context: RunContext
) -> None:
    run(f"SELECT x, y, kind FROM points {TRAIN} LABEL kind INTO m", context)
    with context.engine.session() as session:
        before = session.tables()
    program = compiled(sql, context)
    with pytest.raises(TerminalError) as caught:
        execute(program.steps[-1], context)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == place
    with context.engine.session() as session:
        assert session.tables() == before
    assert context.models.names() == ["m"]


def test_finished_steps_are_remembered(context: RunContext) -> None:
    step: Step = compiled("CREATE TABLE t AS SELECT 1 AS a", context).steps[0]
    execute(step, context)
    assert context.history is not None
    last = context.history.finished("test")[step.name]
    assert last.code_version == step.code_version
    assert last.run_id == context.run_id
    assert context.history.finished("another") == {}


def test_lineage_follows_the_columns_of_the_tables(context: RunContext) -> None:
    sql = f"""
        CREATE TABLE t AS SELECT p.*, p.x + p.y AS total FROM points AS p;
        SELECT x, total, kind FROM t {TRAIN} LABEL kind INTO m;
        SELECT * FROM t TO PREDICT g.kind USING m;
    """
    create, train, predict = (
        {
            column: sorted(f"{source.table}.{source.column}" for source in sources)
            for column, sources in result.column_lineage.items()
        }
        for result in run(sql, context)
    )
    assert create["total"] == ["points.x", "points.y"]
    assert train == {"x": ["t.x"], "total": ["t.total"], "kind": ["t.kind"]}
    assert predict["id"] == ["t.id"]
    assert predict["kind"] == ["model m.total", "model m.x", "t.total", "t.x"]


def test_a_prediction_with_all_that_the_model_knows(context: RunContext) -> None:
    sql = f"""
        SELECT x, y, kind FROM points {TRAIN} LABEL kind INTO m;
        SELECT id, x, y, id AS guess_score FROM points
        TO PREDICT guessed.guess WITH predict.extra_outputs="probabilities, score" USING m;
    """
    _, predict = run(sql, context)
    names = [column.name for column in predict.tables[0].columns]
    added = ["guess", "guess_probability_left", "guess_probability_right", "guess_score_2"]
    assert names == ["id", "x", "y", "guess_score", *added]
    for row in rows("SELECT * FROM guessed", context):
        left, right = row["guess_probability_left"], row["guess_probability_right"]
        assert isinstance(left, float)
        assert isinstance(right, float)
        assert left + right == pytest.approx(1)
        assert row["guess_score_2"] == max(left, right)
        assert row["guess"] == ("left" if left > right else "right")


def test_an_evaluation_skips_rows_without_a_label(context: RunContext) -> None:
    sql = f"""
        SELECT x, y, kind FROM points {TRAIN} LABEL kind INTO m;
        SELECT x, y, CASE WHEN id >= 5 THEN kind END AS kind FROM points
        TO EVALUATE m WITH validation.metrics="recall, accuracy", validation.average=macro
        INTO judged;
    """
    *_, evaluate = run(sql, context)
    assert evaluate.metrics is not None
    assert (evaluate.metrics.rows, evaluate.metrics.skipped) == (55, 5)
    assert evaluate.details == {"rows without a label": 5}
    [row] = rows("SELECT * FROM judged", context)
    assert list(row) == ["loss", "recall", "accuracy"]


def test_a_metric_that_is_not_defined_is_null(context: RunContext) -> None:
    sql = f"""
        SELECT x, y, kind FROM points {TRAIN} LABEL kind INTO m;
        SELECT * FROM points WHERE kind = 'left'
        TO EVALUATE m WITH validation.metrics=AUC INTO judged;
    """
    run(sql, context)
    assert rows("SELECT AUC FROM judged", context) == [{"AUC": None}]


def test_trials_are_told(context: RunContext) -> None:
    sql = """
        SELECT x, y, kind FROM points TO TRAIN xgboost.gbtree
        WITH num_boost_round=2, search.max_depth=[1, 3], search.trials=2, validation.split=0.3
        LABEL kind INTO m;
    """
    [train] = run(sql, context)
    assert train.judged_on == "validation"
    assert [set(item) for item in train.details["trials"]] == [{"trial", "loss", "max_depth"}] * 2


def test_rows_in_a_file_train_as_those_in_memory(context: RunContext) -> None:
    sql = """
        SELECT x, y, kind FROM points TO TRAIN xgboost.gbtree
        WITH train.external_memory=true, num_boost_round=3 LABEL kind INTO m;
        SELECT x, y, kind FROM points TO TRAIN xgboost.gbtree
        WITH num_boost_round=3 LABEL kind INTO n;
    """
    spooled, plain = run(sql, context)
    assert spooled.input_rows == plain.input_rows == 60
    assert spooled.model is not None
    assert plain.model is not None
    for name in ("rows", "data_fingerprint", "metrics"):
        assert spooled.model.metadata[name] == plain.model.metadata[name]


def test_copies_of_dates_are_read_as_dates(context: RunContext) -> None:
    """Whoever makes them: a table of SQLite, made by a CREATE TABLE … AS of a program, has none."""
    days = pa.array([i % 30 for i in range(60)], pa.int32()).cast(pa.date32())
    table = pa.table({"id": range(60), "day": days, "open": [i % 2 == 0 for i in range(60)]})
    with context.engine.session() as session:
        session.replace_table(("days",), table.to_reader())
    run(
        f"""
        SELECT day, open FROM days {TRAIN} LABEL open INTO m;
        SELECT id, day FROM days TO PREDICT straight.open USING m;
        SELECT d.id, d.day FROM days d JOIN points p ON d.id = p.id TO PREDICT joined.open USING m;
        CREATE TABLE copy AS SELECT id, day FROM days;
        SELECT * FROM copy TO PREDICT copied.open USING m;
        CREATE TEMP TABLE half AS SELECT id, day FROM days WHERE id < 30;
        SELECT * FROM half TO PREDICT halved.open USING m;
        """,
        context,
    )
    query = "SELECT id, day, open FROM {} ORDER BY id"
    straight = rows(query.format("straight"), context)
    assert straight[0]["day"] == date(1970, 1, 1)
    assert rows(query.format("joined"), context) == straight
    for name, count in (("copied", 60), ("halved", 30)):
        opened = [row["open"] for row in rows(query.format(name), context)]
        assert opened == [row["open"] for row in straight[:count]]
