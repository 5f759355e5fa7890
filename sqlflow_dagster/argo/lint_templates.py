"""The checks of a workflow's templates: names, kinds, containers, retries and locks."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from sqlflow_dagster.argo.findings import Finding, Node
from sqlflow_dagster.argo.lint_dag import lint_dag

MAX_NAME = 128
MAX_ARGUMENT_BYTES = 128 * 1024

TEMPLATE_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_KINDS = (
    "container",
    "containerSet",
    "dag",
    "data",
    "http",
    "plugin",
    "resource",
    "script",
    "steps",
    "suspend",
)
_BRANCHING = ("dag", "steps")
_RETRY_POLICIES = ("Always", "OnError", "OnFailure", "OnTransientError")
_VARIABLE_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_REFERENCE = re.compile(r"[-._a-zA-Z0-9]+")
_DATASOURCE = "SQLFLOW_DATASOURCE"


def lint_templates(templates: Node) -> Iterator[Finding]:
    """The findings of ``spec.templates``."""
    if not templates.value:
        yield templates.finding("needs a template")
    counts = Counter(template["name"].text for template in templates)
    for template in templates:
        name = template["name"]
        if not TEMPLATE_NAME.fullmatch(name.text) or len(name.text) > MAX_NAME:
            yield name.finding(
                f"must be at most {MAX_NAME} lower-case letters, digits and dashes, "
                f"and is {name.value!r}"
            )
        elif counts[name.text] > 1:
            yield name.finding(f"several templates are called {name.text!r}")
        yield from _template(template, frozenset(counts))


def _template(template: Node, names: frozenset[str]) -> Iterator[Finding]:
    kinds = [kind for kind in _KINDS if template[kind].present]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        yield template.finding(f"needs one of {', '.join(_KINDS)}, and has {found}")
        return
    if kinds[0] in _BRANCHING:
        # Argo refuses these where no pod is, which a schema cannot tell.
        for field in ("activeDeadlineSeconds", "timeout"):
            if field in template:
                yield template[field].finding("is for templates with a container only")
    elif "parallelism" in template:
        yield template["parallelism"].finding("is for templates with tasks only")
    yield from _digits(template["activeDeadlineSeconds"])
    yield from _retry(template["retryStrategy"])
    yield from _locks(template["synchronization"])
    yield from lint_dag(template["dag"], names)
    for field in ("container", "script"):
        if template[field].present:
            yield from _container(template[field])


def _digits(node: Node) -> Iterator[Finding]:
    """A number that the schema wants as a text, because it may also be a variable."""
    if node.present and not re.fullmatch(r"\d+|\{\{.+\}\}", node.text):
        yield node.finding(f"must be a number in quotes, and is {node.value!r}")


def _retry(strategy: Node) -> Iterator[Finding]:
    yield from _digits(strategy["limit"])
    yield from _digits(strategy["backoff"]["factor"])
    policy = strategy["retryPolicy"]
    if policy.present and policy.value not in _RETRY_POLICIES:
        yield policy.finding(
            f"must be one of {', '.join(_RETRY_POLICIES)}, and is {policy.value!r}"
        )
    for field in ("duration", "maxDuration", "cap"):
        value = strategy["backoff"][field]
        if value.present and not re.fullmatch(r"\d+[smhd]?", value.text):
            yield value.finding(f"must be a duration such as '10s', and is {value.value!r}")


def _locks(synchronization: Node) -> Iterator[Finding]:
    for removed in ("mutex", "semaphore"):
        if removed in synchronization:
            plural = "mutexes" if removed == "mutex" else "semaphores"
            yield synchronization[removed].finding(
                f"was removed from Argo; write the list {plural}"
            )
    mutexes = synchronization["mutexes"]
    names = [mutex["name"].text for mutex in mutexes]
    if not all(names):
        yield mutexes.finding("each needs a name")
    # Taken in one order everywhere, locks cannot wait for each other.
    if names != sorted(set(names)):
        yield mutexes.finding("must be sorted and different")


def _container(container: Node) -> Iterator[Finding]:
    image = container["image"]
    if not image.text or re.search(r"\s", image.text):
        yield image.finding(f"must be the name of an image, and is {image.value!r}")
    if not container["command"].value:
        yield container["command"].finding("is needed: Argo cannot look into the image")
    for field in ("command", "args"):
        for item in container[field]:
            yield from _argument(item)
    if len(json.dumps(container["args"].value).encode()) > MAX_ARGUMENT_BYTES:
        texts = [item.text for item in container["args"]]
        if any("$" in text for text in texts):
            yield container["args"].finding(
                f"over {MAX_ARGUMENT_BYTES} bytes they reach the command without the kubelet, "
                "which leaves doubled dollars doubled; write the SQL in Base64"
            )
    yield from _environment(container["env"])
    for source in container["envFrom"]:
        for kind in ("configMapRef", "secretRef"):
            name = source[kind]["name"]
            if source[kind].present and not _REFERENCE.fullmatch(name.text):
                yield name.finding(f"{name.value!r} is no name")


def _argument(argument: Node) -> Iterator[Finding]:
    """An argument is data: whatever rewrites it makes another statement of it."""
    if not isinstance(argument.value, str):
        yield argument.finding(f"must be a text, and is {argument.value!r}")
        return
    if "{{" in argument.text:
        yield argument.finding("Argo replaces what stands between '{{' and '}}'; use --run-base64")
    for name in kubelet_references(argument.text):
        yield argument.finding(f"the kubelet puts the value of {name} here; double the dollar")


def kubelet_references(text: str) -> list[str]:
    """The variables that a kubelet would replace in an argument, by name."""
    found = []
    position = 0
    while (position := text.find("$", position)) >= 0:
        if text.startswith("$$", position):
            position += 2
            continue
        closing = text.find(")", position) if text.startswith("$(", position) else -1
        if closing >= 0:
            found.append(text[position + 2 : closing])
            position = closing
        position += 1
    return found


def _environment(environment: Node) -> Iterator[Finding]:
    for variable in environment:
        name, source = variable["name"], variable["valueFrom"]
        if not _VARIABLE_NAME.fullmatch(name.text):
            yield name.finding(f"{name.value!r} is no name of a variable")
        if variable["value"].present == source.present:
            yield variable.finding("needs one of value and valueFrom")
        if name.text.startswith(_DATASOURCE) and variable["value"].present:
            yield variable["value"].finding(
                "the data source may hold a password: take it from a Secret, by secretKeyRef"
            )
        secret = source["secretKeyRef"]
        for field in ("name", "key"):
            if secret.present and not _REFERENCE.fullmatch(secret[field].text):
                yield secret[field].finding(f"{secret[field].value!r} is no name")
