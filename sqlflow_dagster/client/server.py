"""A Dagster page, ``dagster dev`` or ``dagster-webserver``, asked over its GraphQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlflow_dagster.client.errors import ServerError

DEFAULT_URL = "http://127.0.0.1:3000"
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 600.0
"""A reload loads every program of the code location."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A Dagster page.

    Attributes:
        url: Such as ``http://127.0.0.1:3000``, with the path prefix where the page has one. A name and a
            password in it go to the server and are never shown.
    """

    url: str = field(default=DEFAULT_URL, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no address of a page.

        Raises:
            ServerError: The URL is none of HTTP.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ServerError(
                "the address of the Dagster page is no HTTP URL",
                hint=f"write it like {DEFAULT_URL}",
            )

    @property
    def display_url(self) -> str:
        """The URL without name and password."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")

    def run_url(self, run_id: str) -> str:
        """The page of a run."""
        return f"{self.display_url}/runs/{run_id}"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL query or mutation.

        Args:
            query: With one or more fields.
            variables: Its variables.

        Raises:
            ServerError: The server cannot be reached, or does not understand the query.
        """
        answer = self._post({"query": query, "variables": variables})
        if "errors" in answer:
            reasons = "; ".join(str(item.get("message")) for item in answer["errors"])
            raise ServerError(
                f"the Dagster at {self.display_url} does not answer this request: {reasons}",
                hint="is it a version that this package works with?",
            )
        data: dict[str, Any] = answer["data"]
        return data

    def ask_one(self, query: str, **variables: Any) -> dict[str, Any]:
        """The value of the only field of a query."""
        (value,) = self.ask(query, **variables).values()
        found: dict[str, Any] = value
        return found

    def _post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        import requests

        try:
            response = requests.post(
                f"{self.url.rstrip('/')}/graphql",
                json=body,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            )
        except requests.ConnectionError as error:
            raise ServerError(
                f"no server answers at {self.display_url}",
                hint="start one with: dagster dev -w workspace.yaml",
            ) from error
        except requests.Timeout as error:
            raise ServerError(
                f"the server at {self.display_url} gave no answer within {_ANSWER_SECONDS:.0f} s"
            ) from error
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict) or not answer.keys() & {"data", "errors"}:
            raise ServerError(
                f"what answers at {self.display_url} is no Dagster page (HTTP {response.status_code})",
                hint="give the URL that the page has in a browser, with its path prefix",
            )
        return answer


def cause(error: Mapping[str, Any]) -> str:
    """What went wrong, of an error of Dagster with its ``message`` and ``causes``.

    The outermost error says that there was one; the innermost says what it was.
    """
    innermost = error["causes"][-1] if error["causes"] else error
    return str(innermost["message"]).strip()


def refusal(answer: Mapping[str, Any]) -> str:
    """What the server says of a request that it did not carry out, in a line.

    Args:
        answer: The value of a union of GraphQL that is not its success.
    """
    details = [str(item["message"]) for item in answer.get("errors", ())]
    text = "; ".join(details) or str(answer.get("message") or answer["__typename"])
    return text.strip()
