"""Recursive descent over a machine-learning clause, one method for each production.

Clauses may come in any order, each once (COLUMN once for each target)::

    train    := TO TRAIN estimator { WITH attributes | COLUMN columns [FOR target] | LABEL label
                                   | USING model | INTO model }
    predict  := TO PREDICT table[.column] { WITH attributes | USING model }
    evaluate := TO EVALUATE model { WITH attributes | LABEL label | INTO table }
    explain  := TO EXPLAIN model { WITH attributes | USING explainer | INTO table }
    show     := SHOW TRAIN model
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlflow_dagster.errors import Diagnostic, did_you_mean
from sqlflow_dagster.lang.clause_lexer import Token, TokenKind, tokenize_clause
from sqlflow_dagster.lang.expressions import (
    Binary,
    Call,
    Expression,
    ListExpression,
    Literal,
    Name,
    Unary,
)
from sqlflow_dagster.lang.scanner import VERBS
from sqlflow_dagster.lang.statements import (
    Attribute,
    ColumnClause,
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    PredictStatement,
    QualifiedName,
    Query,
    QueryStatement,
    ShowTrainStatement,
    TrainStatement,
)
from sqlflow_dagster.source import Source, Span

T = TypeVar("T")

_CLAUSES = {
    "TRAIN": ("WITH", "COLUMN", "LABEL", "USING", "INTO"),
    "PREDICT": ("WITH", "USING"),
    "EVALUATE": ("WITH", "LABEL", "INTO"),
    "EXPLAIN": ("WITH", "USING", "INTO"),
}
_SYNONYMS = {"OUTPUT": "LABEL"}
_KEYWORDS = frozenset({"WITH", "COLUMN", "LABEL", "OUTPUT", "USING", "INTO", "FOR"})
_CONSTANTS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None, "NONE": None}
# From weakest to strongest; NOT binds between comparisons and AND, as in SQL.
_PRECEDENCE = {
    "OR": 1,
    "AND": 2,
    **dict.fromkeys(("=", "<", ">", "<=", ">=", "!=", "<>"), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
    "**": 8,
}
_NOT, _NEGATION = 3, 7
# Far more than anyone writes, far less than what Python's own stack allows.
_MAX_DEPTH = 64


class ClauseError(Exception):
    """A clause that cannot be parsed; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class _Clauses:
    """The clauses of one statement, filled in as they come."""

    attributes: tuple[Attribute, ...] = ()
    columns: tuple[ColumnClause, ...] = ()
    label: Expression | None = None
    using: ModelReference | None = None
    into: QualifiedName | None = None


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0

    @property
    def _current(self) -> Token:
        return self._tokens[self._index]

    def _advance(self) -> Token:
        token = self._current
        if token.kind is not TokenKind.END:
            self._index += 1
        return token

    def _accept(self, text: str) -> bool:
        """Step over a symbol or keyword if it comes next."""
        token = self._current
        if token.kind in {TokenKind.SYMBOL, TokenKind.WORD} and token.text.upper() == text:
            self._index += 1
            return True
        return False

    def _failure(self, wanted: str, *, near: tuple[str, ...] = ()) -> ClauseError:
        token = self._current
        hint = did_you_mean(token.text, near) if token.kind is TokenKind.WORD else None
        message = f"expected {wanted}, found {token}"
        return ClauseError(Diagnostic(message=message, span=token.span, hint=hint))

    def _expect(self, text: str, wanted: str | None = None) -> None:
        if not self._accept(text):
            raise self._failure(wanted or f"'{text}'")

    def _list(self, item: Callable[[], T], close: str | None = None) -> tuple[T, ...]:
        """``item {, item}``; with ``close``, possibly empty and up to that symbol."""
        if close and self._accept(close):
            return ()
        items = [item()]
        while self._accept(","):
            items.append(item())
        if close:
            self._expect(close, f"',' or '{close}'")
        return tuple(items)

    def statement(self, query: Query, span: Span) -> QueryStatement:
        self._accept("TO")
        verb = self._current
        productions: dict[str, Callable[[Query, Span], QueryStatement]] = {
            "TRAIN": self._train,
            "PREDICT": self._predict,
            "EVALUATE": self._evaluate,
            "EXPLAIN": self._explain,
        }
        if verb.keyword in productions:
            return productions[verb.keyword](query, span)
        if verb.keyword in VERBS:
            message = f"TO {verb.keyword} is not supported by this version"
            hint = f"supported: {', '.join(f'TO {name}' for name in productions)}"
            raise ClauseError(Diagnostic(message=message, span=verb.span, hint=hint))
        raise self._failure("TRAIN, PREDICT, EVALUATE or EXPLAIN after TO", near=VERBS)

    def show_train(self, span: Span) -> ShowTrainStatement:
        self._expect("SHOW")
        self._expect("TRAIN")
        model = self._model()
        self._end(())
        return ShowTrainStatement(model=model, span=span)

    def _train(self, query: Query, span: Span) -> TrainStatement:
        self._advance()
        estimator = self._word("the name of an estimator after TRAIN")
        clauses = self._clauses("TRAIN")
        if clauses.into is None:
            raise self._failure("INTO and the name of the model", near=_CLAUSES["TRAIN"])
        return TrainStatement(
            query=query,
            estimator=estimator.value,
            estimator_span=estimator.span,
            attributes=clauses.attributes,
            columns=clauses.columns,
            label=clauses.label,
            base_model=clauses.using,
            into=clauses.into,
            span=span,
        )

    def _predict(self, query: Query, span: Span) -> PredictStatement:
        self._advance()
        target = self._qualified_name("a table and a column, as in table.column, after PREDICT")
        clauses = self._clauses("PREDICT")
        if clauses.using is None:
            raise self._failure("USING and the name of the model", near=_CLAUSES["PREDICT"])
        *table, column = target.parts
        return PredictStatement(
            query=query,
            into=QualifiedName(parts=tuple(table) or (column,), span=target.span),
            column=column if table else None,
            model=clauses.using,
            attributes=clauses.attributes,
            span=span,
        )

    def _evaluate(self, query: Query, span: Span) -> EvaluateStatement:
        self._advance()
        model = self._model()
        clauses = self._clauses("EVALUATE")
        return EvaluateStatement(
            query=query,
            model=model,
            attributes=clauses.attributes,
            label=clauses.label,
            into=clauses.into,
            span=span,
        )

    def _explain(self, query: Query, span: Span) -> ExplainStatement:
        self._advance()
        model = self._model()
        clauses = self._clauses("EXPLAIN")
        return ExplainStatement(
            query=query,
            model=model,
            attributes=clauses.attributes,
            explainer=str(clauses.using) if clauses.using else None,
            into=clauses.into,
            span=span,
        )

    def _clauses(self, verb: str) -> _Clauses:
        allowed = _CLAUSES[verb]
        found = _Clauses()
        seen: set[str] = set()
        while (word := _SYNONYMS.get(self._current.keyword, self._current.keyword)) in allowed:
            keyword = self._advance()
            if word in seen and word != "COLUMN":
                message = f"{word} is given twice"
                raise ClauseError(Diagnostic(message=message, span=keyword.span))
            seen.add(word)
            match word:
                case "WITH":
                    found.attributes = self._attributes()
                case "COLUMN":
                    found.columns += (self._column_clause(keyword, found.columns),)
                case "LABEL":
                    labels = self._list(self._expression)
                    found.label = labels[0] if len(labels) == 1 else ListExpression(items=labels)
                case "USING":
                    found.using = self._model()
                case _:
                    found.into = self._qualified_name("a name after INTO")
        self._end(tuple(name for name in allowed if name not in seen or name == "COLUMN"))
        return found

    def _end(self, allowed: tuple[str, ...]) -> None:
        if self._current.kind is not TokenKind.END:
            wanted = f"{', '.join(allowed)} or " if allowed else ""
            raise self._failure(f"{wanted}the end of the statement", near=allowed)

    def _attributes(self) -> tuple[Attribute, ...]:
        attributes = self._list(self._attribute)
        seen: set[str] = set()
        for item in attributes:
            if item.name.lower() in seen:
                message = f"attribute {item.name!r} is given twice"
                raise ClauseError(Diagnostic(message=message, span=item.span))
            seen.add(item.name.lower())
        return attributes

    def _attribute(self) -> Attribute:
        name = self._word("the name of an attribute")
        self._expect("=", f"'=' after {name}")
        return Attribute(name=name.value, expression=self._expression(), span=name.span)

    def _column_clause(self, keyword: Token, earlier: tuple[ColumnClause, ...]) -> ColumnClause:
        columns = self._list(self._column)
        target = self._word("a name after FOR").value if self._accept("FOR") else None
        if any(clause.target == target for clause in earlier):
            message = f"COLUMN … FOR {target} is given twice" if target else "COLUMN is given twice"
            hint = "name the input that each COLUMN feeds: COLUMN … FOR name"
            raise ClauseError(Diagnostic(message=message, span=keyword.span, hint=hint))
        return ColumnClause(columns=columns, target=target, span=keyword.span)

    def _column(self) -> Expression:
        token = self._current
        if self._accept("*"):
            return Name(name="*", span=token.span)
        return self._expression()

    def _model(self) -> ModelReference:
        name = self._qualified_name("the name of a model")
        version = None
        if self._accept("@"):
            if not self._current.text.isdigit():
                raise self._failure("a version number after '@'")
            version = int(self._advance().text)
        return ModelReference(name=name, version=version, span=name.span)

    def _word(self, wanted: str) -> Token:
        token = self._current
        if token.kind is not TokenKind.STRING and (
            token.kind is not TokenKind.WORD or token.keyword in _KEYWORDS
        ):
            raise self._failure(wanted)
        return self._advance()

    def _qualified_name(self, wanted: str) -> QualifiedName:
        """``a.b.c``, where a quoted part is one part whatever it holds."""
        first = self._word(wanted)
        parts, last = self._name_parts(first), first
        while self._current.text == "." and self._current.span.start == last.span.end:
            self._advance()
            last = self._word("a name after '.'")
            parts += self._name_parts(last)
        span = first.span.source.span(first.span.start, last.span.end)
        return QualifiedName(parts=parts, span=span)

    @staticmethod
    def _name_parts(token: Token) -> tuple[str, ...]:
        return (token.value,) if token.kind is TokenKind.STRING else tuple(token.text.split("."))

    def _expression(self) -> Expression:
        return self._binary(weakest=1)

    def _binary(self, weakest: int) -> Expression:
        depth = self._depth
        self._deepen()
        left = self._operand()
        while True:
            operator = self._current.text.upper()
            strength = _PRECEDENCE.get(operator, 0)
            if self._current.kind is TokenKind.STRING or strength < weakest:
                self._depth = depth
                return left
            self._deepen()
            self._advance()
            right = self._binary(strength + 1)
            name = "!=" if operator == "<>" else operator
            left = Binary(operator=name, left=left, right=right, span=left.span)

    def _deepen(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            message = f"this expression is nested more than {_MAX_DEPTH} deep"
            raise ClauseError(Diagnostic(message=message, span=self._current.span))

    def _operand(self) -> Expression:
        token = self._current
        span = token.span
        if self._accept("-"):
            return Unary(operator="-", operand=self._binary(_NEGATION), span=span)
        if self._accept("NOT"):
            return Unary(operator="NOT", operand=self._binary(_NOT), span=span)
        if self._accept("("):
            inner = self._expression()
            self._expect(")")
            return inner
        if self._accept("["):
            return ListExpression(items=self._list(self._expression, "]"), span=span)
        if token.kind is TokenKind.STRING:
            return Literal(value=self._advance().value, span=span)
        if token.kind is TokenKind.NUMBER:
            text = self._advance().text
            return Literal(value=int(text) if text.isdigit() else float(text), span=span)
        if token.kind is not TokenKind.WORD or token.keyword in _KEYWORDS:
            raise self._failure("a value")
        self._advance()
        if self._accept("("):
            arguments = self._list(self._expression, ")")
            return Call(function=token.text, arguments=arguments, span=span)
        if token.keyword in _CONSTANTS:
            return Literal(value=_CONSTANTS[token.keyword], span=span)
        return Name(name=token.text, span=span)


def parse_clause(source: Source, start: int, end: int, query: Query, span: Span) -> QueryStatement:
    """Parse ``TO TRAIN …`` and its like.

    Args:
        source: The program.
        start: Offset of TO, or of the verb in the old spelling without TO.
        end: One past the clause's last character.
        query: The SELECT before it.
        span: The whole statement.

    Raises:
        ClauseError: The text is not such a clause.
    """
    return _Parser(tokenize_clause(source, start, end)).statement(query, span)


def parse_show_train(source: Source, span: Span) -> ShowTrainStatement:
    """Parse ``SHOW TRAIN model``.

    Raises:
        ClauseError: The text is not such a statement.
    """
    return _Parser(tokenize_clause(source, span.start, span.end)).show_train(span)
