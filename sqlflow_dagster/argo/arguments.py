"""SQL as arguments of a container, so that it arrives as it was written.

Three programs rewrite what a manifest holds. Argo replaces ``{{…}}``, and nothing escapes it. The kubelet
replaces ``$(NAME)`` and makes one dollar of two. And Argo hands over large arguments in a file. No shell is
ever involved.
"""

import base64
import json

from sqlflow_dagster.argo.step_text import StepText
from sqlflow_dagster.temp_tables import TemporaryTables, duration_text

MAX_READABLE_BYTES = 100 * 1024
"""Of an argument in JSON; Argo moves arguments of 128 KiB out of the kubelet's reach."""


def container_arguments(text: StepText) -> list[str]:
    """The arguments that make ``sqlflow`` run a step."""
    mode = text.temp_tables
    options = [] if mode is TemporaryTables.AUTO else ["--temp-tables", mode.value]
    if text.generated_by is not None:
        options += ["--generated-by", text.generated_by.replace("$", "$$")]
    if text.time_to_live is not None:
        options += ["--time-to-live", duration_text(text.time_to_live)]
    readable = text.sql.replace("$", "$$")
    # With an @ in front, the command takes it for the name of a file.
    if fits(readable) and not readable.startswith("@"):
        return [*options, "--run", readable]
    return [*options, "--run-base64", base64.b64encode(text.sql.encode()).decode()]


def fits(argument: str) -> bool:
    """Whether Argo hands an argument over as it is."""
    return "{{" not in argument and _json_bytes(argument) <= MAX_READABLE_BYTES


def _json_bytes(argument: str) -> int:
    """The length of an argument in the JSON that Argo measures, in which Go escapes <, > and &."""
    escaped = sum(map(argument.count, "<>&")) * len("u003c")
    return len(json.dumps(argument, ensure_ascii=False).encode()) + escaped
