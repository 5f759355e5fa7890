"""URLs of data sources as the original SQLFlow writes them: those of the Go driver of MySQL."""

import re

import sqlalchemy as sa

from sqlflow_dagster.errors import TerminalError

_ADDRESS = re.compile(
    r"(?P<scheme>mysql|mariadb)://(?:(?P<login>.*)@)?(?P<net>tcp|unix)\((?P<address>[^()]*)\)"
    r"/(?P<database>[^?]*)(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d+))?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_TIMEOUTS = {
    "timeout": "connect_timeout",
    "readTimeout": "read_timeout",
    "writeTimeout": "write_timeout",
}
_TLS = {
    "true": {"ssl_verify_identity": "true"},
    "skip-verify": {"ssl_verify_cert": "false"},
    "false": {"ssl_disabled": "true"},
    "preferred": {},
}
_KEPT = frozenset({"collation"})
# They are about Go's side of a connection, or what is always so here.
_WITHOUT_MEANING = frozenset(
    {
        "allowAllFiles",
        "allowCleartextPasswords",
        "allowFallbackToPlaintext",
        "allowNativePasswords",
        "allowOldPasswords",
        "charset",
        "checkConnLiveness",
        "clientFoundRows",
        "columnsWithAlias",
        "compress",
        "connectionAttributes",
        "interpolateParams",
        "loc",
        "maxAllowedPacket",
        "multiStatements",
        "parseTime",
        "rejectReadOnly",
        "serverPubKey",
        "timeTruncate",
    }
)


def from_original(url: str) -> sa.URL | None:
    """A URL such as ``mysql://user:pass@tcp(host:3306)/db?maxAllowedPacket=0``; None for any other.

    Nothing in it is percent-encoded, and a password may hold every character.

    Raises:
        TerminalError: An option has no counterpart here.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        return None
    user, colon, password = (found["login"] or "").partition(":")
    query = _options(found["query"] or "")
    host, port = None, None
    if found["net"] == "unix":
        query["unix_socket"] = found["address"]
    else:
        place = _HOST.fullmatch(found["address"])
        if place is None:
            raise _refused("an address is written as tcp(host:port)")
        host = place["host"].strip("[]") or "127.0.0.1"
        port = int(place["port"]) if place["port"] else None
    return sa.URL.create(
        found["scheme"],
        username=user or None,
        password=password if colon else None,
        host=host,
        port=port,
        database=found["database"] or None,
        query=query,
    )


def _options(text: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        if name in _TIMEOUTS:
            query[_TIMEOUTS[name]] = str(max(1, round(_seconds(value))))
        elif name == "tls" and value in _TLS:
            query |= _TLS[value]
        elif name in _KEPT:
            query[name] = value
        elif name not in _WITHOUT_MEANING:
            raise _refused(f"the option {name} of the Go driver has no counterpart")
    return query


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if found is None:
        raise _refused("a time is written as 30s")
    return float(found[1]) * _UNITS[found[2]]


def _refused(reason: str) -> TerminalError:
    return TerminalError(
        f"the data source cannot be read: {reason}",
        hint="write it as mysql://user:password@host:port/database",
    )
