"""A program that cannot be loaded is an asset that says why; every other program loads."""

from pathlib import Path

import dagster as dg
import pytest

from sqlflow_dagster import SqlflowTranslator, definitions_from_sql, open_engine, specs_from_sql
from sqlflow_dagster.asset_graph import asset_graph
from sqlflow_dagster.program_files import compile_files

GOOD = "CREATE TABLE good AS SELECT 1 AS n"
URL = "duckdb:///none.duckdb"


def write(folder: Path, programs: dict[str, str]) -> None:
    for name, text in programs.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def load(folder: Path) -> dg.Definitions:
    """The definitions of all programs under a folder, checked by Dagster as a code location is."""
    defs = definitions_from_sql(str(folder / "**" / "*.sql"), datasource=URL)
    dg.Definitions.validate_loadable(defs)
    return defs


def shown(defs: dg.Definitions) -> dict[str, str]:
    """The placeholders and what they show."""
    return {
        spec.key.to_user_string(): spec.description or ""
        for spec in defs.resolve_all_asset_specs()
        if "error" in spec.kinds
    }


def keys(defs: dg.Definitions) -> set[str]:
    graph = defs.resolve_asset_graph()
    return {key.to_user_string() for key in graph.executable_asset_keys}


def test_a_syntax_error_is_shown_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, {"good.sql": GOOD, "bad.sql": "SELECT 1;\nSELECT * FROM t TO TRAIN"})
    defs = load(tmp_path)
    assert keys(defs) == {"good"}
    assert shown(defs) == {
        "bad/compile_error": "This program cannot be loaded.\n\n```text\n"
        f"{tmp_path}/bad.sql:2:25: error: expected the name of an estimator after TRAIN, "
        "found the end of the statement [syntax-error]\n"
        "2 | SELECT * FROM t TO TRAIN\n"
        "                            ^\n```"
    }


def test_the_placeholder_leads_to_the_line_and_cannot_be_run(tmp_path: Path) -> None:
    write(tmp_path, {"my-bad.sql": "SELECT 1;\nSELECT * FROM t TO TRAIN"})
    defs = load(tmp_path)
    (spec,) = defs.resolve_all_asset_specs()
    assert spec.group_name == "my_bad"
    assert spec.metadata["sqlflow/path"] == str(tmp_path / "my-bad.sql")
    (reference,) = spec.metadata["dagster/code_references"].code_references
    assert (reference.file_path, reference.line_number) == (str(tmp_path / "my-bad.sql"), 2)
    assert keys(defs) == set()


def test_errors_are_told_to_the_log_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, {"bad.sql": "SELECT * FROM t TO TRAIN"})
    load(tmp_path)
    load(tmp_path)
    (record,) = [item for item in caplog.records if item.name.startswith("sqlflow_dagster")]
    assert record.getMessage().startswith(f"{tmp_path}/bad.sql cannot be loaded\n")
    assert "expected the name of an estimator" in record.getMessage()


def test_the_later_of_two_writers_is_set_apart_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "\n" + GOOD, "b.sql": GOOD + ";CREATE TABLE mine AS SELECT 1"})
    defs = load(tmp_path)
    assert keys(defs) == {"good"}
    text = shown(defs)["b/compile_error"]
    assert f"{tmp_path}/b.sql:1:1: error: table 'good' is written by two programs" in text
    assert f"at {tmp_path}/a.sql:2:1" in text


def test_files_of_one_name_in_two_folders(tmp_path: Path) -> None:
    write(tmp_path, {"x/p.sql": GOOD, "y/p.sql": "CREATE TABLE other AS SELECT 1"})
    defs = load(tmp_path)
    assert keys(defs) == {"good"}
    text = shown(defs)["p/compile_error"]
    assert f"the job and the group 'p': {tmp_path}/x/p.sql and {tmp_path}/y/p.sql" in text


def test_bad_files_of_one_name_have_a_placeholder_each(tmp_path: Path) -> None:
    write(tmp_path, {f"{folder}/p.sql": "SELECT * FROM t TO TRAIN" for folder in "xyz"})
    assert set(shown(load(tmp_path))) == {
        "p/compile_error",
        "p/compile_error_2",
        "p/compile_error_3",
    }


def test_a_circle_through_two_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.sql": "CREATE TABLE t AS SELECT * FROM u",
            "b.sql": "CREATE TABLE u AS SELECT * FROM t",
            "good.sql": GOOD,
        },
    )
    defs = load(tmp_path)
    assert keys(defs) == {"good", "t"}
    text = shown(defs)["b/compile_error"]
    assert "made from each other in a circle: " in text
    assert "t (a) -> u (b)" in text
    assert "move the statements of the circle into one program" in text


def test_a_model_and_a_table_with_one_key(tmp_path: Path) -> None:
    train = "SELECT * FROM r TO TRAIN xgboost.gbtree LABEL n INTO x"
    write(tmp_path, {"p.sql": f"CREATE TABLE model.x AS SELECT 1 AS n;\n{train}", "q.sql": GOOD})
    defs = load(tmp_path)
    assert keys(defs) == {"good"}
    text = shown(defs)["p/compile_error"]
    assert "p.sql:2:1: error: model 'x' would have the asset key 'model/x' of table" in text
    assert f"'model.x' at {tmp_path}/p.sql:1:1" in text


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    write(tmp_path, {"good.sql": GOOD})
    (tmp_path / "latin.sql").write_bytes("SELECT 1;\nSELECT 'é'".encode("latin-1"))
    defs = load(tmp_path)
    assert keys(defs) == {"good"}
    text = shown(defs)["latin/compile_error"]
    assert f"{tmp_path}/latin.sql:2:9: error: the byte 0xe9 is not UTF-8" in text


def test_a_bug_of_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(text: str, **_: object) -> None:
        raise RecursionError(f"no way out of {text}")

    monkeypatch.setattr("sqlflow_dagster.program_files.compile_program", fails)
    write(tmp_path, {"p.sql": GOOD})
    text = shown(load(tmp_path))["p/compile_error"]
    assert f"error: the compiler failed on {tmp_path}/p.sql" in text
    assert f"RecursionError: no way out of {GOOD}" in text
    assert "please report it" in text


def test_a_real_table_with_the_key_of_a_placeholder(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"p.sql": "SELECT * FROM t TO TRAIN", "q.sql": "CREATE TABLE p.compile_error AS SELECT 1"},
    )
    defs = load(tmp_path)
    assert keys(defs) == {"p/compile_error"}
    assert set(shown(defs)) == {"p/compile_error_2"}


def test_all_errors_of_a_program_are_shown(tmp_path: Path) -> None:
    write(tmp_path, {"p.sql": "SELECT * FROM t TO TRAIN;\nSELECT * FROM t TO PREDICT"})
    text = shown(load(tmp_path))["p/compile_error"]
    assert [f"p.sql:{line}:" in text for line in (1, 2)] == [True, True]


def test_an_empty_file_is_no_error_and_no_asset(tmp_path: Path) -> None:
    write(tmp_path, {"empty.sql": "", "comment.sql": "-- nothing yet\n", "good.sql": GOOD})
    defs = load(tmp_path)
    assert keys(defs) == {"good"}
    assert shown(defs) == {}


def test_a_path_that_names_no_file_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"there is no program file {tmp_path}/no.sql"):
        specs_from_sql(tmp_path / "no.sql")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(".", id="directory"),
        pytest.param("*.sql", id="pattern"),
        pytest.param("**/[pq]*.sql", id="recursive_pattern"),
        pytest.param("p[1].sql", id="name_like_a_pattern"),
    ],
)
def test_what_names_files(tmp_path: Path, given: str) -> None:
    write(tmp_path, {"p[1].sql": GOOD, "notes.txt": "no program"})
    (spec,) = specs_from_sql(tmp_path / given)
    assert spec.key == dg.AssetKey("good")


@pytest.mark.parametrize(
    ("file", "job"),
    [
        pytest.param("my-prog.sql", "my_prog", id="dash"),
        pytest.param("2024 q1.sql", "2024_q1", id="blank"),
        pytest.param("import.sql", "import_", id="word_of_python"),
        pytest.param("config.sql", "config_", id="word_of_dagster"),
        pytest.param("日本.sql", "___cf2abf", id="no_letter_that_dagster_takes"),
    ],
)
def test_the_job_of_a_file_is_called_like_it(tmp_path: Path, file: str, job: str) -> None:
    write(tmp_path, {file: f"{GOOD}; SELECT * FROM good"})
    defs = load(tmp_path)
    assert defs.resolve_job_def(job).name == job
    assert keys(defs) == {"good", f"{job}/select_good"}


def test_names_that_dagster_does_not_take_are_made_and_shown(tmp_path: Path) -> None:
    names = ["a b", "a.b", "a-b", "a_b", 'say "hi"', "naïve"]
    quoted = ['"{}"'.format(name.replace('"', '""')) for name in names]
    texts = [f"CREATE TABLE {name} AS SELECT {n} AS n" for n, name in enumerate(quoted)]
    write(tmp_path, {"2024 q1.sql": ";\n".join([*texts, f"SELECT * FROM {quoted[1]}"])})
    url = f"duckdb:///{tmp_path / 'data.duckdb'}"
    defs = definitions_from_sql(tmp_path / "2024 q1.sql", datasource=url)
    result = defs.resolve_job_def("2024_q1").execute_in_process()
    made = {
        event.asset_key: event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    shown_names = {
        spec.key: spec.metadata["dagster/table_name"]
        for spec in defs.resolve_all_asset_specs()
        if "dagster/table_name" in spec.metadata
    }
    real = {"a b", '"a.b"', "a-b", "a_b", '"say ""hi"""', "naïve"}
    assert set(shown_names.values()) == real
    assert {
        key: metadata["dagster/table_name"].value
        for key, metadata in made.items()
        if "dagster/table_name" in metadata
    } == shown_names
    with open_engine(url).session() as session:
        tables = {name for _, name in session.tables()}
        assert set(names) <= tables
        (row,) = session.read('SELECT n FROM "a.b"').read_all().to_pylist()
    assert row == {"n": 1}


def test_a_translator_that_gives_two_nodes_one_key(tmp_path: Path) -> None:
    class Flat(SqlflowTranslator):
        def get_asset_spec(self, node):  # type: ignore[no-untyped-def]
            spec = super().get_asset_spec(node)
            return spec.replace_attributes(key=dg.AssetKey(spec.key.path[-1]))

    texts = {
        "/p/a.sql": "CREATE TABLE x.t AS SELECT * FROM r.t",
        "/p/b.sql": "CREATE TABLE y.t AS SELECT 1",
    }
    graph = asset_graph(compile_files(texts), engine="duckdb", translator=Flat())
    # What no program makes may share a key on purpose: it is another name of that asset.
    assert [spec.key.to_user_string() for spec in graph.specs] == ["t", "b/compile_error"]
    assert "table 'y.t' would have the asset key 't' of table 'x.t' at /p/a.sql:1:1" in str(
        graph.errors
    )
