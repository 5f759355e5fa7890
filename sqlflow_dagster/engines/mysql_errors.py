"""What the errors of MySQL and MariaDB mean, by their number."""

import re

from sqlflow_dagster.engines.statement_timeout import TIMEOUT_VARIABLE
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from sqlflow_dagster.source import Excerpt

SYNTAX_ERRORS = frozenset({1064, 1149})
INTERRUPTED = frozenset({1317, 1969})
"""What a statement says that somebody stopped."""
NO_LOCAL_DATA = frozenset({1148, 3948, 4166})
"""The server takes no rows from a client's LOAD DATA."""

_RUN_AGAIN = "run it again"
_REACH = "see that the server runs and is reached from here"
_ROOM = "make room on the server"
_TIME = f"give it more time with {TIMEOUT_VARIABLE}, or make it faster"
_RIGHTS = "let an administrator grant the right to the user of the data source"
_LOCKED = "another session holds a lock on it; run it again when that has ended"

_TRANSIENT = {
    1020: _RUN_AGAIN,  # a row has changed since it was read
    1037: _RUN_AGAIN,  # out of memory
    1038: _RUN_AGAIN,
    1040: "run it again when there are fewer connections",
    1041: _RUN_AGAIN,
    1053: _REACH,  # the server is shutting down
    1158: _REACH,  # a packet was lost
    1159: _REACH,
    1160: _REACH,
    1161: _REACH,
    1203: "run it again when there are fewer connections",
    1205: _LOCKED,
    1206: _RUN_AGAIN,  # too many locks
    1213: _RUN_AGAIN,  # a deadlock
    1226: _RUN_AGAIN,  # the user has used up a resource
    1412: _RUN_AGAIN,  # a table has changed since the transaction began
    1615: _RUN_AGAIN,  # a table has changed since the statement was prepared
    1927: _REACH,  # the connection was killed
    2002: _REACH,
    2003: _REACH,
    2006: _REACH,
    2013: _REACH,
    2014: _REACH,
    2055: _REACH,
    4031: _REACH,  # the connection was idle for too long
}
_HINTS = {
    1021: _ROOM,
    1030: "see the log of the server",
    1044: _RIGHTS,
    1045: "correct the user or the password of the data source",
    1046: "name a database in the URL, or write database.table",
    1049: "create the database first, or correct the URL",
    1060: "give one of the columns another name with AS",
    1114: _ROOM,
    1129: "an administrator frees this machine with FLUSH HOSTS",
    1142: _RIGHTS,
    1143: _RIGHTS,
    1227: _RIGHTS,
    1217: "drop what refers to it first, or write the rows to another table",
    1290: "name a server that takes changes",
    1451: "drop what refers to it first, or write the rows to another table",
    1698: "correct the user or the password of the data source",
    1836: "name a server that takes changes",
    1969: _TIME,
    2026: "turn TLS on at the server, or do without it: ssl_disabled=true in the URL",
    3024: _TIME,
    3730: "drop what refers to it first, or write the rows to another table",
}
_FOR_GOOD = re.compile(
    r"name or service not known|nodename nor servname|certificate|getaddrinfo", re.IGNORECASE
)
_UNKNOWN_AUTHORITY = re.compile(r"certificate verify failed: (?!Hostname|IP address)")
_EXPIRED = re.compile(r"certificate (?:has expired|is not yet valid)")
_OTHER_HOST = re.compile(r"certificate verify failed: (?:Hostname|IP address) mismatch")
_NO_SPACE = re.compile(r"errno: 28\b|No space left on device", re.IGNORECASE)
_SYNTAX = re.compile(r".*for the right syntax to use near '(?P<near>.*)' at line \d+", re.DOTALL)
_NAMED = re.compile(
    r"Unknown column '(?:[^']*\.)?([^'.]+)' in|Table '(?:[^']*\.)?([^'.]+)' doesn't exist"
    r"|(?:FUNCTION|PROCEDURE) (?:.*\.)?(\S+) does not exist"
)
_NEAR = 40
"""The characters of the place that a message shows."""


def number_of(error: BaseException) -> int:
    """The number of an error; 0 for one that is not of the server or its driver."""
    number = error.args[0] if error.args else 0
    return number if isinstance(number, int) else 0


def text_of(error: BaseException) -> str:
    """What an error says, without its number."""
    return str(error.args[1]) if len(error.args) > 1 and number_of(error) else str(error)


def place_of(text: str) -> Excerpt | None:
    """What an error's text quotes of the statement."""
    if syntax := _SYNTAX.fullmatch(text):
        # It quotes what follows up to the end, in which there may be more than the user wrote.
        line = syntax["near"].split("\n", 1)[0].rstrip()
        return Excerpt(text=line, column=0) if line else None
    if named := _NAMED.search(text):
        return Excerpt(text=next(filter(None, named.groups())))
    return None


def meaning(error: BaseException, message: str, display_url: str) -> StepError:
    """What an error means.

    Args:
        error: Of the driver.
        message: Its text, without secrets.
        display_url: Of the data source, for what only the connection is about.
    """
    number = number_of(error)
    if syntax := _SYNTAX.fullmatch(text_of(error)):
        near = " ".join(syntax["near"].split())
        near = near if len(near) <= _NEAR else near[:_NEAR] + "…"
        return TerminalError(f"syntax error near '{near}'" if near else "syntax error at the end")
    if 2000 <= number < 3000:
        message = f"{display_url}: {message}"
    if _NO_SPACE.search(message):
        return TerminalError(message, hint=_ROOM)
    if number in _TRANSIENT and not _FOR_GOOD.search(message):
        return TransientError(message, hint=_TRANSIENT[number])
    if _FOR_GOOD.search(message):
        return TerminalError(message, hint=_refusal_hint(message))
    return TerminalError(message, hint=_HINTS.get(number))


def _refusal_hint(message: str) -> str:
    """What helps against a refusal that another attempt would meet again."""
    if _EXPIRED.search(message):
        return "renew the certificate of the server, or set the clock of this machine"
    if _OTHER_HOST.search(message):
        return (
            "name the server as its certificate does, or do without that check: "
            "ssl_verify_identity=false"
        )
    if _UNKNOWN_AUTHORITY.search(message):
        return (
            "name the authority that has signed the server's certificate: ssl_ca=ca.pem in the URL"
        )
    return "correct the URL, or what the server allows"
