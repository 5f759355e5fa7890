"""The little that SQLAlchemy needs to know of Hive for the tables that this package keeps beside those of a user."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import default
from sqlalchemy.sql import compiler

DRIVER = "sqlflow_hive"
"""Not ``hive``: PyHive, which may be installed too, has that name."""


class _Names(compiler.IdentifierPreparer):
    def __init__(self, dialect: Any, **options: Any) -> None:
        super().__init__(dialect, **options | {"initial_quote": "`", "escape_quote": "`"})

    def _requires_quotes(self, value: str) -> bool:
        return True


class _Types(compiler.GenericTypeCompiler):
    def visit_VARCHAR(self, type_: Any, **options: Any) -> str:  # noqa: N802
        return "STRING"

    def visit_TEXT(self, type_: Any, **options: Any) -> str:  # noqa: N802
        return "STRING"

    def visit_FLOAT(self, type_: Any, **options: Any) -> str:  # noqa: N802
        return "DOUBLE"

    def visit_BLOB(self, type_: Any, **options: Any) -> str:  # noqa: N802
        return "BINARY"


class _Definitions(compiler.DDLCompiler):
    def get_column_specification(self, column: sa.Column[Any], **options: Any) -> str:
        name = self.preparer.format_column(column)
        return f"{name} {self.dialect.type_compiler_instance.process(column.type)}"

    def create_table_constraints(
        self, table: sa.Table, _include_foreign_key_constraints: Any = None, **options: Any
    ) -> str:
        return ""

    def post_create_table(self, table: sa.Table) -> str:
        return " STORED AS PARQUET"


class HiveDialect(default.DefaultDialect):
    """SQLAlchemy's view of Hive and Spark."""

    name = "hive"
    driver = DRIVER
    preparer: type[compiler.IdentifierPreparer] = _Names
    type_compiler_cls = _Types
    ddl_compiler = _Definitions
    default_paramstyle = "pyformat"
    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_sane_rowcount = False
    supports_sane_multi_rowcount = False
    supports_multivalues_insert = True
    postfetch_lastrowid = False

    @classmethod
    def import_dbapi(cls) -> Any:
        """The module that SQLAlchemy connects by."""
        from sqlflow_dagster.engines import hive_client

        return hive_client

    def create_connect_args(self, url: sa.URL) -> Any:
        """Nothing: the engine reads the URL."""
        return [], {}

    def get_isolation_level_values(self, dbapi_connection: Any) -> Any:
        """The server keeps each statement at once."""
        return ("AUTOCOMMIT",)

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Nothing: there is one."""

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Whether an error has ended the connection."""
        return bool(getattr(e, "lost", False))


sa.dialects.registry.register(DRIVER, __name__, HiveDialect.__name__)
