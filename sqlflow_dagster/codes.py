"""The codes of diagnostics: what a reader looks up, and a program that reads diagnostics goes by.

docs/diagnostics.md explains each with an example. A code is never given to something else; one that is no longer
used is not used again.
"""

from enum import StrEnum


class Code(StrEnum):
    """What kind of problem a diagnostic tells of."""

    UNREADABLE_FILE = "unreadable-file"
    UNKNOWN_DIALECT = "unknown-dialect"
    UNDEFINED_VARIABLE = "undefined-variable"
    INVALID_DATE = "invalid-date"
    NEVER_CLOSED = "never-closed"

    SYNTAX_ERROR = "syntax-error"
    MISPLACED_CLAUSE = "misplaced-clause"
    GIVEN_TWICE = "given-twice"
    NESTED_TOO_DEEPLY = "nested-too-deeply"
    NOT_UNDERSTOOD = "not-understood"
    REFUSED_BY_PARSER = "refused-by-parser"
    TRANSACTION = "transaction"
    TEMP_TABLE = "temp-table"

    UNKNOWN_DATASOURCE = "unknown-datasource"
    READS_ACROSS = "reads-across"
    INVALID_ANNOTATION = "invalid-annotation"
    IGNORED_ANNOTATION = "ignored-annotation"
    INVALID_ATTRIBUTE = "invalid-attribute"
    CONFLICTING_RESOURCES = "conflicting-resources"
    NOTHING_TO_WATCH = "nothing-to-watch"

    UNKNOWN_ESTIMATOR = "unknown-estimator"
    UNKNOWN_EXPLAINER = "unknown-explainer"
    MISSING_LIBRARY = "missing-library"
    UNKNOWN_COLUMN = "unknown-column"
    COLUMN_FUNCTION = "column-function"
    LABEL_AS_FEATURE = "label-as-feature"
    KEY_AS_FEATURE = "key-as-feature"
    NOT_LINEAR = "not-linear"
    MISSPELT_MODEL = "misspelt-model"
    SCHEMA_AS_TABLE = "schema-as-table"

    VERSION_CLASH = "version-clash"
    TWO_WRITERS = "two-writers"
    NAME_TAKEN = "name-taken"
    CIRCLE = "circle"

    MISSING_INPUT = "missing-input"
    REPLACES_TABLE = "replaces-table"
    UNKNOWN_SELECTOR = "unknown-selector"
    NOT_FOR_ARGO = "not-for-argo"
    CANNOT_RUN = "cannot-run"
    INTERNAL_ERROR = "internal-error"
