from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import Engine, open_engine, parse_url
from sqlflow_dagster.errors import TerminalError


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("geheim", "not a URL", "engine://user:password@host/database"),
        ("//user:geheim@host/db", "not a URL", "engine://user:password@host/database"),
        ("mysql://user:ge@heim@host/db", "not a URL", "@ : / % in a password as %40"),
        ("mysql://user:geheim@host:a/db", "not a URL", "the port as a number"),
        ("mysql://host/db?conect_timeout=5", "'conect_timeout'", "did you mean 'connect_timeout'"),
        ("duckdv:///data.duckdb", "unknown engine 'duckdv'", "did you mean 'duckdb'?"),
        ("duckdv://user:geheim@host/db", "unknown engine 'duckdv'", "did you mean 'duckdb'?"),
    ],
)
def test_a_bad_url_is_explained_without_its_password(url: str, message: str, hint: str) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        open_engine(url)
    assert hint in str(caught.value)
    assert "heim" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "duckdb://",
        "duckdb:///:memory:",
        "duckdb:///:memory:shared",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(TerminalError, match="in memory is empty for every step") as caught:
        open_engine(url)
    assert "name a file" in str(caught.value.hint)


@pytest.mark.parametrize(
    "url",
    [
        "duckdb://user:geheim@/data.duckdb",
        "duckdb:///md:shop?motherduck_token=geheim",
        "postgresql://host/shop?password=geheim",
        "mysql://user@host/shop?password=geheim",
        "mysql://user@host/shop?passwd=geheim",
    ],
)
def test_the_password_is_not_displayed(url: str) -> None:
    assert "geheim" not in open_engine(url).display_url


@pytest.mark.parametrize("name", ["duckdb", "sqlite"])
def test_a_missing_directory_is_named(tmp_path: Path, name: str) -> None:
    engine = open_engine(f"{name}:///{tmp_path}/nowhere/data.db")
    with pytest.raises(TerminalError, match="nowhere") as caught, engine.session():
        pass
    assert "correct the path" in str(caught.value.hint)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["duckdb", "sqlite"])
def test_a_relative_path_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    engine: Engine = open_engine(f"{name}:///data.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with engine.session() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
    assert (tmp_path / "data.db").exists()


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mysql://u:geheim@h:3307/db?charset=utf8mb4", ("mysql", "u", "geheim", "h", 3307, "db")),
        ("mysql+pymysql://u@h/db", ("mysql+pymysql", "u", None, "h", None, "db")),
        ("mariadb://u:geheim@h/", ("mariadb", "u", "geheim", "h", None, "")),
        (
            "mysql://root:geheim@tcp(127.0.0.1:3306)/iris?maxAllowedPacket=0",
            ("mysql", "root", "geheim", "127.0.0.1", 3306, "iris"),
        ),
        (
            "mysql://root:ge:h@ei/m%40@tcp([::1])/iris?charset=utf8&parseTime=true&loc=Local",
            ("mysql", "root", "ge:h@ei/m%40", "::1", None, "iris"),
        ),
        ("mysql://root@tcp(h:1)/", ("mysql", "root", None, "h", 1, None)),
        ("mysql://tcp(h:1)/iris", ("mysql", None, None, "h", 1, "iris")),
        (
            "hive://root:geheim@h:10000/churn?auth=NOSASL",
            ("hive", "root", "geheim", "h", 10000, "churn"),
        ),
        (
            "maxcompute://id:geheim@service.odps.aliyun.com/api?curr_project=p&scheme=https",
            ("maxcompute", "id", "geheim", "service.odps.aliyun.com", None, "api"),
        ),
    ],
)
def test_urls_of_sqlalchemy_and_of_the_original(url: str, parts: tuple[object, ...]) -> None:
    parsed = parse_url(url)
    found = (
        parsed.drivername,
        parsed.username,
        parsed.password,
        parsed.host,
        parsed.port,
        parsed.database,
    )
    assert found == parts
    for secret in filter(None, (parsed.password,)):
        assert secret not in str(parsed)
        assert secret not in repr(parsed)


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ("", {}),
        (
            "timeout=30s&readTimeout=1m&writeTimeout=10ms",
            {"connect_timeout": "30", "read_timeout": "60", "write_timeout": "1"},
        ),
        ("tls=true", {"ssl_verify_identity": "true"}),
        ("tls=skip-verify", {"ssl_verify_cert": "false"}),
        ("tls=false&collation=utf8mb4_bin", {"ssl_disabled": "true", "collation": "utf8mb4_bin"}),
    ],
)
def test_options_of_the_go_driver(options: str, query: dict[str, str]) -> None:
    assert dict(parse_url(f"mysql://u:geheim@tcp(h:1)/d?{options}").query) == query
    assert dict(parse_url("mysql://u@unix(/run/s)/d").query) == {"unix_socket": "/run/s"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://u:geheim@tcp(h:1)/d?tls=mine", "option tls of the Go driver"),
        ("mysql://u:geheim@tcp(h:port)/d", r"tcp\(host:port\)"),
        ("mysql://u:geheim@tcp(h:1)/d?timeout=soon", "a time is written as 30s"),
    ],
)
def test_a_url_of_the_original_that_is_not_understood(url: str, message: str) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        open_engine(url)
    assert "geheim" not in str(caught.value)
