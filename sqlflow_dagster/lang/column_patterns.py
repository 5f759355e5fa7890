"""Regular expressions for the names of columns: ``COLUMN "price_.*"``."""

import re
from collections.abc import Iterable

# A dot alone stands before the table of a name.
_SPECIAL = re.compile(r"[\\|*+?\[\](){}^$]")


def is_pattern(name: str) -> bool:
    """Whether a name may mean several columns, where no column is called so."""
    return _SPECIAL.search(name) is not None


def matching(pattern: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names that a regular expression matches from end to end, in any case.

    Raises:
        ValueError: The text is no regular expression.
    """
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return tuple(name for name in names if compiled.fullmatch(name))
