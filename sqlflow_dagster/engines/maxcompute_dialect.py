"""SQLAlchemy's dialect for MaxCompute over the DB-API of PyODPS, whose own one needs an older SQLAlchemy."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql import compiler

from sqlflow_dagster.errors import TerminalError

HINTS = {
    # Else there is neither INT nor DATE, TIMESTAMP, BINARY or DECIMAL(p, s).
    "odps.sql.type.system.odps2": "true",
    "odps.sql.decimal.odps2": "true",
    "odps.sql.timezone": "UTC",
}
_OPTIONS = ("curr_project", "endpoint", "scheme")


class _Preparer(compiler.IdentifierPreparer):
    def __init__(self, dialect: Any) -> None:
        super().__init__(dialect, initial_quote="`", escape_quote="`")


class _Types(compiler.GenericTypeCompiler):
    def visit_INTEGER(self, type_: Any, **_: Any) -> str:  # noqa: N802
        return "BIGINT"

    def visit_VARCHAR(self, type_: Any, **_: Any) -> str:  # noqa: N802
        return "STRING"

    def visit_TEXT(self, type_: Any, **_: Any) -> str:  # noqa: N802
        return "STRING"

    def visit_BLOB(self, type_: Any, **_: Any) -> str:  # noqa: N802
        return "BINARY"

    def visit_large_binary(self, type_: Any, **_: Any) -> str:
        return "BINARY"


class _Tables(compiler.DDLCompiler):
    def visit_primary_key_constraint(self, constraint: Any, **_: Any) -> str:
        return ""

    def post_create_table(self, table: Any) -> str:
        # Rows of no other table can be changed and deleted.
        return " TBLPROPERTIES ('transactional' = 'true')"


class MaxComputeDialect(DefaultDialect):
    """A project of MaxCompute; see :func:`place` for its URL."""

    name = "maxcompute"
    driver = "odps"
    preparer: type[Any] = _Preparer
    type_compiler_cls = _Types
    ddl_compiler = _Tables
    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_sane_rowcount = False
    supports_default_values = False

    @classmethod
    def import_dbapi(cls) -> Any:
        """The DB-API of PyODPS."""
        from odps import dbapi

        return dbapi

    def create_connect_args(self, url: sa.URL) -> Any:
        """The arguments of its ``connect``."""
        endpoint, project = place(url)
        hints = {key: str(value) for key, value in url.query.items() if key not in _OPTIONS}
        return (), {
            "access_id": url.username,
            "secret_access_key": url.password,
            "project": project,
            "endpoint": endpoint,
            "hints": HINTS | hints,
            "project_as_schema": True,
        }

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Nothing: there are no transactions, and the driver refuses."""


def place(url: sa.URL) -> tuple[str, str]:
    """The endpoint and the project of a URL.

    It is written as the original SQLFlow writes it, ``maxcompute://id:secret@host/api?curr_project=p&scheme=http``,
    or as PyODPS does, ``maxcompute://id:secret@p/?endpoint=https://host/api``.

    Raises:
        TerminalError: It has no project, or an option that nothing knows.
    """
    for key in url.query:
        if key not in _OPTIONS and not key.startswith("odps."):
            raise TerminalError(
                f"the option {key} of the data source is unknown",
                hint=f"known: {', '.join(_OPTIONS)}, and hints such as odps.sql.allow.fullscan=true",
            )
    options = {key: str(value) for key, value in url.query.items()}
    if "endpoint" in options:
        project = options.get("curr_project") or url.host
        endpoint = options["endpoint"]
    else:
        project = options.get("curr_project")
        port = f":{url.port}" if url.port else ""
        endpoint = f"{options.get('scheme', 'https')}://{url.host}{port}/{url.database or 'api'}"
    if not project or not url.host:
        raise TerminalError(
            "the data source names no project of MaxCompute",
            hint="write it as maxcompute://id:secret@host/api?curr_project=project",
        )
    return endpoint, project
