"""What a URL leaves to its environment: ``${VARIABLE}`` in any part, and ``password_file``.

Such a URL can stand in a file that many read: who has it, has no password yet.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from sqlflow_dagster.errors import TerminalError

PASSWORD_FILE = "password_file"  # noqa: S105  # the name of a parameter, not its value
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def whole_text(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text of a URL; one that is nothing but ``${VARIABLE}`` is the variable's value."""
    found = _VARIABLE.fullmatch(text.strip())
    return _value(found, environment) if found else text


def filled_in(url: sa.URL, environment: Mapping[str, str] = os.environ) -> sa.URL:
    """A URL with the values of its variables, and with the password that a file holds.

    Raises:
        TerminalError: A variable is not set, or the file cannot be read.
    """

    def fill(text: str) -> str:
        return _VARIABLE.sub(lambda found: _value(found, environment), text)

    url = url.set(
        username=fill(url.username or "") or None,
        password=fill(url.password or "") or None,
        host=fill(url.host or "") or None,
        database=fill(url.database or "") or None,
    )
    query = {
        key: fill(value) if isinstance(value, str) else tuple(map(fill, value))
        for key, value in url.query.items()
    }
    file = query.pop(PASSWORD_FILE, None)
    url = url.set(query=query)
    return url if file is None else url.set(password=_password(str(file)))


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    value = environment.get(found[1])
    if value is None:
        raise TerminalError(
            f"the environment variable {found[1]} of the data source is not set",
            hint=f"set it, or write the URL without ${{{found[1]}}}",
        )
    return value


def _password(file: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise TerminalError(
            f"the password of the data source cannot be read from {file}: {reason}",
            hint=f"{PASSWORD_FILE} names a file that holds nothing else",
        ) from None
