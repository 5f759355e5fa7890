"""Programs as manifests: what a person reads, and what a cluster does with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sqlflow_dagster import compile_program
from sqlflow_dagster.argo.lint import lint
from sqlflow_dagster.argo.render import (
    Kind,
    RenderOptions,
    default_image,
    render,
    render_yaml,
)
from sqlflow_dagster.cli.argo import render as render_command
from sqlflow_dagster.errors import CompileError
from tests.argo.manifests import container, loaded, tasks, templates, workflow_spec
from tests.golden import assert_golden

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "programs" / "everything.sql"
ALL_OPTIONS = RenderOptions(
    kind=Kind.CRON,
    name="shop-nightly",
    namespace="shop",
    image="registry.example.com/sqlflow:1.0",
    secret="warehouse",
    service_account="runner",
    parallelism=4,
    deadline=7200,
    schedule="0 3 * * *",
    timezone="Europe/Berlin",
)


def rendered(sql: str, **options: object) -> str:
    return render_yaml(compile_program(sql), RenderOptions(**options))  # type: ignore[arg-type]


def test_the_example_of_the_readme_is_fresh() -> None:
    path = ROOT / "examples" / "iris.sql"
    program = compile_program(path.read_text(encoding="utf-8"), path=path)
    assert_golden(ROOT / "argo" / "examples" / "iris.yaml", render_yaml(program))


def test_everything() -> None:
    program = compile_program(PROGRAM.read_text(encoding="utf-8"), path=PROGRAM)
    assert_golden(PROGRAM.with_suffix(".yaml"), render_yaml(program, ALL_OPTIONS))


def test_what_is_rendered_has_no_findings() -> None:
    program = compile_program(PROGRAM.read_text(encoding="utf-8"), path=PROGRAM)
    for kind in Kind:
        options = RenderOptions(kind=kind, schedule="@daily" if kind is Kind.CRON else None)
        assert lint(loaded(render_yaml(program, options))) == []


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    command = [sys.executable, "-m", "sqlflow_dagster.cli", "argo", "render", str(PROGRAM)]
    texts = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_the_workflow_does_not_tell_where_the_program_lay(tmp_path: Path) -> None:
    program = compile_program("CREATE TABLE t AS SELECT 1 AS x", path=tmp_path / "p.sql")
    text = render_yaml(program)
    assert str(tmp_path) not in text
    assert "The SQL program p.sql in 1 step\n" in text


def test_a_task_waits_for_all_that_it_reads_from() -> None:
    text = rendered(
        "CREATE TABLE b AS SELECT 1 AS x; CREATE TABLE a AS SELECT 2 AS x;"
        "CREATE TABLE c AS SELECT * FROM a UNION ALL SELECT * FROM b"
    )
    assert tasks(loaded(text))["create-c"]["depends"] == "create-a.Succeeded && create-b.Succeeded"


@pytest.mark.parametrize(
    ("sql", "retried"),
    [
        pytest.param("CREATE TABLE t AS SELECT 1 AS x", ["create-t"], id="create"),
        pytest.param("INSERT INTO t SELECT 1", [], id="insert"),
        pytest.param(
            "CREATE TABLE t (x INT); INSERT INTO t SELECT 1", ["create-t"], id="insert after create"
        ),
        pytest.param(
            "BEGIN; CREATE TABLE t (x INT); INSERT INTO t SELECT 1; COMMIT",
            ["transaction-t"],
            id="insert after create in a transaction",
        ),
        pytest.param("DELETE FROM t WHERE x = 1", [], id="delete"),
        pytest.param(
            "CREATE OR REPLACE TABLE t AS SELECT x + 1 AS x FROM t", [], id="reads what it writes"
        ),
        pytest.param("SELECT * FROM t", ["select-t"], id="select"),
        pytest.param("CALL anything()", [], id="may do anything"),
        pytest.param("SELECT * FROM t TO PREDICT p.y USING m", ["predict-p"], id="predict"),
    ],
)
def test_only_what_may_run_twice_is_retried(sql: str, retried: list[str]) -> None:
    found = templates(loaded(rendered(sql)))
    assert [name for name, item in found.items() if "retryStrategy" in item] == retried


@pytest.mark.parametrize(
    ("sql", "locks"),
    [
        pytest.param("SELECT * FROM t", [], id="reads only"),
        pytest.param("CREATE TABLE t AS SELECT 1 AS x", ["sqlflow-table-t"], id="table"),
        pytest.param(
            "SELECT * FROM t TO TRAIN xgboost.gbtree LABEL x INTO t",
            ["sqlflow-model-t"],
            id="model, not the table of its name",
        ),
        pytest.param(
            "BEGIN; DELETE FROM b; DELETE FROM a; COMMIT",
            ["sqlflow-table-a", "sqlflow-table-b"],
            id="several, in one order",
        ),
    ],
)
def test_locks_what_it_writes(sql: str, locks: list[str]) -> None:
    _, template = templates(loaded(rendered(sql))).values()
    mutexes = template.get("synchronization", {"mutexes": []})["mutexes"]
    assert [item["name"] for item in mutexes] == locks


def test_one_table_has_one_lock_however_it_is_written() -> None:
    texts = ["CREATE TABLE S.T AS SELECT 1 AS x", 'CREATE TABLE s."t" AS SELECT 1 AS x']
    locks = [list(templates(loaded(rendered(sql))).values())[1]["synchronization"] for sql in texts]
    assert locks[0] == locks[1]


def test_names_that_argo_takes_for_words_are_not_used() -> None:
    names = set(tasks(loaded(rendered("LET x = 1; IF 1; CREATE TABLE a_b AS SELECT 1 AS x"))))
    assert "create-a-b" in names
    assert not {"let", "if"} & names
    assert len(names) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"name": "Not_A_Name"}, "metadata.name: must be at most 63", id="name"),
        pytest.param(
            {"kind": Kind.CRON, "schedule": "@daily", "name": "n" * 53},
            "metadata.name: must be at most 52",
            id="name of a cron workflow",
        ),
        pytest.param({"namespace": "a.b"}, "metadata.namespace: must be", id="namespace"),
        pytest.param({"image": "an image"}, "container.image: must be the name", id="image"),
        pytest.param({"secret": "a b"}, "secretKeyRef.name: 'a b' is no name", id="secret"),
        pytest.param(
            {"kind": Kind.CRON}, "spec.schedules: needs a schedule such as", id="no schedule"
        ),
        pytest.param(
            {"kind": Kind.CRON, "schedule": "at dawn"},
            "spec.schedules[0]: must be the five fields of a crontab",
            id="schedule",
        ),
        pytest.param(
            {"kind": Kind.CRON, "schedule": "@daily", "timezone": "Europe/Berln"},
            "did you mean 'Europe/Berlin'",
            id="time zone",
        ),
        pytest.param({"schedule": "@daily"}, "a schedule is not for the kind workflow", id="kind"),
    ],
)
def test_refuses_what_a_cluster_would_refuse(options: dict[str, object], message: str) -> None:
    with pytest.raises(CompileError) as caught:
        rendered("SELECT 1", **options)
    assert message in str(caught.value)


def test_refuses_a_program_without_a_statement() -> None:
    with pytest.raises(CompileError, match="the program program has no statement"):
        rendered("-- nothing")


def test_tells_every_bad_resource_with_its_place() -> None:
    with pytest.raises(CompileError) as caught:
        rendered(
            "-- sqlflow: resources.memory=8GB\nSELECT 1;\n-- sqlflow: resources.cpus=2\nSELECT 2"
        )
    assert [str(item.span) for item in caught.value.diagnostics] == ["<sql>:1:30", "<sql>:3:13"]


def test_importing_the_renderer_leaves_pyyaml_alone() -> None:
    assert yaml.safe_dump({"a": "n\nm"}) == "a: 'n\n\n  m'\n"
    assert yaml.safe_dump("y") == "y\n...\n"


def test_the_secret_is_only_referred_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLFLOW_DATASOURCE", "postgresql://user:hunter2@db/prod")
    text = rendered("SELECT 1")
    assert "hunter2" not in text
    datasource, store = container(loaded(text), "select")["env"]
    name = "sqlflow-datasource"
    assert datasource["valueFrom"] == {"secretKeyRef": {"name": name, "key": "datasource"}}
    assert store["valueFrom"] == {
        "secretKeyRef": {"name": name, "key": "model-store", "optional": True}
    }


def test_a_step_gets_every_setting_of_the_config_map_and_of_the_secret() -> None:
    assert container(loaded(rendered("SELECT 1")), "select")["envFrom"] == [
        {"configMapRef": {"name": "sqlflow-settings", "optional": True}},
        {"secretRef": {"name": "sqlflow-settings", "optional": True}},
    ]


def test_what_an_operator_applies_has_the_names_that_a_manifest_refers_to() -> None:
    account, *_ = yaml.safe_load_all((ROOT / "argo" / "rbac.yaml").read_text(encoding="utf-8"))
    secret = loaded((ROOT / "argo" / "secret.example.yaml").read_text(encoding="utf-8"))
    options = RenderOptions()
    assert account["metadata"]["name"] == options.service_account
    assert secret["metadata"]["name"] == options.secret
    assert list(secret["stringData"]) == ["datasource"]
    assert default_image() in (ROOT / "argo" / "Dockerfile").read_text(encoding="utf-8")


def test_every_option_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    options = {option for parameter in render_command.params for option in parameter.opts}
    assert {option for option in options if option.startswith("--") and option not in text} == set()


def test_plain_data_is_given_too() -> None:
    program = compile_program("SELECT 1")
    assert workflow_spec(render(program)) == workflow_spec(loaded(render_yaml(program)))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        pytest.param("SELECT * FROM t TO RUN img", "TO RUN img has no CMD", id="no program"),
        pytest.param(
            "SELECT * FROM t TO RUN img CMD 'a', '{{x}}'", "holds '{{'", id="Argo would replace it"
        ),
    ],
)
def test_a_program_that_argo_cannot_start(sql: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        rendered(sql)
    [problem] = caught.value.diagnostics
    assert message in problem.message
    assert problem.span is not None
    assert problem.span.text == sql
