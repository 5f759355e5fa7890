"""A program as a Workflow, a WorkflowTemplate or a CronWorkflow.

Only fields that Argo 3.6 to 4.1 know are written, in one order: the same program gives the same bytes.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlflow_dagster.argo.lint import lint
from sqlflow_dagster.argo.names import CRON_MAX_LENGTH, MAX_LENGTH, kubernetes_name
from sqlflow_dagster.argo.templates import DAG, PROGRAM_LABEL, step_template, task_name
from sqlflow_dagster.argo.yaml_text import to_yaml
from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic
from sqlflow_dagster.graph.program import Program

API_VERSION = "argoproj.io/v1alpha1"
DEFAULT_SECRET = "sqlflow-datasource"  # noqa: S105  # a name, not what it holds
DEFAULT_SETTINGS = "sqlflow-settings"
DEFAULT_SERVICE_ACCOUNT = "sqlflow"
_DAY = 24 * 60 * 60
# Kubernetes appends five characters to a generated name, and a dash stands before them.
_GENERATED_MAX_LENGTH = MAX_LENGTH - len("-12345")


class Kind(StrEnum):
    """What a program becomes."""

    WORKFLOW = "workflow"  # runs once, when it is created
    WORKFLOW_TEMPLATE = "workflow-template"  # runs whenever somebody submits it
    CRON = "cron"  # runs at given times


def default_image() -> str:
    """What ``argo/README.md`` calls the image that it builds."""
    return f"sqlflow-dagster:{version('sqlflow-dagster')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """How a program is rendered.

    Attributes:
        kind: What it becomes.
        name: Its name in the cluster; None for one made of the program's name.
        namespace: Where it is created; None to leave that to whoever creates it.
        image: The container image of the steps that ask for no other; None for :func:`default_image`.
        secret: The Secret whose entry ``datasource`` is the URL of the data source.
        settings: The ConfigMap and the Secret whose entries are the steps' other environment variables, such as
            ``SQLFLOW_TRAINERS``; neither need be there.
        service_account: Whose rights the pods have.
        parallelism: The most pods at once; None for no limit.
        deadline: How long the whole may take, in seconds; None for no limit.
        schedule: When it runs, as in a crontab; for :attr:`Kind.CRON` only, and needed there.
        timezone: Of the schedule; None for the cluster's.
    """

    kind: Kind = Kind.WORKFLOW
    name: str | None = None
    namespace: str | None = None
    image: str | None = None
    secret: str = DEFAULT_SECRET
    settings: str = DEFAULT_SETTINGS
    service_account: str = DEFAULT_SERVICE_ACCOUNT
    parallelism: int | None = None
    deadline: int | None = None
    schedule: str | None = None
    timezone: str | None = None


def render_yaml(program: Program, options: RenderOptions | None = None) -> str:
    """The manifest of a program as YAML; see :func:`render`."""
    return to_yaml(render(program, options))


def render(program: Program, options: RenderOptions | None = None) -> dict[str, Any]:
    """The manifest of a program as plain data.

    Args:
        program: The program.
        options: How it is rendered; None for a Workflow with every default.

    Raises:
        CompileError: A statement cannot be run by a pod of its own, a ``resources.*`` setting is wrong, or
            Kubernetes or Argo would refuse the manifest.
    """
    options = options or RenderOptions()
    if options.schedule is not None and options.kind is not Kind.CRON:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.NOT_FOR_ARGO, message=f"a schedule is not for the kind {options.kind}"
                )
            ]
        )
    if not program.steps:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.NOT_FOR_ARGO, message=f"the program {program.name} has no statement"
                )
            ]
        )
    spec = _workflow_spec(program, options)
    match options.kind:
        case Kind.WORKFLOW:
            document = _manifest("Workflow", program, options, spec)
        case Kind.WORKFLOW_TEMPLATE:
            spec["workflowMetadata"] = {"labels": _labels(program)}
            document = _manifest("WorkflowTemplate", program, options, spec)
        case Kind.CRON:
            cron = _cron_spec(program, options, spec)
            document = _manifest("CronWorkflow", program, options, cron)
    findings = lint(document)
    if findings:
        raise CompileError(
            [Diagnostic(code=Code.NOT_FOR_ARGO, message=str(finding)) for finding in findings]
        )
    return document


def _manifest(
    kind: str, program: Program, options: RenderOptions, spec: dict[str, Any]
) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if options.name is not None:
        metadata["name"] = options.name
    elif options.kind is Kind.WORKFLOW:
        # Each creation is a run: a name of its own keeps it apart from the former ones.
        metadata["generateName"] = f"{kubernetes_name(program.name, limit=_GENERATED_MAX_LENGTH)}-"
    else:
        limit = CRON_MAX_LENGTH if options.kind is Kind.CRON else MAX_LENGTH
        metadata["name"] = kubernetes_name(program.name, limit=limit)
    if options.namespace is not None:
        metadata["namespace"] = options.namespace
    metadata["labels"] = _labels(program)
    metadata["annotations"] = {
        "workflows.argoproj.io/title": _text(program.name),
        "workflows.argoproj.io/description": _text(_description(program)),
    }
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _labels(program: Program) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": "sqlflow-dagster",
        PROGRAM_LABEL: kubernetes_name(program.name),
    }


def _description(program: Program) -> str:
    # Not the whole path: where the file lay is nobody's business in the cluster.
    file = Path(program.source.path).name if program.source.path else program.name
    count = len(program.steps)
    return f"The SQL program {file} in {count} {'step' if count == 1 else 'steps'}"


def _text(text: str) -> str:
    """A text for people in which Argo finds nothing to replace."""
    return text.replace("{{", "{ {")


def _workflow_spec(program: Program, options: RenderOptions) -> dict[str, Any]:
    limits = {
        "parallelism": options.parallelism,
        "activeDeadlineSeconds": options.deadline,
    }
    return {
        "entrypoint": DAG,
        "serviceAccountName": options.service_account,
        **{name: value for name, value in limits.items() if value is not None},
        "ttlStrategy": {"secondsAfterCompletion": _DAY, "secondsAfterFailure": 7 * _DAY},
        # The delay lets whoever follows a log read it to its end.
        "podGC": {"strategy": "OnPodSuccess", "deleteDelayDuration": "60s"},
        "podMetadata": {"labels": _labels(program)},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "templates": [_dag(program), *_step_templates(program, options)],
    }


def _step_templates(program: Program, options: RenderOptions) -> list[dict[str, Any]]:
    image = options.image or default_image()
    templates: list[dict[str, Any]] = []
    problems: list[Diagnostic] = []
    for step in program.steps:
        try:
            template = step_template(
                step, program, image=image, secret=options.secret, settings=options.settings
            )
            templates.append(template)
        except CompileError as error:
            problems += error.diagnostics
    if problems:
        raise CompileError(problems)
    return templates


def _dag(program: Program) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = []
    for step in program.steps:
        task: dict[str, Any] = {"name": task_name(step), "template": task_name(step)}
        before = sorted(task_name(program.steps[index]) for index in step.waits_for)
        if before:
            task["depends"] = " && ".join(f"{name}.Succeeded" for name in before)
        tasks.append(task)
    # What does not wait for a failed step runs to its end.
    return {"name": DAG, "dag": {"failFast": False, "tasks": tasks}}


def _cron_spec(
    program: Program, options: RenderOptions, workflow_spec: dict[str, Any]
) -> dict[str, Any]:
    spec: dict[str, Any] = {"schedules": [options.schedule] if options.schedule else []}
    if options.timezone is not None:
        spec["timezone"] = options.timezone
    spec |= {
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 300,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "workflowMetadata": {"labels": _labels(program)},
        "workflowSpec": workflow_spec,
    }
    return spec
