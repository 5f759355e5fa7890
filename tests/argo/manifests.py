"""What happens to a manifest after it was rendered: YAML is read, the kubelet starts the containers."""

from collections.abc import Mapping
from typing import Any

import yaml

Document = dict[str, Any]


def loaded(text: str) -> Document:
    """A manifest as the cluster reads it."""
    document: Document = yaml.safe_load(text)
    return document


def workflow_spec(document: Document) -> Document:
    """The part that all kinds have."""
    spec: Document = document["spec"].get("workflowSpec", document["spec"])
    return spec


def templates(document: Document) -> dict[str, Document]:
    """The templates by name."""
    return {item["name"]: item for item in workflow_spec(document)["templates"]}


def tasks(document: Document) -> dict[str, Document]:
    """The tasks of the DAG by name."""
    dag = templates(document)[workflow_spec(document)["entrypoint"]]["dag"]
    return {item["name"]: item for item in dag["tasks"]}


def container(document: Document, name: str) -> Document:
    """The container of a template."""
    found: Document = templates(document)[name]["container"]
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """An argument as the kubelet gives it to a process, by the rules of Kubernetes.

    ``$(NAME)`` becomes the variable's value, or stays where there is no such variable. ``$$`` becomes
    ``$``, and what follows it is no reference. Any other dollar stays.
    """
    done, position = "", 0
    while (dollar := text.find("$", position)) >= 0:
        done += text[position:dollar]
        closing = text.find(")", dollar)
        if text.startswith("$$", dollar):
            done, position = done + "$", dollar + 2
        elif text.startswith("$(", dollar) and closing >= 0:
            reference = text[dollar : closing + 1]
            done += variables.get(reference[2:-1], reference)
            position = closing + 1
        else:
            done, position = done + "$", dollar + 1
    return done + text[position:]


def environment(container: Document, secrets: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """The variables that a container's process gets, secrets given as (name, key)."""
    found = {}
    for item in container["env"]:
        reference = item["valueFrom"]["secretKeyRef"]
        key = reference["name"], reference["key"]
        if key in secrets or not reference.get("optional"):
            found[item["name"]] = secrets[key]
    return found


def process_arguments(container: Document, variables: Mapping[str, str]) -> list[str]:
    """What a container's process is started with."""
    return [expanded(item, variables) for item in [*container["command"], *container["args"]]]
