"""Which assets a program becomes, and what each waits for."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from sqlflow_dagster import definitions_from_sql, specs_from_sql
from tests.dagster.iris import EXAMPLES

IRIS = {
    "iris/raw": set(),
    "iris/species": set(),
    "iris/train": {"iris/raw"},
    "iris/test": {"iris/raw", "iris/species"},
    "sqlflow_temporary_train_iris_xgb": {"iris/train", "iris/species"},
    "model/iris_xgb": {"sqlflow_temporary_train_iris_xgb", "iris/test"},
    "model/iris_dnn": {"sqlflow_temporary_train_iris_xgb"},
    "iris/predict": {"iris/test", "model/iris_dnn"},
    "iris/evaluation": {"iris/test", "model/iris_dnn"},
    "iris/explanation": {"iris/test", "model/iris_xgb"},
}
KINDS = {
    "iris/raw": {"duckdb", "table"},
    "iris/species": {"duckdb", "table"},
    "model/iris_xgb": {"sqlflow", "model", "xgboost"},
    "model/iris_dnn": {"sqlflow", "model", "pytorch"},
}


def edges(specs: list[dg.AssetSpec]) -> dict[str, set[str]]:
    return {
        spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps}
        for spec in specs
    }


def by_key(specs: list[dg.AssetSpec]) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in specs}


def write(folder: Path, **programs: str) -> Path:
    for name, text in programs.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


@pytest.fixture(scope="module")
def iris() -> list[dg.AssetSpec]:
    return specs_from_sql(EXAMPLES / "iris.sql")


def test_every_table_and_model_is_an_asset(iris: list[dg.AssetSpec]) -> None:
    assert edges(iris) == IRIS


def test_dagster_sees_the_same_graph() -> None:
    defs = definitions_from_sql(EXAMPLES / "iris.sql", datasource="duckdb:///none.duckdb")
    graph = defs.resolve_asset_graph()
    seen = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert seen == IRIS
    executable = {key.to_user_string() for key in graph.executable_asset_keys}
    assert executable == set(IRIS) - {"iris/raw", "iris/species"}


def test_the_file_is_the_group_and_the_job() -> None:
    defs = definitions_from_sql(EXAMPLES / "iris.sql", datasource="duckdb:///none.duckdb")
    job = defs.resolve_job_def("iris")
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert keys == set(IRIS) - {"iris/raw", "iris/species"}
    made = [spec for spec in defs.resolve_all_asset_specs() if "sqlflow" in spec.kinds]
    assert {spec.group_name for spec in made} == {"iris"}


def test_each_prediction_has_a_check_that_its_job_runs() -> None:
    defs = definitions_from_sql(EXAMPLES / "iris.sql", datasource="duckdb:///none.duckdb")
    checks = defs.resolve_asset_graph().asset_check_keys
    assert [key.to_user_string() for key in checks] == ["iris/predict:as_many_rows_as_its_input"]
    assert checks == defs.resolve_job_def("iris").asset_layer.asset_graph.asset_check_keys


def test_a_prediction_has_a_check_unless_it_is_written_again(tmp_path: Path) -> None:
    write(
        tmp_path,
        changed="SELECT * FROM d TO PREDICT changed_out.p USING m; DELETE FROM changed_out",
        kept="SELECT * FROM a TO PREDICT kept_out.p USING m",
        dropped="SELECT * FROM b TO PREDICT lost_out.p USING m; DROP TABLE b",
        in_place="SELECT * FROM c TO PREDICT c.p USING m",
    )
    defs = definitions_from_sql(tmp_path, datasource="duckdb:///none.duckdb")
    keys = {key.asset_key.to_user_string() for key in defs.resolve_asset_graph().asset_check_keys}
    assert keys == {"kept_out", "lost_out", "c"}


def test_kinds_say_what_an_asset_is(iris: list[dg.AssetSpec]) -> None:
    table = {"sqlflow", "duckdb", "table"}
    assert {key: spec.kinds for key, spec in by_key(iris).items()} == {
        key: KINDS.get(key, table) for key in IRIS
    }


def test_views_and_printing_statements_have_kinds_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, p="CREATE VIEW v AS SELECT 1 AS n; SELECT n FROM v")
    specs = by_key(specs_from_sql(tmp_path))
    assert specs["v"].kinds == {"sqlflow", "duckdb", "view"}
    assert specs["p/select_v"].kinds == {"sqlflow", "duckdb", "query"}


def test_the_description_is_the_sql(iris: list[dg.AssetSpec]) -> None:
    description = by_key(iris)["iris/train"].description
    assert description is not None
    assert description.startswith("```sql\nCREATE TABLE iris.train AS")


def test_sql_that_holds_a_fence_stays_inside_its_own(tmp_path: Path) -> None:
    write(tmp_path, p="CREATE TABLE t AS SELECT '```' AS fence")
    (spec,) = specs_from_sql(tmp_path)
    assert spec.description == "````sql\nCREATE TABLE t AS SELECT '```' AS fence\n````"


def test_code_references_name_the_file_and_the_line(iris: list[dg.AssetSpec]) -> None:
    path = EXAMPLES / "iris.sql"
    metadata = by_key(iris)["model/iris_dnn"].metadata["dagster/code_references"]
    (reference,) = metadata.code_references
    assert reference.file_path == str(path)
    line = path.read_text().splitlines()[reference.line_number - 1]
    assert line.startswith("SELECT t.sepal_length")
    assert path.read_text().splitlines()[reference.line_number + 2] == "TO TRAIN DNNClassifier"


def test_a_segment_refers_to_each_of_its_statements(tmp_path: Path) -> None:
    write(tmp_path, p="CREATE TABLE t (n INT);\n\nINSERT INTO t VALUES (1);\n")
    (spec,) = specs_from_sql(tmp_path)
    references = spec.metadata["dagster/code_references"].code_references
    assert [reference.line_number for reference in references] == [1, 3]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        pytest.param("CREATE TABLE t AS SELECT 2 AS n", True, id="another_value"),
        pytest.param("-- one\nCREATE TABLE t AS /* it */ SELECT 1 AS n", False, id="comments"),
        pytest.param("CREATE TABLE t\n  AS SELECT 1 AS n;", False, id="blanks"),
        pytest.param("CREATE TABLE t AS SELECT 1 AS n; SELECT 3", False, id="another_statement"),
    ],
)
def test_the_code_version_follows_the_meaning(tmp_path: Path, text: str, changes: bool) -> None:
    def version() -> str | None:
        return by_key(specs_from_sql(tmp_path))["t"].code_version

    write(tmp_path, p="CREATE TABLE t AS SELECT 1 AS n")
    before = version()
    write(tmp_path, p=text)
    assert (version() != before) is changes


def test_lineage_crosses_files_whatever_their_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_reader="CREATE TABLE c AS SELECT * FROM b JOIN outside USING (n)",
        b_maker="CREATE TABLE b AS SELECT * FROM outside",
        c_user="SELECT * FROM c TO PREDICT d.p USING m",
        d_trainer="SELECT * FROM c TO TRAIN xgboost.gbtree LABEL n INTO m",
    )
    assert edges(specs_from_sql(tmp_path)) == {
        "outside": set(),
        "b": {"outside"},
        "c": {"b", "outside"},
        "model/m": {"c"},
        "d": {"c", "model/m"},
    }


def test_segments_of_one_table_are_assets_in_a_row(tmp_path: Path) -> None:
    write(
        tmp_path,
        p="CREATE TABLE t AS SELECT 1 AS n; CREATE TABLE u AS SELECT * FROM t;"
        "INSERT INTO t VALUES (2)",
    )
    assert edges(specs_from_sql(tmp_path)) == {"t__v1": set(), "u": {"t__v1"}, "t": {"t__v1", "u"}}


def test_a_table_that_is_read_before_it_is_written_makes_no_circle(tmp_path: Path) -> None:
    write(tmp_path, p="INSERT INTO u SELECT * FROM t; INSERT INTO t SELECT * FROM u")
    assert edges(specs_from_sql(tmp_path)) == {"u": set(), "t": {"u"}}


def test_specs_need_no_database_and_no_library_of_data() -> None:
    script = (
        "import sys\n"
        "from sqlflow_dagster import specs_from_sql\n"
        f"assert len(specs_from_sql({str(EXAMPLES / 'iris.sql')!r})) == {len(IRIS)}\n"
        "heavy = {'duckdb', 'torch', 'xgboost', 'sklearn', 'scipy', 'pandas', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
