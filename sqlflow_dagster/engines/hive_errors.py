"""What the errors of Hive and Spark mean."""

import re

from sqlflow_dagster.engines.hive_transport import Error
from sqlflow_dagster.engines.statement_timeout import TIMEOUT_VARIABLE
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from sqlflow_dagster.source import Excerpt

_SPARK = re.compile(
    r"\[[A-Z0-9_.]+\] (?!org\.|java\.)(?P<message>[^\n]*?)\.?(?:\n[^\t].*?)?\s+SQLSTATE: (?P<state>\w{5})"
    r"(?:; line (?P<line>\d+) pos (?P<column>\d+)| \(line (?P<parsed>\d+), pos (?P<at>\d+)\))?"
    r"(?:\s*== SQL \(line (?P<run>\d+), position (?P<position>\d+)\))?",
    re.DOTALL,
)
_HIVE = re.compile(
    r"(?:FAILED: )?(?:\w+Exception:? )(?:\[Error \d+\]: )?"
    r"(?:[Ll]ine (?P<line>\d+):(?P<column>\d+) )?(?P<message>[^\n]*)"
)
_JAVA = re.compile(r"^(?:[\w.$]+(?:Exception|Error): )+|^Error [\w ]+: ")
_SYNTAX_STATES = ("42601",)
_SYNTAX_TEXT = re.compile(r"ParseException")
_ADVICE = re.compile(
    r"\. (?:Verify the spelling|Correct the value|If necessary|Use `?try_|To tolerate).*", re.DOTALL
)

_RUN_AGAIN = "run it again"
_REACH = "see that the server runs and is reached from here"
_TRANSIENT: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"could not be acquired|cannot acquire|unable to acquire.*lock|Error 10324", re.I
        ),
        "another session holds a lock on it; run it again when that has ended",
    ),
    (
        re.compile(r"FILE_NOT_EXIST|FileNotFoundException|underlying files have been updated"),
        "the table was replaced while it was read; run it again",
    ),
    (
        re.compile(r"OutOfMemoryError|ExecutorLost|FetchFailed|RpcTimeout|preempted", re.I),
        _RUN_AGAIN,
    ),
    (
        re.compile(r"MetaException.*(?:TTransport|Connection)|Invalid SessionHandle", re.I),
        _RUN_AGAIN,
    ),
)
_FOR_GOOD = (
    (
        re.compile(r"validating|authentic|Bad status: 3|PeerCertificate|GSS", re.I),
        "correct the user, the password or auth= in the URL of the data source",
    ),
    (
        re.compile(r"certificate|wrong version number|getaddrinfo|not known|No address", re.I),
        "correct the URL, or what the server allows",
    ),
)
_ROOM = re.compile(r"No space left on device|quota.*exceeded", re.I)
_HINTS = {
    "42602": "Hive's names of tables have letters, digits and underscores",
    "42501": "let an administrator grant the right to the user of the data source",
    "0A000": "write a new table with CREATE TABLE … AS SELECT",
}


def text_of(error: BaseException) -> str:
    """What an error says, without Java's classes, the plan and the stack."""
    text = str(error)
    if found := _SPARK.search(text):
        return _ADVICE.sub("", found["message"])
    text = text.removeprefix("Error while compiling statement: ")
    while (shorter := _JAVA.sub("", text)) != text:
        text = shorter
    found = _HIVE.match(text)
    return found["message"] if found else text


def place_of(error: Error) -> Excerpt | None:
    """Where in its statement an error is."""
    text = str(error)
    line, column = 0, 0
    if found := _SPARK.search(text):
        line = int(found["line"] or found["parsed"] or found["run"] or 0)
        column = int(found["column"] or found["at"] or 0)
        if found["run"]:
            column = int(found["position"]) - 1
    elif found := re.search(r"[Ll]ine (\d+):(\d+) ", text):
        line, column = int(found[1]), int(found[2])
    lines = error.statement.split("\n")
    if not 0 < line <= len(lines) or column >= len(lines[line - 1]):
        return None
    return Excerpt(text=lines[line - 1], column=column)


def is_syntax_error(error: BaseException | None) -> bool:
    """Whether a statement is wrong whatever the tables are."""
    if not isinstance(error, Error):
        return False
    return error.state in _SYNTAX_STATES or _SYNTAX_TEXT.search(str(error)) is not None


def meaning(error: BaseException, message: str, display_url: str) -> StepError:
    """What an error means.

    Args:
        error: Of the client, or what it let through.
        message: Its text, without secrets.
        display_url: Of the data source, for what only the connection is about.
    """
    if not isinstance(error, Error):
        return TerminalError(message)
    told = _meaning(error, message, display_url)
    told.excerpt = place_of(error)
    return told


def _meaning(error: Error, message: str, display_url: str) -> StepError:
    text = str(error)
    if error.timed_out:
        return TerminalError(
            message, hint=f"give it more time with {TIMEOUT_VARIABLE}, or make it faster"
        )
    if error.lost:
        message = f"{display_url}: {message}"
        for pattern, hint in _FOR_GOOD:
            if pattern.search(text):
                return TerminalError(message, hint=hint)
        return TransientError(message, hint=_REACH)
    if _ROOM.search(text):
        return TerminalError(message, hint="make room where the server keeps its tables")
    for pattern, hint in _TRANSIENT:
        if pattern.search(text):
            return TransientError(message, hint=hint)
    return TerminalError(message, hint=_HINTS.get(error.state))
