"""MySQL and MariaDB, through PyMySQL.

Rows are read from prepared statements, in their binary form, and written by LOAD DATA from memory.
"""

from typing import Any, NoReturn

import sqlalchemy as sa

from sqlflow_dagster.engines.base import TableName
from sqlflow_dagster.engines.messages import redact
from sqlflow_dagster.engines.mysql_errors import meaning, number_of, place_of, text_of
from sqlflow_dagster.engines.mysql_relations import quoted
from sqlflow_dagster.engines.mysql_session import MySQLSession
from sqlflow_dagster.engines.mysql_tls import TLS_OPTIONS, tls_context
from sqlflow_dagster.engines.sqlalchemy import SQLAlchemyEngine
from sqlflow_dagster.engines.statement_timeout import statement_timeout
from sqlflow_dagster.errors import StepError, TerminalError, did_you_mean

CONNECT_TIMEOUT = 10
"""How long a server may take to answer, in seconds, where the URL does not say."""


_OPTIONS = (
    *TLS_OPTIONS,
    "autocommit",
    "binary_prefix",
    "bind_address",
    "charset",
    "client_flag",
    "collation",
    "connect_timeout",
    "init_command",
    "local_infile",
    "program_name",
    "read_default_file",
    "read_default_group",
    "read_timeout",
    "server_public_key",
    "sql_mode",
    "unix_socket",
    "use_unicode",
    "write_timeout",
)
"""What PyMySQL can be told in a URL, which holds only texts and numbers."""


class MySQLEngine(SQLAlchemyEngine[MySQLSession]):
    """A database of MySQL or MariaDB, ``mysql://user:password@host:3306/database``.

    The query of the URL takes the parameters of PyMySQL's ``connect``, and ``ssl_ca``, ``ssl_cert``, ``ssl_key``,
    ``ssl_verify_cert``, ``ssl_verify_identity`` and their kin for TLS.

    Raises:
        TerminalError: The driver has no such parameter.
    """

    name = "mysql"
    dialect = "mysql"
    max_identifier_length = 64
    transactional_ddl = False
    session_type = MySQLSession
    secret_options = ("ssl_key_password",)

    def __init__(self, url: sa.URL) -> None:
        password = url.query.get("password") or url.query.get("passwd")
        if password:
            url = url.set(password=url.password or str(password))
        url = url.difference_update_query(["password", "passwd"])
        super().__init__(url)
        for name in url.query:
            if name not in _OPTIONS:
                raise TerminalError(
                    f"the data source has the option {name!r}, which is none of MySQL's",
                    hint=did_you_mean(name, _OPTIONS) or f"there are {', '.join(_OPTIONS)}",
                )
        self._query = dict(url.query)
        self.default_schema = url.database
        # However the URL names its driver, there is one; SQLAlchemy would lose some options of TLS.
        self.url = url.set(drivername="mysql+pymysql").difference_update_query(TLS_OPTIONS)

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""
        return quoted(table)

    def connect_arguments(self) -> dict[str, Any]:
        """Speak UTF-8, over TLS where the URL or the server asks for it."""
        from pymysql.constants import CLIENT

        arguments: dict[str, Any] = {
            "charset": "utf8mb4",
            # The driver would send a password beyond Latin-1 to nobody, and quote it in its error.
            "password": (self.url.password or "").encode(),
            # Rows are sent from memory; a file only where the URL has local_infile.
            "client_flag": CLIENT.FOUND_ROWS | CLIENT.LOCAL_FILES,
        }
        timeout = int(str(self._query.get("connect_timeout", CONNECT_TIMEOUT)))
        arguments["connect_timeout"] = timeout
        if "read_timeout" not in self._query:
            # Else the driver would wait for ever for the greeting of what is no server of MySQL.
            arguments["read_timeout"] = timeout
        return arguments | tls_context(self._query)

    def configure(self, connection: Any) -> None:
        """Count moments in UTC; bound the time of statements where the environment says so."""
        if "read_timeout" not in self._query:
            # It bounded the greeting only: a statement may take its time.
            connection._read_timeout = None
        # MySQL would tell for a day when a table was changed last, whatever has changed it since; MariaDB has no such
        # setting, and takes this for a comment.
        settings = ["time_zone = '+00:00' /*!80000 , information_schema_stats_expiry = 0 */"]
        milliseconds = statement_timeout()
        if milliseconds is not None:
            is_mariadb = "mariadb" in connection.get_server_info().lower()
            settings.append(
                f"max_statement_time = {milliseconds / 1000}"
                if is_mariadb
                else f"max_execution_time = {milliseconds}"
            )
        connection.query(f"SET {', '.join(settings)}")

    def raise_translated(self, error: BaseException, *, about: str = "") -> NoReturn:
        """Raise an error of the driver as one of this package."""
        if number_of(error):
            text = redact(text_of(error), self.url.password)
            for secret in self._secrets:
                text = text.replace(secret, "***")
            error.args = (number_of(error), text)
        super().raise_translated(error, about=about)

    def message_of(self, error: BaseException) -> str:
        """What an error of the driver says."""
        return text_of(error)

    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of MySQL means, by its number."""
        told = meaning(error, message, self.display_url)
        told.excerpt = place_of(text_of(error))
        return told
