"""Names that Kubernetes and Argo accept, made of names that they would not."""

import hashlib
import re

MAX_LENGTH = 63
"""Of a label value, of a Workflow's and of a WorkflowTemplate's name."""

CRON_MAX_LENGTH = 52
"""Of a CronWorkflow's name: its controller appends a time."""

RFC1123 = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")

# Argo evaluates `depends` as an expression in which the task's name is an identifier.
EXPRESSION_WORDS = frozenset(
    "abs all and any asFloat asInt bitand bitnot bitor bitxor bool ceil concat contains count date "
    "duration else endsWith false filter find findIndex findLast first flatten float floor "
    "fromBase64 fromJSON fromPairs get groupBy hasPrefix hasSuffix if in indexOf int item join "
    "jsonpath keys last lastIndexOf len let lower map matches max mean median min nil none not now "
    "one or reduce repeat replace reverse round sort sortBy split splitAfter sprig startsWith "
    "string sum take timezone toBase64 toJSON toPairs toString trim trimPrefix trimSuffix true type "
    "uniq upper values".lower().split()
)

_SNAKE = re.compile(r"[a-z](?:[a-z0-9_]*[a-z0-9])?", re.ASCII)
_DIGEST = 8


def kubernetes_name(
    text: str, *, limit: int = MAX_LENGTH, reserved: frozenset[str] = frozenset()
) -> str:
    """A name of lower-case letters, digits and dashes that no other text is given.

    ``snake_case`` becomes ``snake-case``. Any other text changes in a way that another text might
    too, so it carries a digest of what it was.

    Args:
        text: Any text.
        limit: The most characters.
        reserved: Names that it must not become.
    """
    if _SNAKE.fullmatch(text) and len(text) <= limit and text.replace("_", "-") not in reserved:
        return text.replace("_", "-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    body = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not re.match(r"[a-z]", body):
        body = f"x-{body}".rstrip("-")
    return f"{body[: limit - _DIGEST - 1].rstrip('-')}-{digest}"
