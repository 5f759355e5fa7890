"""The checks of a DAG: the names of its tasks, what they refer to, what they wait for."""

import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from sqlflow_dagster.argo.findings import Finding, Node
from sqlflow_dagster.argo.names import EXPRESSION_WORDS

_TASK_NAME = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_RESULTS = frozenset({"Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned"})
_LOOP_RESULTS = frozenset({"AnySucceeded", "AllFailed"})
_LOOPS = ("withItems", "withParam", "withSequence")
_TOKEN = re.compile(r"\s*(?:(?P<task>[-\w]+)(?:\.(?P<result>\w+))?|(?P<symbol>&&|\|\||[!()]))")


class _DependsError(Exception):
    """Text that is no expression over tasks; its words say why."""


def lint_dag(dag: Node, templates: frozenset[str]) -> Iterator[Finding]:
    """The findings of a ``dag``; none where there is none.

    Args:
        dag: The field.
        templates: The names of the workflow's templates.
    """
    if not dag.present:
        return
    tasks = dag["tasks"]
    if not tasks.value:
        yield tasks.finding("needs a task")
    by_name = {task["name"].text: task for task in tasks}
    counts = Counter(task["name"].text for task in tasks)
    depends_used = any("depends" in task for task in tasks)
    for task in tasks:
        name = task["name"]
        yield from _task_name(name)
        if counts[name.text] > 1:
            yield name.finding(f"several tasks are called {name.text!r}")
        yield from _template_of(task, templates)
        if depends_used and "dependencies" in task:
            yield task["dependencies"].finding("does not go with depends in one DAG")
        for reference in task["dependencies"]:
            if reference.text not in by_name:
                yield reference.finding(f"no task is called {reference.value!r}")
        yield from _depends(task, by_name)
    yield from _circle(tasks, by_name)


def _task_name(name: Node) -> Iterator[Finding]:
    if not _TASK_NAME.fullmatch(name.text):
        yield name.finding(
            f"must be letters, digits and dashes with a letter in front, and is {name.value!r}"
        )
    elif name.text.lower() in EXPRESSION_WORDS:
        yield name.finding(f"{name.text!r} is a word of the language that depends is written in")


def _template_of(task: Node, templates: frozenset[str]) -> Iterator[Finding]:
    ways = [field for field in ("template", "templateRef", "inline") if task[field].present]
    if len(ways) != 1:
        yield task.finding("needs one of template, templateRef and inline")
    elif ways == ["template"] and task["template"].text not in templates:
        yield task["template"].finding(f"no template is called {task['template'].value!r}")


def _depends(task: Node, tasks: dict[str, Node]) -> Iterator[Finding]:
    depends = task["depends"]
    if not depends.present:
        return
    try:
        references = depends_references(depends.text)
    except _DependsError as error:
        yield depends.finding(f"{error}: {depends.value!r}")
        return
    for name, result in references:
        if name not in tasks:
            yield depends.finding(f"no task is called {name!r}")
        elif result in _LOOP_RESULTS and not any(loop in tasks[name] for loop in _LOOPS):
            yield depends.finding(f"{name}.{result} is for tasks that are repeated")
        elif result is not None and result not in _RESULTS | _LOOP_RESULTS:
            known = ", ".join(sorted(_RESULTS))
            yield depends.finding(f"{result!r} is no result of a task; known: {known}")


def depends_references(text: str) -> list[tuple[str, str | None]]:
    """The tasks that an expression names, each with the result that is asked of it, if one is.

    Raises:
        _DependsError: The text is no such expression.
    """
    found: list[tuple[str, str | None]] = []
    position = depth = 0
    operand_wanted = True
    while text[position:].strip():
        token = _TOKEN.match(text, position)
        if token is None:
            raise _DependsError("cannot be read")
        position = token.end()
        symbol = token["symbol"]
        opens = symbol in {"!", "("} or token["task"] is not None
        if opens != operand_wanted:
            raise _DependsError("cannot be read")
        if token["task"] is not None:
            found.append((token["task"], token["result"]))
        depth += {"(": 1, ")": -1}.get(symbol, 0)
        operand_wanted = symbol in {"!", "(", "&&", "||"}
        if depth < 0:
            break
    if operand_wanted or depth:
        raise _DependsError("cannot be read")
    return found


def _circle(tasks: Node, by_name: dict[str, Node]) -> Iterator[Finding]:
    """The tasks that wait for each other, if some do."""
    before: dict[str, list[str]] = {}
    for task in tasks:
        names = [item.text for item in task["dependencies"]]
        try:
            names += [name for name, _ in depends_references(task["depends"].text or "x")]
        except _DependsError:
            continue
        before[task["name"].text] = [name for name in names if name in by_name]
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        yield tasks.finding(f"wait for each other in a circle: {' -> '.join(error.args[1])}")
