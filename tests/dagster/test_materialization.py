"""What a run of a program leaves in the data source and tells Dagster."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sqlflow_dagster import definitions_from_sql, materialization, open_engine
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.runtime.results import StepResult
from tests.dagster.iris import EXAMPLES, FEATURES, load_iris_tables

PROGRAM = (EXAMPLES / "no_torch" / "iris.sql").read_text()
LEAVES = """
CREATE TABLE notes (flower TEXT, text TEXT);
INSERT INTO notes VALUES ('rose|red', '<b>*bold*</b>'), ('tulip', NULL);
SELECT * FROM notes ORDER BY flower;
CREATE VIEW words AS SELECT text FROM notes;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The finished run of a program, and the instance that knows of it."""

    defs: dg.Definitions
    engine: Engine
    instance: dg.DagsterInstance

    def metadata(self, key: str) -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(key.split("/")))
        assert event is not None
        made = event.asset_materialization
        assert made is not None
        return {name: item.value for name, item in made.metadata.items()}

    def materialize(self, *keys: str, job: str = "iris") -> dg.ExecuteInProcessResult:
        selection = [dg.AssetKey(key.split("/")) for key in keys] or None
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, asset_selection=selection, raise_on_error=False
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.engine.session() as session:
            rows: list[dict[str, Any]] = session.read(query).read_all().to_pylist()
        return rows


def open_run(folder: Path, instance: dg.DagsterInstance, **programs: str) -> Run:
    url = f"duckdb:///{folder / 'data.duckdb'}"
    for name, text in programs.items():
        (folder / f"{name}.sql").write_text(text)
    defs = definitions_from_sql(folder, datasource=url)
    return Run(defs=defs, engine=open_engine(url), instance=instance)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        yield instance


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, instance: dg.DagsterInstance) -> Run:
    """The program without a neural network and one with leaves, each run once."""
    run = open_run(tmp_path_factory.mktemp("iris"), instance, iris=PROGRAM, leaves=LEAVES)
    load_iris_tables(run.engine)
    assert run.materialize().success
    assert run.materialize(job="leaves").success
    return run


def test_a_table_has_its_columns_and_types(run: Run) -> None:
    schema = run.metadata("iris/test")["dagster/column_schema"]
    assert {column.name: column.type for column in schema.columns} == {
        "id": "BIGINT",
        **dict.fromkeys(FEATURES, "DOUBLE"),
        "species": "VARCHAR",
        "class": "BIGINT",
    }


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("iris/train", 120),
        ("iris/test", 30),
        ("sqlflow_temporary_train_iris_xgb", 120),
        ("iris/predict", 30),
        ("iris/evaluation", 1),
    ],
)
def test_a_table_has_its_number_of_rows(run: Run, key: str, rows: int) -> None:
    assert run.metadata(key)["dagster/row_count"] == rows


def test_a_table_has_its_name_and_its_sql(run: Run) -> None:
    metadata = run.metadata("iris/test")
    assert metadata["dagster/table_name"] == "iris.test"
    assert metadata["sql"].startswith("```sql\nCREATE TABLE iris.test AS\nSELECT r.*, s.class")


def test_a_table_tells_where_its_columns_come_from(run: Run) -> None:
    lineage = run.metadata("iris/test")["dagster/column_lineage"].deps_by_column
    (source,) = lineage["class"]
    assert (source.asset_key, source.column_name) == (dg.AssetKey(["iris", "species"]), "class")


def test_a_segment_shows_all_its_statements(run: Run) -> None:
    sql = run.metadata("notes")["sql"]
    assert "CREATE TABLE notes" in sql
    assert "INSERT INTO notes" in sql
    assert run.metadata("notes")["dagster/row_count"] == 2


def test_a_view_has_columns_and_no_row_count(run: Run) -> None:
    metadata = run.metadata("words")
    assert [column.name for column in metadata["dagster/column_schema"].columns] == ["text"]
    assert "dagster/row_count" not in metadata


def test_a_printing_statement_shows_its_rows(run: Run) -> None:
    assert run.metadata("leaves/select_notes")["rows"] == (
        "| flower | text |\n| --- | --- |\n| rose\\|red | \\<b>\\*bold\\*\\</b> |\n| tulip | None |"
    )


def test_a_model_tells_how_good_it_is_and_what_it_was_made_of(run: Run) -> None:
    metadata = run.metadata("model/iris_xgb")
    assert metadata["validation accuracy_score"] > 0.9
    assert metadata["baseline accuracy_score"] < 0.5
    assert "| actual |" in metadata["confusion matrix"]
    assert metadata["parameters"]["objective"] == "multi:softprob"
    assert metadata["rows"] == 120
    assert metadata["validation rows"] == 30
    assert metadata["model size in bytes"] > 1000
    features = metadata["features"]
    assert "| feature | input | from | type | encoding |" in features
    assert [name for name in FEATURES if name not in features] == []


def test_an_evaluation_tells_its_metrics(run: Run) -> None:
    (row,) = run.rows("SELECT accuracy_score FROM iris.evaluation")
    metadata = run.metadata("iris/evaluation")
    assert metadata["evaluation accuracy_score"] == row["accuracy_score"] > 0.9


def test_an_explanation_shows_its_plot(run: Run) -> None:
    image = run.metadata("iris/explanation")["explanation"]
    assert image.startswith("![explanation](data:image/png;base64,iVBORw0KGgo")
    assert len(image) < materialization.INLINE_BYTES * 1.4


def test_a_large_plot_is_a_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materialization, "INLINE_BYTES", 10)
    assert run.materialize("iris/explanation").success
    path = Path(run.metadata("iris/explanation")["explanation"])
    assert path.name == "explanation.png"
    assert path.is_relative_to(run.instance.storage_directory())
    assert path.read_bytes().startswith(b"\x89PNG")


def test_one_asset_can_be_made_again_alone(run: Run) -> None:
    before = run.rows("FROM iris.predict ORDER BY id")
    result = run.materialize("iris/predict")
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [
        dg.AssetKey(["iris", "predict"])
    ]
    assert run.rows("FROM iris.predict ORDER BY id") == before


def test_a_prediction_passes_its_check(run: Run) -> None:
    result = run.materialize("iris/predict")
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.passed
    counted = {name: item.value for name, item in evaluation.metadata.items()}
    assert counted == {"rows of the table": 30, "rows of the SELECT": 30}


def test_a_prediction_that_lost_rows_fails_its_check(run: Run) -> None:
    with run.engine.session() as session:
        session.execute("DELETE FROM iris.predict WHERE id >= 100")
    check = dg.AssetCheckKey(dg.AssetKey(["iris", "predict"]), "as_many_rows_as_its_input")
    job = dg.define_asset_job("only_check", selection=dg.AssetSelection.checks(check))
    defs = dg.Definitions.merge(run.defs, dg.Definitions(jobs=[job]))
    result = defs.resolve_job_def("only_check").execute_in_process(instance=run.instance)
    assert result.get_asset_materialization_events() == []
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    counted = {name: item.value for name, item in evaluation.metadata.items()}
    assert counted == {"rows of the table": 20, "rows of the SELECT": 30}


DROPPED = """
SELECT r.a, r.y FROM raw AS r JOIN raw AS s ON r.a = s.a
TO TRAIN xgboost.gbtree WITH train.num_boost_round = 1 LABEL y INTO m;
SELECT r.a FROM raw AS r JOIN raw AS s ON r.a = s.a TO PREDICT p.y USING m;
"""


def test_a_prediction_on_a_table_that_is_dropped_is_checked_against_what_it_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop.sql").write_text(DROPPED)
    url = f"duckdb:///{tmp_path / 'data.duckdb'}"
    defs = definitions_from_sql(tmp_path, datasource=url, temp_tables_life="drop_after_run")
    engine = open_engine(url)
    with engine.session() as session:
        session.execute("CREATE TABLE raw AS SELECT range AS a, range % 3 AS y FROM range(30)")
    check = dg.AssetCheckKey(dg.AssetKey("p"), "as_many_rows_as_its_input")
    job = dg.define_asset_job("only_check", selection=dg.AssetSelection.checks(check))
    defs = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("shop").execute_in_process(instance=instance)
        with engine.session() as session:
            assert [n for *_, n in session.tables() if n.startswith("sqlflow_temporary_")] == []
            session.execute("DELETE FROM p WHERE a < 10")
        again = defs.resolve_job_def("only_check").execute_in_process(instance=instance)
    found = [
        (item.passed, {name: value.value for name, value in item.metadata.items()})
        for result in (done, again)
        for item in result.get_asset_check_evaluations()
    ]
    assert found == [
        (True, {"rows of the table": 30, "rows of the SELECT": 30}),
        (False, {"rows of the table": 20, "rows of the SELECT": 30}),
    ]


def test_everything_a_second_time_leaves_the_same_data(run: Run) -> None:
    tables = ["iris.train", "iris.test", "iris.predict", "iris.evaluation", "iris.explanation"]
    assert run.materialize().success
    before = {table: run.rows(f"FROM {table} ORDER BY ALL") for table in tables}
    version = run.metadata("model/iris_xgb")["model version"]
    assert run.materialize().success
    assert {table: run.rows(f"FROM {table} ORDER BY ALL") for table in tables} == before
    assert run.metadata("model/iris_xgb")["model version"] == version + 1
    assert run.metadata("iris/predict")["model version"] == version + 1


APPENDS = """
CREATE TABLE t AS SELECT 1 AS n;
CREATE TABLE u AS SELECT count(*) AS n FROM t;
INSERT INTO t VALUES (2);
"""
ADVICE = (
    "t needs another version of a table than its last: run alone, it would leave other data than the "
    "whole program. Nothing was changed.\nhint: select t__v1 too"
)


@pytest.fixture
def appended(tmp_path: Path, instance: dg.DagsterInstance) -> Run:
    run = open_run(tmp_path, instance, p=APPENDS)
    assert run.materialize(job="p").success
    return run


def failure(result: dg.ExecuteInProcessResult, step: str) -> str:
    data = result.failure_data_for_node(step)
    assert data is not None
    assert data.user_failure_data is not None
    return str(data.user_failure_data.description)


def test_a_segment_that_appends_refuses_to_run_alone(appended: Run) -> None:
    result = appended.materialize("t", job="p")
    assert not result.success
    assert failure(result, "p__insert_t") == ADVICE
    assert appended.rows("FROM t ORDER BY n") == [{"n": 1}, {"n": 2}]


def test_a_segment_that_appends_refuses_in_a_job_without_the_earlier_one(appended: Run) -> None:
    job = dg.define_asset_job("half", selection=dg.AssetSelection.assets("t"))
    defs = dg.Definitions.merge(appended.defs, dg.Definitions(jobs=[job]))
    result = defs.resolve_job_def("half").execute_in_process(
        instance=appended.instance, raise_on_error=False
    )
    assert failure(result, "p__insert_t") == ADVICE
    assert appended.rows("FROM t ORDER BY n") == [{"n": 1}, {"n": 2}]


def test_a_segment_that_appends_runs_with_the_earlier_one(appended: Run) -> None:
    assert appended.materialize("t", "t__v1", job="p").success
    assert appended.rows("FROM t ORDER BY n") == [{"n": 1}, {"n": 2}]


def test_only_what_can_run_again_is_retried(appended: Run) -> None:
    policies = {
        node.name: node.definition.retry_policy is not None
        for node in appended.defs.resolve_job_def("p").nodes
        if isinstance(node.definition, dg.OpDefinition)
    }
    assert policies == {"p__create_t": True, "p__create_u": True, "p__insert_t": False}


def test_numbers_that_json_cannot_write_are_text(tmp_path: Path) -> None:
    metrics = Metrics(
        values={"r2_score": float("nan")},
        baseline={"r2_score": float("-inf"), "silhouette_score": float("nan")},
        rows=1,
    )
    result = StepResult(metrics=metrics, judged_on="training")
    metadata = materialization.segment_metadata(
        None, [result], sql="SELECT 1", directory=tmp_path, keys={}
    )
    assert metadata["training r2_score"] == "nan"
    assert metadata["baseline r2_score"] == "-inf"
    assert "baseline silhouette_score" not in metadata


def test_a_search_shows_its_trials_in_the_log_and_in_the_metadata(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = open_run(
            tmp_path,
            instance,
            search="""
                CREATE TABLE points AS SELECT range AS x, range > 20 AS y FROM range(40);
                SELECT x, y FROM points TO TRAIN xgboost.gbtree
                WITH num_boost_round = 2, search.max_depth = [1, 3], search.trials = 2,
                    validation.folds = 2
                LABEL y INTO m;
            """,
        )
        done = run.materialize(job="search")
        assert done.success
        metadata = run.metadata("model/m")
        log = "\n".join(item.user_message for item in instance.all_logs(done.run_id))
    assert {"cross-validation loss", "spread of loss over folds", "baseline loss"} <= set(metadata)
    assert metadata["trials"].startswith("| trial | loss | max_depth |\n")
    assert set(metadata["search"]["best"]) == {"max_depth"}
    assert "trial 1 of 2: loss " in log
    assert "the best of 2 trials: loss " in log
    assert "0 of 3: trial 1 of 2: fold 1 of 2: train-logloss " in log
