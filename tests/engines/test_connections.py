"""How a server is reached: what keeps a connection from being made is told, and no secret with it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from tests.engines import mariadb_server, postgresql_server
from tests.engines.certificates import NAME, new_certificate
from tests.engines.servers import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of server.

    Attributes:
        name: As its URLs begin.
        new_database: The URL of a new database on a server without TLS.
        own_server: Starts a server of one's own.
        secret_option: Beside the password, what is a secret in the query of a URL.
        is_encrypted: A SELECT that tells of its own connection.
        absent: What is told of a database that is not there, and what to do.
    """

    name: str
    new_database: Callable[[], str]
    own_server: Callable[..., tuple[Server, str]]
    secret_option: str
    is_encrypted: str
    absent: tuple[str, str]


MYSQL = Kind(
    name="mysql",
    new_database=mariadb_server.new_database,
    own_server=mariadb_server.own_server,
    secret_option="ssl_key_password",
    is_encrypted=(
        "SELECT variable_value <> '' AS yes FROM information_schema.session_status "
        "WHERE variable_name = 'Ssl_cipher'"
    ),
    absent=("Unknown database 'absent'", "create the database"),
)
POSTGRESQL = Kind(
    name="postgresql",
    new_database=postgresql_server.new_database,
    own_server=postgresql_server.own_server,
    secret_option="sslpassword",
    is_encrypted="SELECT ssl AS yes FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    absent=('database "absent" does not exist', "correct the URL"),
)
KINDS = [pytest.param(kind, id=kind.name) for kind in (MYSQL, POSTGRESQL)]


@cache
def with_tls(name: str) -> tuple[Server, str]:
    """A server that speaks TLS, and the URL of its database."""
    return {kind.name: kind for kind in (MYSQL, POSTGRESQL)}[name].own_server(tls=True)


def is_encrypted(kind: Kind, url: str) -> bool:
    with open_engine(url).session() as session:
        (row,) = session.read(kind.is_encrypted).read_all().to_pylist()
    return bool(row["yes"])


@pytest.mark.parametrize(
    ("kind", "options", "encrypted"),
    [
        pytest.param(POSTGRESQL, "", True, id="postgresql, by default"),
        pytest.param(POSTGRESQL, "sslmode=require", True, id="postgresql, whoever it is"),
        pytest.param(
            POSTGRESQL, "sslmode=verify-full&sslrootcert={ca}", True, id="postgresql, verified"
        ),
        pytest.param(POSTGRESQL, "sslmode=disable", False, id="postgresql, not wanted"),
        pytest.param(MYSQL, "", True, id="mysql, by default"),
        pytest.param(MYSQL, "ssl_verify_cert=false", True, id="mysql, whoever it is"),
        pytest.param(MYSQL, "ssl_ca={ca}&ssl_verify_identity=true", True, id="mysql, verified"),
        pytest.param(MYSQL, "ssl_disabled=true", False, id="mysql, not wanted"),
    ],
)
def test_the_url_says_whether_tls_is_spoken(kind: Kind, options: str, encrypted: bool) -> None:
    server, url = with_tls(kind.name)
    options = options.format(ca=server.directory / NAME)
    assert is_encrypted(kind, f"{url}?{options}") == encrypted


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A server that is not who it is to be.

    Attributes:
        kind: Of the server.
        options: In the query of its URL.
        message: What is told.
        hint: What to do.
        host: In the URL; the certificate is for the address.
    """

    kind: Kind
    options: str
    message: str
    hint: str
    host: str = "127.0.0.1"


REFUSALS = {
    "postgresql, another authority": Refusal(
        kind=POSTGRESQL,
        options="sslmode=verify-full&sslrootcert={other}",
        message="certificate verify failed",
        hint="sslrootcert=ca.pem",
    ),
    "postgresql, another host": Refusal(
        kind=POSTGRESQL,
        options="sslmode=verify-full&sslrootcert={ca}",
        host="localhost",
        message='does not match host name "localhost"',
        hint="sslmode=verify-ca",
    ),
    "postgresql, no authority": Refusal(
        kind=POSTGRESQL,
        options="sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
        message='file "/nowhere/ca.pem" does not exist',
        hint="sslrootcert=system",
    ),
    "postgresql, a mode that is none": Refusal(
        kind=POSTGRESQL,
        options="sslmode=full",
        message='invalid sslmode value: "full"',
        hint="verify-full",
    ),
    "mysql, another authority": Refusal(
        kind=MYSQL,
        options="ssl_ca={other}",
        message="certificate verify failed: self-signed certificate",
        hint="ssl_ca=ca.pem",
    ),
    "mysql, another host": Refusal(
        kind=MYSQL,
        options="ssl_ca={ca}",
        host="localhost",
        message="not valid for 'localhost'",
        hint="ssl_verify_identity=false",
    ),
    "mysql, no authority": Refusal(
        kind=MYSQL,
        options="ssl_ca=/nowhere/ca.pem",
        message="ssl_ca of the data source is not there: /nowhere/ca.pem",
        hint="a path of this machine",
    ),
    "mysql, another kind of file": Refusal(
        kind=MYSQL,
        options="ssl_ca=/dev/null",
        message="cannot be used",
        hint="correct ssl_ca",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_server_that_is_not_who_it_is_to_be_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    server, url = with_tls(refusal.kind.name)
    other, _ = new_certificate(tmp_path)
    options = refusal.options.format(ca=server.directory / NAME, other=other)
    with pytest.raises(TerminalError) as caught:
        is_encrypted(refusal.kind, f"{url.replace('127.0.0.1', refusal.host)}?{options}")
    assert refusal.message in caught.value.message
    assert refusal.hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("kind", "options", "hint"),
    [
        pytest.param(POSTGRESQL, "sslmode=require", "sslmode=disable", id="postgresql"),
        pytest.param(MYSQL, "ssl_verify_cert=false", "ssl_disabled=true", id="mysql"),
    ],
)
def test_a_server_without_tls_is_refused_where_tls_is_asked_for(
    kind: Kind, options: str, hint: str
) -> None:
    with pytest.raises(TerminalError, match=r"SSL (?:is|was) required") as caught:
        is_encrypted(kind, f"{kind.new_database()}?{options}")
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_away_may_come_back(kind: Kind) -> None:
    with pytest.raises(TransientError, match=r"127\.0\.0\.1.*refused") as caught:
        open_engine(f"{kind.name}://u@127.0.0.1:1/d").session().__enter__()
    assert "see that the server runs" in str(caught.value.hint)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_is_missing_is_missing_tomorrow(kind: Kind) -> None:
    message, hint = kind.absent
    with pytest.raises(TerminalError, match=message) as caught:
        open_engine(kind.new_database().rpartition("/")[0] + "/absent").session().__enter__()
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("kind", KINDS)
def test_a_password_is_never_shown(kind: Kind) -> None:
    parsed = sa.make_url(kind.new_database()).set(password="Pa55/w:rd@geheim🌷", database="absent")
    whole = parsed.update_query_dict({kind.secret_option: "Schlüssel"})
    engine = open_engine(whole.render_as_string(hide_password=False))
    with pytest.raises(StepError) as caught:
        engine.session().__enter__()
    error: BaseException | None = caught.value
    shown = [engine.display_url]
    while error is not None:
        shown += [str(error), repr(error)]
        error = error.__cause__
    for text in shown:
        assert "geheim" not in text
        assert "Schl" not in text
