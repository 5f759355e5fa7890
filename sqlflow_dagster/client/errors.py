"""The errors of the clients.

* ClientError
  x ServerError        the server cannot be reached, is no Dagster of ours, or refuses
  x SubmissionError    a program that compiles and yet cannot be submitted; nothing was changed
  x UnknownRunError    the server knows no run of that ID
"""

from sqlflow_dagster.errors import SqlflowError


class ClientError(SqlflowError):
    """Base of the errors of the clients.

    Attributes:
        message: What was wanted and what came.
        hint: What to do about it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ServerError(ClientError):
    """The server cannot be reached, is no Dagster with our programs, or refuses what it was asked."""


class SubmissionError(ClientError):
    """A program that cannot be submitted; the program folder and the server are as they were."""


class UnknownRunError(ClientError):
    """The server knows no run of that ID."""
