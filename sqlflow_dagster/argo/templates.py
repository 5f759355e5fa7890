"""The template of one step: a container, when it is retried, what it locks."""

from typing import Any

from sqlflow_dagster.argo.arguments import container_arguments
from sqlflow_dagster.argo.external_programs import program_container
from sqlflow_dagster.argo.names import EXPRESSION_WORDS, kubernetes_name
from sqlflow_dagster.argo.step_text import step_text
from sqlflow_dagster.errors import ExitCode
from sqlflow_dagster.graph.datasources import variable_of
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.external_programs import DATASOURCE_VARIABLE
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.graph.resources import Resources, step_resources
from sqlflow_dagster.lang.statements import RunStatement
from sqlflow_dagster.model_store.settings import STORE_VARIABLE

DAG = "program"
SECRET_KEY = "datasource"  # noqa: S105  # the name of an entry, not its value
MODEL_STORE_KEY = "model-store"
COMMAND = "sqlflow"
PROGRAM_LABEL = "sqlflow/program"
STEP_LABEL = "sqlflow/step"

_RESERVED = EXPRESSION_WORDS | {DAG}
_LOCKED = frozenset({ObjectKind.TABLE, ObjectKind.MODEL})
_FRESH = frozenset(
    {Mode.CREATE, Mode.ENSURE, Mode.REPLACE, Mode.OVERWRITE, Mode.TRUNCATE, Mode.DROP}
)
_TERMINATED, _KILLED = 143, 137
# An evicted or preempted pod ends in an error or is asked to terminate. Memory that ran out looks like any
# other kill: one attempt more is worth it, two are not.
RETRY_EXPRESSION = (
    "lastRetry.status == 'Error'"
    f" || asInt(lastRetry.exitCode) in [{ExitCode.TRANSIENT:d}, {_TERMINATED}]"
    f" || (asInt(lastRetry.exitCode) == {_KILLED} && asInt(retries) == 0)"
)


def task_name(step: Step) -> str:
    """The name of a step's template, its task and its pods' label."""
    return kubernetes_name(step.name, reserved=_RESERVED)


def step_template(
    step: Step, program: Program, *, image: str, secret: str, settings: str
) -> dict[str, Any]:
    """The template of a step.

    Args:
        step: The step.
        program: Its program.
        image: The container image, unless the step asks for another.
        secret: The Secret that holds the data source.
        settings: The ConfigMap and the Secret whose entries are further environment variables; neither need be
            there.

    Raises:
        CompileError: A ``resources.*`` setting is wrong, or the statement cannot be run alone.
    """
    asked = step_resources(step)
    template: dict[str, Any] = {"name": task_name(step), "metadata": _metadata(step)}
    if asked.node_selector:
        template["nodeSelector"] = dict(asked.node_selector)
    if retried(step, program):
        template["retryStrategy"] = _retry_strategy()
    mutexes = _mutexes(step)
    if mutexes:
        template["synchronization"] = {"mutexes": [{"name": name} for name in mutexes]}
    template["container"] = {
        "image": asked.image or image,
        **_container(step, program, secret),
        "envFrom": [
            {kind: {"name": settings, "optional": True}} for kind in ("configMapRef", "secretRef")
        ],
        **_container_resources(asked),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return template


def _container(step: Step, program: Program, secret: str) -> dict[str, Any]:
    environment = _environment(step, secret)
    if isinstance(step.statement, RunStatement):
        container = program_container(step, step.statement)
        return {**container, "env": [*environment, *container["env"]]}
    arguments = container_arguments(step_text(step, program))
    return {"command": [COMMAND], "args": arguments, "env": environment}


def _environment(step: Step, secret: str) -> list[dict[str, Any]]:
    """The variables of a step: models and generated tables are kept in the default data source."""
    keys: dict[str, dict[str, Any]] = {DATASOURCE_VARIABLE: {"key": SECRET_KEY}}
    if step.datasource != DEFAULT_DATASOURCE:
        if isinstance(step.statement, RunStatement):
            # The program is told the data source of its statement, as everywhere.
            keys = {DATASOURCE_VARIABLE: {"key": secret_key(step.datasource)}}
        else:
            keys[variable_of(step.datasource)] = {"key": secret_key(step.datasource)}
    keys[STORE_VARIABLE] = {"key": MODEL_STORE_KEY, "optional": True}
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, **key}}}
        for name, key in keys.items()
    ]


def secret_key(datasource: str) -> str:
    """The entry of the Secret that holds a data source's URL: ``datasource``, ``datasource-pg``."""
    return SECRET_KEY if datasource == DEFAULT_DATASOURCE else f"{SECRET_KEY}-{datasource}"


def _metadata(step: Step) -> dict[str, Any]:
    return {"labels": {STEP_LABEL: task_name(step)}}


def retried(step: Step, program: Program) -> bool:
    """Whether running a step again leaves the same data, whatever became of the first attempt."""
    if step.effects.barrier or not program.segment_of(step.index).rerunnable:
        return False
    first: dict[object, Mode] = {}
    for write in step.effects.writes:
        first.setdefault(write.ref, write.mode)
    # An INSERT may stand in a segment that is re-runnable because a CREATE stands before it.
    return all(mode in _FRESH for mode in first.values()) and not step.reads & first.keys()


def _retry_strategy() -> dict[str, Any]:
    return {
        "limit": "2",
        "retryPolicy": "Always",
        "expression": RETRY_EXPRESSION,
        "backoff": {"duration": "10s", "factor": "2"},
    }


def _mutexes(step: Step) -> list[str]:
    """The locks of a step: one for each table and model it writes."""
    written = (ref for ref in step.writes if ref.kind in _LOCKED)
    return sorted(kubernetes_name(f"sqlflow_{ref.kind}_{ref.called}") for ref in written)


def _container_resources(asked: Resources) -> dict[str, Any]:
    requests = {"cpu": asked.cpu, "memory": asked.memory}
    # Without a limit of processors, a step uses those that nobody else wants.
    limits = {
        "memory": asked.memory,
        "nvidia.com/gpu": None if asked.gpu is None else str(asked.gpu),
    }
    sections = {"requests": requests, "limits": limits}
    given = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in sections.items()
    }
    resources = {section: values for section, values in given.items() if values}
    return {"resources": resources} if resources else {}
