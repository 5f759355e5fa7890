"""What a segment asks of its machine: enough for the greediest of its statements."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic
from sqlflow_dagster.graph.program import Program, Segment, Step
from sqlflow_dagster.graph.resources import PREFIX, Resources, step_resources

_QUANTITY = re.compile(r"(?P<number>[\d.]+)(?P<unit>m|[kKMGTPE]i?)?|(?P<whole>.+)")
_UNITS = "KMGTPE"


def segment_resources(program: Program, segment: Segment) -> Resources:
    """What the statements of a segment, which run one after the other, ask for together.

    Of processors, memory and graphics processors that is the largest; the image and the labels of the node
    must be the same wherever a statement names them.

    Raises:
        CompileError: Two statements ask for different images or for nodes that cannot be one, or a setting
            is wrong.
    """
    asked = [(step, step_resources(step)) for step in (program.steps[i] for i in segment.steps)]
    labels: dict[str, str] = {}
    image = None
    for step, resources in asked:
        if resources.image is not None and image not in {None, resources.image}:
            raise _disagreement(step, "image", f"{image} and {resources.image}")
        image = image or resources.image
        for name, value in resources.node_selector:
            if labels.setdefault(name, value) != value:
                both = f"{name}={labels[name]} and {name}={value}"
                raise _disagreement(step, "node_selector", both)
    return Resources(
        cpu=_largest((item.cpu for _, item in asked), _quantity),
        memory=_largest((item.memory for _, item in asked), _quantity),
        gpu=max((item.gpu for _, item in asked if item.gpu is not None), default=None),
        image=image,
        node_selector=tuple(sorted(labels.items())),
    )


def _largest(values: Iterable[str | None], size: Callable[[str], Decimal]) -> str | None:
    return max((value for value in values if value is not None), key=size, default=None)


def _quantity(text: str) -> Decimal:
    """A quantity of Kubernetes as a number: ``500m`` is a half, ``1Ki`` is 1024."""
    match = _QUANTITY.fullmatch(text)
    assert match is not None
    if match["whole"]:
        return Decimal(match["whole"])  # with an exponent
    number, unit = Decimal(match["number"]), match["unit"] or ""
    if unit == "m":
        return number / 1000
    base = 1024 if unit.endswith("i") else 1000
    power = _UNITS.index(unit[0].upper()) + 1 if unit else 0
    return number * Decimal(base) ** power


def _disagreement(step: Step, name: str, both: str) -> CompileError:
    return CompileError(
        [
            Diagnostic(
                code=Code.CONFLICTING_RESOURCES,
                message=f"the statements of one table run in one pod, and ask for the "
                f"{PREFIX}{name} {both}",
                span=step.statement.span,
                hint="ask for one of them, or put what they make into two tables",
            )
        ]
    )
