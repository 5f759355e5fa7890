"""What the errors of PostgreSQL mean, by their SQLSTATE."""

import re

from sqlflow_dagster.engines.statement_timeout import TIMEOUT_VARIABLE
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

_TRANSIENT_CLASSES = ("08", "40", "53", "57P")
_TRANSIENT = frozenset({"55P03", "55006"})
_DISK_FULL = "53100"
_UNIQUE = "23505"
_REFUSED_FOR_GOOD = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry"
    r"|could not translate host name|name or service not known|certificate|does not support SSL"
    r"|invalid (?:connection option|sslmode|port)|not permitted to log in",
    re.IGNORECASE,
)
_TLS_HINTS = (
    (
        re.compile(r"certificate verify failed"),
        "name the authority that has signed the server's certificate: sslrootcert=ca.pem in the URL; "
        "or renew the certificate, if its time is over",
    ),
    (
        re.compile(r"does not match host name"),
        "name the server as its certificate does, or do without that check: sslmode=verify-ca",
    ),
    (
        re.compile(r"root certificate file"),
        "name its file in the URL, sslrootcert=ca.pem, or take this machine's: sslrootcert=system",
    ),
    (
        re.compile(r"does not support SSL"),
        "turn TLS on at the server (ssl = on), or do without it: sslmode=disable",
    ),
    (
        re.compile(r"invalid sslmode value"),
        "there are disable, allow, prefer, require, verify-ca, verify-full",
    ),
)
_HINTS = {
    "57014": f"give it more time with {TIMEOUT_VARIABLE}, or make it faster",
    _DISK_FULL: "make room on the server",
    "2BP01": "drop what depends on it first, or write the rows to another table",
    "3F000": "create the schema before this statement: CREATE SCHEMA …",
    "42501": "let an administrator grant the right to the user of the data source",
}


def meaning(error: BaseException, message: str, display_url: str) -> StepError:
    """What an error means.

    Args:
        error: Of the driver.
        message: Its text, without secrets.
        display_url: Of the data source, for what only the connection is about.
    """
    import psycopg

    state = getattr(error, "sqlstate", None)
    if state is None:
        # Nothing that a server could refuse a connection with has a state.
        if not isinstance(error, psycopg.OperationalError):
            return TerminalError(message)
        place = f"{display_url}: {message}"
        if _REFUSED_FOR_GOOD.search(message):
            return TerminalError(place, hint=_refusal_hint(message))
        return TransientError(place, hint="see that the server runs and is reached from here")
    if state != _DISK_FULL and (state.startswith(_TRANSIENT_CLASSES) or state in _TRANSIENT):
        return TransientError(message, hint="run it again")
    if state == _UNIQUE and error.diag.schema_name == "pg_catalog":  # type: ignore[attr-defined]
        return TransientError(f"another session made the same object: {message}")
    return TerminalError(message, hint=_HINTS.get(state))


def _refusal_hint(message: str) -> str:
    """What helps against a refusal that another attempt would meet again."""
    hints = (hint for pattern, hint in _TLS_HINTS if pattern.search(message))
    return next(hints, "correct the URL, or what the server allows")
