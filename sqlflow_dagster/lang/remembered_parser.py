"""A parser whose answers are kept, for processes in which it must not be asked again."""

import json
from dataclasses import asdict
from typing import Any

from sqlflow_dagster.lang.parsers import ExternalParser, ParsedText, StatementTables, open_parser
from sqlflow_dagster.lang.standard import Rejection


class RememberedParser:
    """A parser as an :class:`~sqlflow_dagster.lang.parsers.ExternalParser` that is asked once about each text.

    It is opened when a text comes that it has not been asked about, and not before: a process that was handed
    all answers needs no parser.
    """

    def __init__(self, spec: str) -> None:
        """Nothing is opened yet.

        Args:
            spec: As :func:`~sqlflow_dagster.lang.parsers.open_parser` takes it.
        """
        self._spec = spec
        self._answers: dict[tuple[str, str], ParsedText] = {}
        self._parser: ExternalParser | None = None

    def parse(self, dialect: str, text: str) -> ParsedText:
        """The answer that is known, else the parser's, which is then known."""
        key = dialect, text
        if key not in self._answers:
            if self._parser is None:
                self._parser = open_parser(self._spec)
            self._answers[key] = self._parser.parse(dialect, text)
        return self._answers[key]

    def close(self) -> None:
        """Close the parser; the answers are kept."""
        if self._parser is not None:
            self._parser.close()
            self._parser = None

    def dump(self) -> str:
        """All answers, for :meth:`learn` in another process."""
        return json.dumps([(*key, asdict(answer)) for key, answer in self._answers.items()])

    def learn(self, dumped: str) -> None:
        """Take over the answers of another process."""
        for dialect, text, fields in json.loads(dumped):
            self._answers[dialect, text] = _parsed_text(fields)


def _parsed_text(fields: dict[str, Any]) -> ParsedText:
    rejection = fields["rejection"]
    tables = (
        StatementTables(inputs=tuple(item["inputs"]), outputs=tuple(item["outputs"]))
        for item in fields["tables"]
    )
    return ParsedText(
        statements=tuple(fields["statements"]),
        accepted=fields["accepted"],
        rejection=None if rejection is None else Rejection(**rejection),
        tables=tuple(tables),
        unfinished_select=fields["unfinished_select"],
    )
