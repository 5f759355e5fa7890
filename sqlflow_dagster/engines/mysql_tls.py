"""The options of TLS in the URL of a MySQL server."""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlflow_dagster.errors import TerminalError

TLS_OPTIONS = (
    "ssl_ca",
    "ssl_capath",
    "ssl_cert",
    "ssl_check_hostname",
    "ssl_cipher",
    "ssl_disabled",
    "ssl_key",
    "ssl_key_password",
    "ssl_verify_cert",
    "ssl_verify_identity",
)
_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def tls_context(query: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
    """What the driver's ``connect`` is told about TLS.

    Without options the connection is encrypted if the server can, and nobody's certificate is verified. With any of
    them it is encrypted or refused. ``ssl_ca`` or ``ssl_verify_cert`` alone verify the host's name, too.

    Args:
        query: That of the URL.

    Raises:
        TerminalError: An option is not true or false, or a file cannot be read.
    """
    if not any(option in query for option in TLS_OPTIONS):
        return {}
    if _flag(query, "ssl_disabled", default=False):
        return {"ssl_disabled": True}
    options = {name: str(query[name]) for name in TLS_OPTIONS if name in query}
    _check_there(options)
    authority, directory = options.get("ssl_ca"), options.get("ssl_capath")
    identity = _flag(
        query, "ssl_verify_identity", default=_flag(query, "ssl_check_hostname", default=None)
    )
    verify = _flag(query, "ssl_verify_cert", default=bool(authority or directory) or bool(identity))
    try:
        context = ssl.create_default_context(cafile=authority, capath=directory)
        # The certificates that a server makes for itself would fail Python 3.13's own rules.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = bool(verify and (identity is None or identity))
        context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        if "ssl_cert" in options:
            context.load_cert_chain(
                options["ssl_cert"], options.get("ssl_key"), options.get("ssl_key_password")
            )
        if "ssl_cipher" in options:
            context.set_ciphers(options["ssl_cipher"])
    except OSError as error:
        raise TerminalError(
            f"a certificate or key of the data source cannot be used: {error}",
            hint="correct ssl_ca, ssl_cert or ssl_key in the URL",
        ) from error
    return {"ssl": context}


def _check_there(options: Mapping[str, str]) -> None:
    """OpenSSL would not name the file that is missing, and do without a directory."""
    for name in ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key"):
        if name in options and not Path(options[name]).exists():
            raise TerminalError(
                f"{name} of the data source is not there: {options[name]}",
                hint="correct it in the URL; it is a path of this machine",
            )


def _flag(
    query: Mapping[str, str | Sequence[str]], name: str, *, default: bool | None
) -> bool | None:
    if name not in query:
        return default
    value = _WORDS.get(str(query[name]).lower())
    if value is None:
        raise TerminalError(f"{name} must be true or false, not {query[name]!r}")
    return value
