"""The options of a URL ``hive://user:password@host:10000/database?auth=LDAP``."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sqlflow_dagster.engines.statement_timeout import statement_timeout
from sqlflow_dagster.errors import TerminalError, did_you_mean

STAGING = "staging"
SETTING = "session."
"""With what the name of an option begins that is SET in each session; the original SQLFlow writes them so."""

# As HiveServer2's own hive.server2.authentication, and as impyla.
_MECHANISMS = {
    "NONE": "PLAIN",
    "PLAIN": "PLAIN",
    "CUSTOM": "PLAIN",
    "PAM": "PLAIN",
    "NOSASL": "NOSASL",
    "LDAP": "LDAP",
    "KERBEROS": "GSSAPI",
    "GSSAPI": "GSSAPI",
}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_OPTIONS = (
    "auth",
    "connect_timeout",
    "http_path",
    "kerberos_service_name",
    "ssl",
    "ssl_ca",
    "ssl_verify_cert",
    STAGING,
)
# Of the Go driver: how many rows it fetches at once.
_WITHOUT_MEANING = ("batch",)


def connect_arguments(url: sa.URL) -> dict[str, Any]:
    """What :func:`~sqlflow_dagster.engines.hive_client.connect` is told.

    Raises:
        TerminalError: There is no such option, or it has no such value.
    """
    options = {key: str(value) for key, value in url.query.items()}
    settings = {
        key.removeprefix(SETTING): options.pop(key)
        for key in list(options)
        if key.startswith(SETTING)
    }
    for name in options:
        if name not in (*_OPTIONS, *_WITHOUT_MEANING):
            raise TerminalError(
                f"the data source has the option {name!r}, which is none of Hive's",
                hint=did_you_mean(name, _OPTIONS) or f"there are {', '.join(_OPTIONS)}",
            )
    driver = url.get_driver_name() if "+" in url.drivername else ""
    if driver not in ("", "http", "https"):
        raise TerminalError(
            f"the data source is reached by {driver!r}, which is unknown",
            hint="write hive://, hive+http:// or hive+https://",
        )
    authority = options.get("ssl_ca")
    milliseconds = statement_timeout()
    is_http = driver.startswith("http")
    return {
        "host": url.host or "localhost",
        "port": url.port or (10001 if is_http else 10000),
        "user": url.username,
        "password": url.password,
        "mechanism": _mechanism(options, url),
        "kerberos_service": options.get("kerberos_service_name", "hive"),
        "tls": _truth(options, "ssl", authority is not None) or driver == "https",
        "ca": authority,
        "verify": _truth(options, "ssl_verify_cert", True),
        "http_path": options.get("http_path", "cliservice") if is_http else None,
        "connect_timeout": _seconds(options.get("connect_timeout", "10")),
        "statement_timeout": None if milliseconds is None else milliseconds / 1000,
        "settings": settings,
    }


def _mechanism(options: Mapping[str, str], url: sa.URL) -> str:
    written = options.get("auth", "LDAP" if url.password else "NONE").upper()
    if written not in _MECHANISMS:
        raise TerminalError(
            f"auth={written} is no way to log in", hint=f"there are {', '.join(_MECHANISMS)}"
        )
    return _MECHANISMS[written]


def _truth(options: Mapping[str, str], name: str, otherwise: bool) -> bool:
    text = options.get(name, str(otherwise)).lower()
    if text not in _TRUTH:
        raise TerminalError(f"{name} must be true or false, not {text!r}")
    return _TRUTH[text]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise TerminalError(f"connect_timeout must be a number of seconds, not {text!r}")
    return seconds
