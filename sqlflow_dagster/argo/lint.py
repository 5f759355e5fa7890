"""What Argo, Kubernetes or a kubelet would refuse in a manifest, or take for something else.

The rules are those by which Argo validates workflows, as far as they concern what this package renders,
and some that Argo leaves to the API server, to the run or to nobody: names, numbers that must be texts,
what is replaced in arguments.
"""

import json
import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from sqlflow_dagster.argo.findings import Finding, Node
from sqlflow_dagster.argo.lint_templates import lint_templates
from sqlflow_dagster.argo.names import CRON_MAX_LENGTH, MAX_LENGTH, RFC1123
from sqlflow_dagster.errors import did_you_mean

API_VERSION = "argoproj.io/v1alpha1"
MAX_BYTES = 1_000_000
"""Of a manifest: the store of Kubernetes takes little more, and the status comes on top."""

_NAME_LENGTHS = {
    "Workflow": MAX_LENGTH,
    "WorkflowTemplate": MAX_LENGTH,
    "CronWorkflow": CRON_MAX_LENGTH,
}
_LABEL_NAME = re.compile(r"(?:[a-z0-9][-a-z0-9.]*/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?", re.A)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?", re.A)
_POD_GC = ("OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_CRON_NAME = re.compile(
    r"@(?:yearly|annually|monthly|weekly|daily|midnight|hourly|every \d+[hms]\S*)"
)
_CRON_ITEM = r"(?:\*|\?|\w+(?:-\w+)?)(?:/\d+)?"
_CRON_FIELD = re.compile(rf"{_CRON_ITEM}(?:,{_CRON_ITEM})*", re.A)


def lint(document: object) -> list[Finding]:
    """What is wrong with a manifest.

    Args:
        document: A Workflow, WorkflowTemplate or CronWorkflow as plain data.

    Returns:
        The findings in the order of the manifest; none where it is right.
    """
    return list(_document(Node(document)))


def _document(root: Node) -> Iterator[Finding]:
    if not isinstance(root.value, dict):
        yield root.finding("a manifest is a mapping")
        return
    if root["apiVersion"].value != API_VERSION:
        yield root["apiVersion"].finding(
            f"must be {API_VERSION}, and is {root['apiVersion'].value!r}"
        )
    kind = root["kind"].text
    if kind not in _NAME_LENGTHS:
        yield root["kind"].finding(f"must be one of {', '.join(_NAME_LENGTHS)}, and is {kind!r}")
        return
    yield from _metadata(root["metadata"], _NAME_LENGTHS[kind])
    spec = root["spec"]
    if kind == "CronWorkflow":
        yield from _cron(spec)
        spec = spec["workflowSpec"]
    yield from _workflow(spec, entrypoint_needed=kind != "WorkflowTemplate")
    size = len(json.dumps(root.value, default=str).encode())
    if size > MAX_BYTES:
        yield root.finding(f"has {size} bytes, and Kubernetes takes {MAX_BYTES}; split the program")


def _metadata(metadata: Node, longest: int) -> Iterator[Finding]:
    name, generated = metadata["name"], metadata["generateName"]
    if name.present == generated.present:
        yield metadata.finding("needs one of name and generateName")
    elif name.present:
        yield from _name(name, longest)
    elif not RFC1123.fullmatch(generated.text + "x") or len(generated.text) > longest - 5:
        yield generated.finding(_bad_name(generated, longest - 5))
    if metadata["namespace"].present:
        yield from _name(metadata["namespace"], MAX_LENGTH)
    yield from _labels(metadata["labels"])


def _name(name: Node, longest: int) -> Iterator[Finding]:
    if not RFC1123.fullmatch(name.text) or len(name.text) > longest:
        yield name.finding(_bad_name(name, longest))


def _bad_name(name: Node, longest: int) -> str:
    return (
        f"must be at most {longest} lower-case letters, digits and dashes, "
        f"with a letter or digit at both ends, and is {name.value!r}"
    )


def _labels(labels: Node) -> Iterator[Finding]:
    for name, value in (labels.value or {}).items():
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name):
            yield labels.finding(f"{name!r} is no name of a label")
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            yield labels[name].finding(
                f"{value!r} is no value of a label: at most 63 letters, digits, '-_.'"
            )


def _cron(spec: Node) -> Iterator[Finding]:
    if "schedule" in spec:
        yield spec["schedule"].finding("was removed from Argo; write the list schedules")
    schedules = spec["schedules"]
    if not schedules.value:
        yield schedules.finding("needs a schedule such as '0 3 * * *'")
    for schedule in schedules:
        fields = schedule.text.split()
        crontab = len(fields) == 5 and all(map(_CRON_FIELD.fullmatch, fields))
        if not crontab and not _CRON_NAME.fullmatch(schedule.text):
            yield schedule.finding(
                "must be the five fields of a crontab or a word such as @daily, "
                f"and is {schedule.value!r}"
            )
    zone = spec["timezone"]
    if zone.present and zone.text not in available_timezones():
        hint = did_you_mean(zone.text, available_timezones())
        yield zone.finding(f"{zone.value!r} is no time zone" + (f"; {hint}" if hint else ""))
    yield from _choice(spec["concurrencyPolicy"], _CONCURRENCY)
    yield from _whole_number(spec["startingDeadlineSeconds"], least=0)
    yield from _labels(spec["workflowMetadata"]["labels"])


def _workflow(spec: Node, *, entrypoint_needed: bool) -> Iterator[Finding]:
    names = {template["name"].text for template in spec["templates"]}
    entrypoint = spec["entrypoint"]
    if entrypoint.present and entrypoint.text not in names:
        yield entrypoint.finding(f"no template is called {entrypoint.value!r}")
    elif not entrypoint.present and entrypoint_needed:
        yield entrypoint.finding("is needed")
    if spec["onExit"].present and spec["onExit"].text not in names:
        yield spec["onExit"].finding(f"no template is called {spec['onExit'].value!r}")
    if spec["serviceAccountName"].present and not spec["serviceAccountName"].text:
        yield spec["serviceAccountName"].finding("must not be empty")
    yield from _whole_number(spec["parallelism"], least=1)
    yield from _whole_number(spec["activeDeadlineSeconds"], least=1)
    for name in ("secondsAfterCompletion", "secondsAfterFailure", "secondsAfterSuccess"):
        yield from _whole_number(spec["ttlStrategy"][name], least=0)
    yield from _choice(spec["podGC"]["strategy"], _POD_GC)
    yield from _labels(spec["podMetadata"]["labels"])
    yield from _labels(spec["workflowMetadata"]["labels"])
    for template in spec["templates"]:
        yield from _labels(template["metadata"]["labels"])
    yield from lint_templates(spec["templates"])


def _choice(node: Node, choices: tuple[str, ...]) -> Iterator[Finding]:
    if node.present and node.value not in choices:
        yield node.finding(f"must be one of {', '.join(choices)}, and is {node.value!r}")


def _whole_number(node: Node, *, least: int) -> Iterator[Finding]:
    value = node.value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if node.present and (not is_number or value < least):
        yield node.finding(f"must be a whole number from {least}, and is {value!r}")
