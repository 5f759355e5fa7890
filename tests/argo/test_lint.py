"""What the checks find, each in a manifest that is right but for one thing."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sqlflow_dagster import compile_program
from sqlflow_dagster.argo.lint import lint
from sqlflow_dagster.argo.lint_templates import kubelet_references
from sqlflow_dagster.argo.render import Kind, RenderOptions, render
from tests.argo.manifests import Document, expanded

ARGO = Path(__file__).parents[2] / "argo"
GOOD = render(compile_program("CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT * FROM a"))
CRON = render(compile_program("SELECT 1"), RenderOptions(kind=Kind.CRON, schedule="@daily"))

Change = Callable[[Document], object]


def findings(document: Document, change: Change) -> list[str]:
    """What is found after a change."""
    changed = copy.deepcopy(document)
    change(changed)
    return [str(item) for item in lint(changed)]


def template(document: Document) -> Document:
    found: Document = document["spec"]["templates"][1]
    return found


def task(document: Document, number: int) -> Document:
    found: Document = document["spec"]["templates"][0]["dag"]["tasks"][number]
    return found


def put(path: str, value: Any) -> Change:
    """A change: the field at a path gets a value."""

    def change(document: Document) -> None:
        node: Any = document
        *parents, last = path.split(".")
        for key in parents:
            node = node[int(key)] if key.isdigit() else node[key]
        if value is None:
            del node[last]
        else:
            node[int(last) if last.isdigit() else last] = value

    return change


TEMPLATE = "spec.templates.1"
FIRST, SECOND = "spec.templates.0.dag.tasks.0", "spec.templates.0.dag.tasks.1"


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        pytest.param("apiVersion", "v1", "apiVersion: must be argoproj.io/v1alpha1", id="version"),
        pytest.param("kind", "Job", "kind: must be one of Workflow, ", id="kind"),
        pytest.param("metadata.name", "a", "metadata: needs one of name and gener", id="two names"),
        pytest.param("metadata.generateName", "A-", "metadata.generateName: must be", id="name"),
        pytest.param(
            "metadata.labels", {"a b": "c"}, "metadata.labels: 'a b' is no name", id="label"
        ),
        pytest.param(
            "metadata.labels",
            {"a": "c d"},
            "metadata.labels.a: 'c d' is no value",
            id="label value",
        ),
        pytest.param(
            "spec.entrypoint", "x", "spec.entrypoint: no template is called 'x'", id="entrypoint"
        ),
        pytest.param("spec.entrypoint", None, "spec.entrypoint: is needed", id="no entrypoint"),
        pytest.param("spec.onExit", "x", "spec.onExit: no template is called 'x'", id="exit"),
        pytest.param(
            "spec.parallelism", "2", "spec.parallelism: must be a whole", id="parallelism"
        ),
        pytest.param(
            "spec.podGC.strategy", "Never", "spec.podGC.strategy: must be one of", id="pod gc"
        ),
        pytest.param("spec.templates", [], "spec.templates: needs a template", id="no template"),
        pytest.param(
            f"{TEMPLATE}.name", "Create-A", "spec.templates[1].name: must be at most", id="case"
        ),
        pytest.param(
            f"{TEMPLATE}.suspend", {}, "spec.templates[1]: needs one of container,", id="two kinds"
        ),
        pytest.param(
            f"{TEMPLATE}.container",
            None,
            "spec.templates[1]: needs one of container,",
            id="no kind",
        ),
        pytest.param(
            f"{TEMPLATE}.parallelism", 2, "is for templates with tasks only", id="parallel leaf"
        ),
        pytest.param(
            "spec.templates.0.activeDeadlineSeconds",
            "2",
            "is for templates with a container only",
            id="deadline of a dag",
        ),
        pytest.param(
            f"{TEMPLATE}.activeDeadlineSeconds",
            60,
            "spec.templates[1].activeDeadlineSeconds: must be a number in quotes, and is 60",
            id="deadline as a number",
        ),
        pytest.param(
            f"{TEMPLATE}.retryStrategy.limit",
            2,
            "retryStrategy.limit: must be a number in quotes, and is 2",
            id="limit as a number",
        ),
        pytest.param(
            f"{TEMPLATE}.retryStrategy.retryPolicy",
            "Never",
            "retryPolicy: must be one",
            id="policy",
        ),
        pytest.param(
            f"{TEMPLATE}.retryStrategy.backoff.duration", 10, "must be a duration", id="duration"
        ),
        pytest.param(
            f"{TEMPLATE}.synchronization.mutex", {"name": "x"}, "write the list mutexes", id="mutex"
        ),
        pytest.param(
            f"{TEMPLATE}.synchronization.mutexes",
            [{"name": "b"}, {"name": "a"}],
            "mutexes: must be sorted and different",
            id="order of locks",
        ),
        pytest.param(f"{TEMPLATE}.container.image", "", "image: must be the name", id="image"),
        pytest.param(f"{TEMPLATE}.container.command", [], "command: is needed", id="command"),
        pytest.param(
            f"{TEMPLATE}.container.args.1",
            "SELECT '{{workflow.name}}'",
            "args[1]: Argo replaces what stands between",
            id="braces",
        ),
        pytest.param(
            f"{TEMPLATE}.container.args.1",
            "SELECT '$(SQLFLOW_DATASOURCE)'",
            "args[1]: the kubelet puts the value of SQLFLOW_DATASOURCE here; double the dollar",
            id="dollar",
        ),
        pytest.param(f"{TEMPLATE}.container.args.1", 7, "args[1]: must be a text", id="number"),
        pytest.param(
            f"{TEMPLATE}.container.args.1",
            "$$" * 70_000,
            "without the kubelet, which leaves doubled dollars doubled",
            id="large with dollars",
        ),
        pytest.param(
            f"{TEMPLATE}.container.env.0",
            {"name": "SQLFLOW_DATASOURCE", "value": "duckdb:///x"},
            "env[0].value: the data source may hold a password",
            id="data source in the clear",
        ),
        pytest.param(f"{TEMPLATE}.container.env.0.name", "a b", "no name of a var", id="variable"),
        pytest.param(
            f"{TEMPLATE}.container.env.0.value", "x", "env[0]: needs one of value", id="two values"
        ),
        pytest.param(
            f"{TEMPLATE}.container.envFrom.0.configMapRef.name", "a b", "no name", id="settings"
        ),
        pytest.param(f"{FIRST}.name", "1a", "must be letters, digits and dashes", id="digit"),
        pytest.param(f"{FIRST}.name", "in", "'in' is a word of the language", id="keyword"),
        pytest.param(f"{FIRST}.name", "create-b", "several tasks are called", id="one name twice"),
        pytest.param(f"{FIRST}.template", "x", "no template is called 'x'", id="template"),
        pytest.param(f"{FIRST}.template", None, "needs one of template, temp", id="no template in"),
        pytest.param(f"{SECOND}.depends", "x.Succeeded", "no task is called 'x'", id="no task"),
        pytest.param(
            f"{SECOND}.depends", "create-a.Done", "'Done' is no result of a task", id="result"
        ),
        pytest.param(
            f"{SECOND}.depends", "create-a.AllFailed", "is for tasks that are repeated", id="loop"
        ),
        pytest.param(f"{SECOND}.depends", "create-a &&", "cannot be read", id="half a condition"),
        pytest.param(f"{SECOND}.depends", "(create-a", "cannot be read", id="parenthesis"),
        pytest.param(f"{SECOND}.depends", "create-a)", "cannot be read", id="other parenthesis"),
        pytest.param(f"{SECOND}.depends", "create-a or x", "cannot be read", id="word"),
        pytest.param(f"{SECOND}.depends", "create-a, x", "cannot be read", id="comma"),
        pytest.param(
            f"{SECOND}.dependencies", ["create-a"], "does not go with depends", id="dependencies"
        ),
        pytest.param(
            f"{FIRST}.depends",
            "create-b",
            "wait for each other in a circle: create-",
            id="circle",
        ),
        pytest.param(
            "metadata.annotations.note", "x" * 1_000_000, "bytes, and Kubernetes takes", id="size"
        ),
    ],
)
def test_finds(path: str, value: Any, finding: str) -> None:
    found = findings(GOOD, put(path, value))
    assert any(finding in item for item in found), found


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        pytest.param("metadata.name", "n" * 53, "must be at most 52", id="length of the name"),
        pytest.param("spec.schedule", "@daily", "write the list schedules", id="removed"),
        pytest.param("spec.schedules", [], "needs a schedule", id="none"),
        pytest.param("spec.schedules.0", "0 3 * *", "the five fields", id="four fields"),
        pytest.param("spec.timezone", "Mars", "'Mars' is no time zone", id="time zone"),
        pytest.param("spec.concurrencyPolicy", "No", "must be one of Allow, F", id="concurrency"),
    ],
)
def test_finds_in_a_cron_workflow(path: str, value: Any, finding: str) -> None:
    found = findings(CRON, put(path, value))
    assert any(finding in item for item in found), found


@pytest.mark.parametrize(
    "schedule", ["0 3 * * *", "*/15 0-6,22-23 1 JAN MON-FRI", "@hourly", "@every 90m", "0 0 ? * *"]
)
def test_takes_a_schedule(schedule: str) -> None:
    assert findings(CRON, put("spec.schedules.0", schedule)) == []


@pytest.mark.parametrize(
    "depends",
    [
        "create-a",
        "create-a.Succeeded || create-a.Skipped",
        "!create-a.Failed && (create-a.Succeeded||create-a.Daemoned)",
        "!(!create-a)",
    ],
)
def test_takes_a_condition(depends: str) -> None:
    assert findings(GOOD, put(f"{SECOND}.depends", depends)) == []


@pytest.mark.parametrize("document", [None, [], "x", {}, {"kind": "Workflow"}, {"kind": []}])
def test_anything_can_be_checked(document: object) -> None:
    assert lint(document)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("a $ b $", [], id="dollars"),
        pytest.param("$$(A)", [], id="doubled"),
        pytest.param("$$$(A)", ["A"], id="doubled and one more"),
        pytest.param("$(A) $(B)", ["A", "B"], id="two"),
        pytest.param("$(A", [], id="never closed"),
        pytest.param("$($(A)", ["$(A"], id="nested"),
    ],
)
def test_knows_what_a_kubelet_replaces(text: str, names: list[str]) -> None:
    assert kubelet_references(text) == names
    assert (expanded(text, dict.fromkeys(names, "!")) != expanded(text, {})) == bool(names)


@pytest.mark.parametrize("path", sorted((ARGO / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_the_examples_have_no_findings(path: Path) -> None:
    assert lint(yaml.safe_load(path.read_text(encoding="utf-8"))) == []
