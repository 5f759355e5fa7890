"""Splitting a program and finding where its machine-learning clauses start."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.lang.bodies import plain_end
from sqlflow_dagster.lang.dialects import LEXIS, Lexis, lexis
from sqlflow_dagster.lang.lexemes import UnterminatedError, closed, sql_lexemes
from sqlflow_dagster.lang.scanner import content_start, piece_end, scan
from sqlflow_dagster.lang.sql_text import bare_sql, content_end, normalized_sql
from sqlflow_dagster.source import Source

DIALECTS = sorted(LEXIS)
TRAIN = "TO TRAIN DNNClassifier LABEL class INTO m"


def texts(sql: str, dialect: str) -> list[str]:
    """The statements of a program, each cut free of blanks and comments."""
    pieces, problems = scan(Source(text=sql), dialect)
    assert not problems, problems[0].render()
    return [
        sql[piece.content : piece_end(sql, piece, dialect)]
        for piece in pieces
        if piece.content < piece.end
    ]


def clause(sql: str, dialect: str = "duckdb") -> str | None:
    """The machine-learning clause that the scanner finds in one statement."""
    pieces, problems = scan(Source(text=sql), dialect)
    assert not problems, problems[0].render()
    assert len(pieces) == 1
    return None if pieces[0].clause is None else sql[pieces[0].clause : pieces[0].end]


NASTY = st.sampled_from(
    [
        ";", "'", '"', "`", "[", "]", "(", ")", "$$", "$t$", "$1", "--", "/*", "*/", "#", "//", "\\", "\n",
        "\r\n", "\r", "\t", " ", "\ufeff", "\xa0", "é", "x", "E'", "'''", '"""', "SELECT ", "a", " TO ",
        "TO TRAIN m WITH ", " INTO ", "it's", "BEGIN ", " END", " CASE ", "CREATE TRIGGER t ", "DELIMITER //\n",
        "CREATE FUNCTION f ", "DELIMITER ;\n", "DELIMITER $$\n", "\n/\n", "q'", "q'[", "]'", "r'", "/*!", " IF ",
        " LOOP ", "END LOOP", "DECLARE ", " THEN ", "l: ", "CREATE PACKAGE p IS ", "COPY t FROM STDIN", "\n\\.\n",
        "CREATE RULE r DO (", "to\n",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(fragments=st.lists(NASTY, max_size=30), dialect=st.sampled_from(DIALECTS))
def test_pieces_joined_are_the_text(fragments: list[str], dialect: str) -> None:
    text = "".join(fragments)
    pieces, problems = scan(Source(text=text), dialect)
    assert "".join(text[piece.start : piece.stop] for piece in pieces) == text
    for piece in pieces:
        assert piece.start <= piece.content <= piece.stop
        assert piece.start <= piece.end <= piece.stop
        assert piece.clause is None or piece.content <= piece.clause < piece.end
    for problem in problems:
        assert problem.span is not None
        assert 0 <= problem.span.start < problem.span.end <= len(text)


def first_end(text: str, rules: Lexis) -> int | None:
    """Where the first statement ends, found lexeme by lexeme; None where something is never closed."""
    position = 0
    while lexeme := sql_lexemes(rules).search(text, position):
        position = lexeme.end()
        if lexeme.lastgroup == "stop":
            return lexeme.start()
        if lexeme.lastgroup in {"nested", "open"}:
            try:
                position = closed(text, *lexeme.span(), rules)
            except UnterminatedError:
                return None
    return len(text)


@settings(max_examples=400, deadline=None)
@given(fragments=st.lists(NASTY, max_size=30), dialect=st.sampled_from(DIALECTS))
def test_one_match_finds_what_many_find(fragments: list[str], dialect: str) -> None:
    text, rules = "".join(fragments), lexis(dialect)
    try:
        end: int | None = plain_end(text, 0, rules, ";")[0]
    except UnterminatedError:
        end = None
    assert end == first_end(text, rules)


@settings(max_examples=300, deadline=None)
@given(fragments=st.lists(NASTY, max_size=30), dialect=st.sampled_from(DIALECTS))
def test_views_of_any_text_keep_their_promises(fragments: list[str], dialect: str) -> None:
    text = "".join(fragments)
    assert len(bare_sql(text, dialect)) <= len(text)
    start = content_start(text, 0, len(text), dialect)
    assert start <= content_end(text, start, len(text), dialect) <= len(text)


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(
            ["SELECT", "a", ",", "'x  -- y'", '"B  c"', "(", ")", "/* c */", "-- d\n", " "]
        ),
        max_size=12,
    ),
    dialect=st.sampled_from(DIALECTS),
)
def test_a_normal_form_is_its_own_normal_form(words: list[str], dialect: str) -> None:
    normal = normalized_sql(" ".join(words), dialect)
    assert normalized_sql(normal, dialect) == normal


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" ;\n;; ", [], id="only semicolons"),
        pytest.param("SELECT 1", ["SELECT 1"], id="no semicolon"),
        pytest.param("SELECT 1;SELECT 2;", ["SELECT 1", "SELECT 2"], id="no blank between"),
        pytest.param("SELECT ';';\nSELECT 2", ["SELECT ';'", "SELECT 2"], id="in a string"),
        pytest.param("SELECT 'it''s;'; SELECT 2", ["SELECT 'it''s;'", "SELECT 2"], id="doubled quote"),
        pytest.param('SELECT "a;b"', ['SELECT "a;b"'], id="in double quotes"),
        pytest.param("SELECT 1 -- a;b\n; SELECT 2", ["SELECT 1", "SELECT 2"], id="in a line comment"),
        pytest.param("SELECT /* ; */ 1; SELECT 2", ["SELECT /* ; */ 1", "SELECT 2"], id="in a comment"),
        pytest.param("-- only a comment", [], id="comment only"),
        pytest.param("/* c */ SELECT 1 /* d */ ; -- e", ["SELECT 1"], id="comments around"),
        pytest.param("SELECT 1\r\n;\r\nSELECT 2\r\n", ["SELECT 1", "SELECT 2"], id="CRLF"),
        pytest.param("\ufeffSELECT 1", ["SELECT 1"], id="byte-order mark"),
        pytest.param("SELECT (1; SELECT 2", ["SELECT (1", "SELECT 2"], id="parenthesis not closed"),
    ],
)  # fmt: skip
def test_splitting_in_every_dialect(sql: str, expected: list[str], dialect: str) -> None:
    assert texts(sql, dialect) == expected


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("postgres", "SELECT $$a;b$$; SELECT 2", ["SELECT $$a;b$$", "SELECT 2"]),
        ("duckdb", "SELECT $t$ $$;$$ $t$; SELECT 2", ["SELECT $t$ $$;$$ $t$", "SELECT 2"]),
        ("duckdb", "SELECT $t$ $T$;$t$; SELECT 2", ["SELECT $t$ $T$;$t$", "SELECT 2"]),
        ("duckdb", "SELECT $1; SELECT $2", ["SELECT $1", "SELECT $2"]),
        ("duckdb", "SELECT E'\\';'; SELECT 2", ["SELECT E'\\';'", "SELECT 2"]),
        ("duckdb", "SELECT 'a\\'; SELECT 2", ["SELECT 'a\\'", "SELECT 2"]),
        ("mysql", "SELECT 'a\\';b'; SELECT 2", ["SELECT 'a\\';b'", "SELECT 2"]),
        ("mysql", "SELECT 5--1; SELECT 2", ["SELECT 5--1", "SELECT 2"]),
        ("mysql", "SELECT 1 # a;b\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("bigquery", "SELECT '''a;\n'b'''; SELECT 2", ["SELECT '''a;\n'b'''", "SELECT 2"]),
        ("snowflake", "SELECT 1 // a;b\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("sqlite", "SELECT [a;b]; SELECT 2", ["SELECT [a;b]", "SELECT 2"]),
        ("duckdb", "SELECT [1,2]; SELECT 2", ["SELECT [1,2]", "SELECT 2"]),
        ("hive", "SELECT `a;b`; SELECT 2", ["SELECT `a;b`", "SELECT 2"]),
        ("postgres", "/* /* ; */ ; */ SELECT 1", ["SELECT 1"]),
        ("sqlite", "/* /* ; */ SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("postgres", "SELECT a/b, a*/**/b, a/*/* ; */ x */; SELECT 2", ["SELECT a/b, a*/**/b, a", "SELECT 2"]),
        ("oracle", "SELECT q'[it's; ]'; SELECT nq'{;'}' FROM dual", ["SELECT q'[it's; ]'", "SELECT nq'{;'}' FROM dual"]),
        ("oracle", "SELECT q'!;'!'; SELECT 'q'';'; SELECT 3", ["SELECT q'!;'!'", "SELECT 'q'';'", "SELECT 3"]),
        ("oracle", "SELECT seq';'; SELECT 2", ["SELECT seq';'", "SELECT 2"]),
        ("oracle", "SELECT 1 FROM dual\n/\nSELECT 4/2;\n/\n", ["SELECT 1 FROM dual", "SELECT 4/2"]),
        ("oracle", "SELECT 8\n / 2; SELECT 2", ["SELECT 8\n / 2", "SELECT 2"]),
        ("spark", "SELECT r'a\\'; SELECT R\"b\\\"; SELECT 'c\\';'", ["SELECT r'a\\'", 'SELECT R"b\\"', "SELECT 'c\\';'"]),
        ("bigquery", "SELECT r'a\\';'; SELECT 2", ["SELECT r'a\\';'", "SELECT 2"]),
        ("snowflake", "PUT file:///tmp/a @s; SELECT 2", ["PUT file:///tmp/a @s", "SELECT 2"]),
        ("mysql", "/*!40101 SET NAMES utf8 */; SELECT 2", ["/*!40101 SET NAMES utf8 */", "SELECT 2"]),
        ("mysql", "/* x */ CREATE TABLE t (a INT) /*!50100 ENGINE=x; */;", ["CREATE TABLE t (a INT) /*!50100 ENGINE=x; */"]),
        ("postgres", "COPY t (a) FROM stdin;\nit's; \"x\n\\.\nSELECT 2", ["COPY t (a) FROM stdin", "SELECT 2"]),
        ("postgres", "COPY t FROM STDIN; SELECT 2", ["COPY t FROM STDIN", "SELECT 2"]),
        ("flink", "SELECT `a;b`, 'c\\'; SELECT 2", ["SELECT `a;b`, 'c\\'", "SELECT 2"]),
        ("calcite", "SELECT \"a;b\", 'c\\'; SELECT 2", ["SELECT \"a;b\", 'c\\'", "SELECT 2"]),
        ("maxcompute", "SELECT \"a\\\";b\"; SELECT 2", ["SELECT \"a\\\";b\"", "SELECT 2"]),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_splitting_by_the_rules_of_a_dialect(dialect: str, sql: str, expected: list[str]) -> None:
    assert texts(sql, dialect) == expected


BODIES = {
    "trigger": ("sqlite", "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE u SET x = 1; DELETE FROM v; END"),
    "nested blocks": ("bigquery", """CREATE OR REPLACE PROCEDURE p() BEGIN
        IF x THEN SELECT CASE WHEN 1 THEN 2 END; END IF;
        CASE x WHEN 1 THEN SELECT 1; END CASE;
        BEGIN TRANSACTION; COMMIT;
        BEGIN SELECT ';'; END;
      END"""),
    "definer": ("mysql", "CREATE DEFINER = `a`@`b` FUNCTION f() RETURNS INT BEGIN RETURN 1; END"),
    "macro": ("duckdb", "CREATE FUNCTION f(x) AS CASE WHEN x THEN 1 ELSE 2 END"),
    "dollar-quoted body": ("postgres", "CREATE FUNCTION f() RETURNS int AS $$ BEGIN; $$ LANGUAGE plpgsql"),
    "comment in the head": ("postgres", "CREATE FUNCTION f() /* /* BEGIN */ */ RETURNS int AS 'x'"),
    "begin atomic": ("postgres", """CREATE FUNCTION f(n int) RETURNS int LANGUAGE SQL
      BEGIN ATOMIC
        INSERT INTO t VALUES (n); SELECT CASE WHEN n > 1 THEN 2 ELSE 3 END;
      END"""),
    "rule": ("postgres", "CREATE RULE r AS ON UPDATE TO t DO ALSO (INSERT INTO u VALUES (1); DELETE FROM v)"),
    "loops": ("mysql", """CREATE PROCEDURE p(n INT) BEGIN
        DECLARE i INT DEFAULT 0;
        a: WHILE i < n DO SET i = i + 1; IF i > 3 THEN LEAVE a; ELSEIF i = 2 THEN SELECT 1; ELSE
          IF i = 1 THEN SELECT 2; END IF; END IF; END WHILE a;
        REPEAT SET i = i - 1; UNTIL i < 0 END REPEAT;
        b: LOOP LEAVE b; END LOOP;
        SELECT IF(i, CASE i WHEN 1 THEN IF(n, 1, 2) ELSE IF(n, 2, 3) END, REPEAT('x', 3));
      END"""),
    "trigger without BEGIN": ("mysql", """CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW
      IF NEW.a < 0 THEN SET NEW.a = 0; SET NEW.end = 1; END IF"""),
    "event": ("mysql", "CREATE EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; END"),
    "outside a procedure": ("mysql", "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END"),
    "script": ("bigquery", "BEGIN DECLARE x INT64; INSERT INTO t VALUES (1); EXCEPTION WHEN ERROR THEN SELECT 2; END"),
    "branch": ("bigquery", "IF (SELECT true) THEN SELECT 1; ELSEIF x THEN SELECT 2; ELSE SELECT 3; END IF"),
    "labelled loop": ("bigquery", "l1: LOOP SET x = x + 1; IF x > 10 THEN LEAVE l1; END IF; END LOOP l1"),
    "for": ("bigquery", "FOR r IN (SELECT a FROM t) DO SELECT r.a; END FOR"),
    "declared block": ("snowflake", """DECLARE n INT DEFAULT 1; c CURSOR FOR SELECT a FROM t;
      BEGIN
        FOR r IN c DO n := n + r.a; END FOR;
        FOR i IN 1 TO 10 LOOP n := n + 1; END LOOP;
        IF (n > 3) THEN INSERT INTO u VALUES (:n); END IF;
        RETURN n;
      END"""),
    "unquoted procedure": ("snowflake", """CREATE OR REPLACE PROCEDURE p() RETURNS INT LANGUAGE SQL AS
      DECLARE n INT; BEGIN n := 1; RETURN n; END"""),
    "quoted procedure": ("snowflake", "CREATE PROCEDURE p() RETURNS INT LANGUAGE SQL AS $$ BEGIN RETURN 'a; END $$"),
    "task": ("snowflake", "CREATE TASK k SCHEDULE = '1 MINUTE' AS BEGIN DELETE FROM t; DELETE FROM u; END"),
    "compound": ("spark", "BEGIN DECLARE x INT = 1; IF x = 1 THEN SELECT 'a'; ELSE SELECT 'b'; END IF; END"),
    "routine": ("trino", "CREATE FUNCTION f(n bigint) RETURNS bigint BEGIN DECLARE x bigint; SET x = n; RETURN x; END"),
    "inline routine": ("trino", "WITH FUNCTION f(n int) RETURNS int BEGIN IF n > 1 THEN RETURN 2; END IF; RETURN 1; END SELECT f(2)"),
    "statement set": ("flink", """EXECUTE STATEMENT SET
      BEGIN INSERT INTO a SELECT CASE WHEN x THEN 1 END FROM s; INSERT INTO b SELECT * FROM s; END"""),
    "older statement set": ("flink", "BEGIN STATEMENT SET; INSERT INTO a SELECT * FROM s; INSERT INTO b SELECT 1; END"),
    "explained statement set": ("flink", """EXPLAIN ESTIMATED_COST, CHANGELOG_MODE STATEMENT SET
      BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END"""),
    "compiled statement set": ("flink", """COMPILE AND EXECUTE PLAN 'p.json' IF NOT EXISTS FOR STATEMENT SET
      BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END"""),
    "branch outside a procedure": ("mysql", "IF @a > 1 THEN INSERT INTO t VALUES (1); ELSE DELETE FROM t; END IF"),
    "changed event": ("mysql", "ALTER EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END"),
    "alert": ("snowflake", """CREATE OR REPLACE ALERT a WAREHOUSE = w IF (EXISTS (SELECT 1 FROM t))
      THEN BEGIN INSERT INTO x SELECT 1; INSERT INTO y SELECT 2; END"""),
    "changed task": ("snowflake", "ALTER TASK t MODIFY AS BEGIN INSERT INTO x SELECT 1; INSERT INTO y SELECT 2; END"),
    "inline procedure": ("snowflake", """WITH p AS PROCEDURE (a INT) RETURNS INT LANGUAGE SQL
      AS BEGIN INSERT INTO t SELECT 1; RETURN 1; END CALL p(1)"""),
    "function of a script": ("maxcompute", "FUNCTION f(@a BIGINT) RETURNS @b BIGINT AS BEGIN @b := @a + 1; END"),
    "function in SQL": ("maxcompute", "CREATE SQL FUNCTION f(@a BIGINT) AS BEGIN @x := @a; SELECT @x; END"),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "sql"), BODIES.values(), ids=BODIES)
def test_a_body_is_one_statement(dialect: str, sql: str) -> None:
    assert texts(f"SELECT 1;\n{sql};\nSELECT 2;", dialect) == ["SELECT 1", sql, "SELECT 2"]


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("bigquery", "BEGIN; SELECT 1; COMMIT"),
        ("bigquery", "BEGIN TRANSACTION; SELECT 1; COMMIT TRANSACTION"),
        ("snowflake", "BEGIN NAME t1; SELECT 1; COMMIT"),
        ("snowflake", "BEGIN WORK; SELECT 1; COMMIT"),
        ("duckdb", "BEGIN; SELECT 1; COMMIT"),
        ("sqlite", "BEGIN IMMEDIATE; SELECT 1; END"),
        ("postgres", "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; END"),
        ("mysql", "DROP PROCEDURE IF EXISTS p; SELECT 1; SELECT 2"),
        ("bigquery", "DECLARE x INT64; SET x = 1; SELECT x"),
        ("snowflake", "ALTER TASK t RESUME; SELECT 1; SELECT 2"),
        ("snowflake", "WITH p AS (SELECT 1) SELECT * FROM p; SELECT 1; SELECT 2"),
        ("flink", "COMPILE PLAN 'p' FOR INSERT INTO a SELECT 1; EXPLAIN SELECT 1; SELECT 2"),
        ("oracle", "ALTER PACKAGE p COMPILE; SELECT 1 FROM dual; SELECT 2 FROM dual\n/"),
        ("oracle", "ALTER PROCEDURE p COMPILE; SELECT 1 FROM dual; SELECT 2 FROM dual\n/"),
    ],
    ids=lambda value: value,
)  # fmt: skip
def test_what_only_looks_like_a_body(dialect: str, sql: str) -> None:
    assert texts(sql, dialect) == sql.removesuffix("\n/").split("; ")


PACKAGE = """CREATE OR REPLACE PACKAGE BODY p AS
  FUNCTION f RETURN INT IS BEGIN RETURN CASE WHEN 1 = 1 THEN 1 END; END f;
  PROCEDURE q IS x INT; BEGIN IF f > 0 THEN x := q'[;]'; END IF; END;
END p;"""
UNITS = [
    pytest.param("CREATE PROCEDURE p IS x INT; y INT := 4 / 2; BEGIN x := 1; END;", id="procedure"),
    pytest.param("DECLARE x INT; BEGIN FOR i IN 1..9 LOOP x := i; END LOOP; END;", id="anonymous block"),
    pytest.param("<<outer>>\nBEGIN WHILE TRUE LOOP EXIT; END LOOP; END;", id="labelled block"),
    pytest.param("CREATE PACKAGE p IS PROCEDURE a; FUNCTION b RETURN INT; END p;", id="package"),
    pytest.param(PACKAGE, id="package body"),
    pytest.param("CREATE OR REPLACE EDITIONABLE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN NULL; END;",
                 id="trigger"),
    pytest.param("""CREATE TRIGGER g FOR UPDATE ON t COMPOUND TRIGGER n INT;
  BEFORE STATEMENT IS BEGIN n := 1; END BEFORE STATEMENT;
  AFTER EACH ROW IS BEGIN n := n + 1; END AFTER EACH ROW;
END g;""", id="compound trigger"),
]  # fmt: skip


@pytest.mark.parametrize("sql", UNITS)
def test_a_unit_of_oracle_keeps_its_last_semicolon(sql: str) -> None:
    expected = ["SELECT 1", sql, "SELECT 2"]
    assert texts(f"SELECT 1;\n{sql}\n/\nSELECT 2;", "oracle") == expected
    assert texts(f"SELECT 1;\n{sql}\nSELECT 2;", "oracle") == expected


def test_the_query_of_a_with_function_follows_a_semicolon_in_oracle() -> None:
    sql = """WITH FUNCTION f(a INT) RETURN INT IS BEGIN RETURN CASE a WHEN 1 THEN 2 END; END;
    PROCEDURE p IS BEGIN NULL; END p;
    SELECT CASE WHEN f(x) > 1 THEN 1 END FROM t"""
    assert texts(f"SELECT 1; {sql}; SELECT 2", "oracle") == ["SELECT 1", sql, "SELECT 2"]


def test_delimiter_is_a_command_of_the_client() -> None:
    sql = "DELIMITER //\nCREATE PROCEDURE p() SELECT 1; SELECT 2//\ndelimiter ;\nSELECT 3; SELECT 4"
    expected = ["CREATE PROCEDURE p() SELECT 1; SELECT 2", "SELECT 3", "SELECT 4"]
    assert texts(sql, "mysql") == expected
    assert texts(sql, "duckdb") != expected


def test_another_delimiter_needs_no_look_into_the_body() -> None:
    sql = "DELIMITER $$\nCREATE PROCEDURE p() BEGIN SELECT begin FROM t; END$$\nDELIMITER ;\nSELECT 2;"
    expected = ["CREATE PROCEDURE p() BEGIN SELECT begin FROM t; END", "SELECT 2"]
    assert texts(sql, "mysql") == expected


def test_a_clause_ends_at_the_delimiter_in_force() -> None:
    sql = f"DELIMITER //\nSELECT * FROM t {TRAIN}// SELECT 2//"
    pieces, _ = scan(Source(text=sql), "mysql")
    assert [piece.clause is not None for piece in pieces] == [False, True, False]
    assert texts(sql, "mysql") == [f"SELECT * FROM t {TRAIN}", "SELECT 2"]


@pytest.mark.parametrize(
    ("sql", "dialect", "message", "opening", "hint"),
    [
        ("SELECT 'a", "duckdb", "this quote is never closed", "'", "close it with '"),
        ('SELECT "a; SELECT 2', "duckdb", "this quote is never closed", '"', 'close it with "'),
        ("SELECT 1; /* a", "duckdb", "this comment is never closed", "/*", "close it with */"),
        ("SELECT /* a", "sqlite", "this comment is never closed", "/*", "close it with */"),
        ("SELECT /* /* */", "duckdb", "this comment is never closed", "/*", "close it with */"),
        ("SELECT `a", "mysql", "this quoted name is never closed", "`", "close it with `"),
        ("SELECT [a", "sqlite", "this quoted name is never closed", "[", "close it with ]"),
        ("SELECT $x$ a", "postgres", "this dollar quote is never closed", "$x$", "close it with $x$"),
        (f'SELECT 1 {TRAIN} WITH a="x', "duckdb", "this quote is never closed", '"', 'close it with "'),
        (f"SELECT 1 {TRAIN} /* x", "duckdb", "this comment is never closed", "/*", "close it with */"),
        ("CREATE TRIGGER t BEGIN SELECT 1;", "sqlite", "this BEGIN is never closed", "BEGIN",
         "close it with END"),
        ("SELECT q'[ a' ", "oracle", "this quote is never closed", "'", "close it with '"),
        ("CREATE PROCEDURE p() BEGIN IF x THEN SELECT 1; END;", "mysql", "this BEGIN is never closed",
         "BEGIN", "close it with END"),
        ("SELECT 1; WHILE x DO SELECT 1;", "bigquery", "this WHILE is never closed", "WHILE",
         "close it with END WHILE"),
        ("CREATE TRIGGER t BEGIN SELECT '", "sqlite", "this quote is never closed", "'",
         "close it with '"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith(("SELECT", "CREATE")) else "",
)  # fmt: skip
def test_what_is_never_closed_is_shown_where_it_opens(
    sql: str, dialect: str, message: str, opening: str, hint: str
) -> None:
    pieces, problems = scan(Source(text=sql), dialect)
    assert [(item.message, item.span.text, item.hint) for item in problems if item.span] == [
        (message, opening, hint)
    ]
    assert pieces[-1].stop == len(sql)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(f"SELECT * FROM t {TRAIN}", id="plain"),
        pytest.param(f"-- c\n/* d */ WITH x AS (SELECT 1) SELECT * FROM x {TRAIN}", id="after comments"),
        pytest.param(f"(SELECT * FROM t) {TRAIN}", id="in parentheses"),
        pytest.param(f"SELECT * FROM t WHERE a IN (SELECT to FROM u)\n{TRAIN}", id="to as a column"),
        pytest.param(f"SELECT a FROM t) {TRAIN}", id="one parenthesis too many"),
    ],
)  # fmt: skip
def test_a_clause_is_found_in_every_dialect(sql: str, dialect: str) -> None:
    assert clause(sql, dialect) == TRAIN


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("FROM t to train a.b with x=1", "to train a.b with x=1"),
        ("SELECT 1 TO /* c */ TRAIN -- d\n m INTO x", "TO /* c */ TRAIN -- d\n m INTO x"),
        ("SELECT * FROM t TO PREDICT a.b.c USING m", "TO PREDICT a.b.c USING m"),
        ("SELECT * FROM t TO PREDICT a . b USING m", "TO PREDICT a . b USING m"),
        ('SELECT * FROM t TO PREDICT "a"."b" USING m', 'TO PREDICT "a"."b" USING m'),
        ('SELECT * FROM t TO EXPLAIN s."it\'s".m WITH a=1', 'TO EXPLAIN s."it\'s".m WITH a=1'),
        ("SELECT * FROM t TO TRAIN a/b:c-d.e/* ; */WITH x=1", "TO TRAIN a/b:c-d.e/* ; */WITH x=1"),
        ("SELECT * FROM t TO TRAIN a--b\nWITH x=1", "TO TRAIN a--b\nWITH x=1"),
        ("SELECT * FROM t TO EVALUATE m INTO r", "TO EVALUATE m INTO r"),
        ("SELECT * FROM t TO EXPLAIN m", "TO EXPLAIN m"),
        ("SELECT * FROM t TO EXPLAIN m -- end", "TO EXPLAIN m -- end"),
        ("SELECT * FROM t TO RUN img CMD 'x'", "TO RUN img CMD 'x'"),
        ("SELECT * FROM t TO MAXIMIZE SUM(a) WITH x=1", "TO MAXIMIZE SUM(a) WITH x=1"),
        ("SELECT * FROM t TO MINIMIZE -a WITH x=1", "TO MINIMIZE -a WITH x=1"),
        ("SELECT * FROM train TO TRAIN m LABEL x INTO y", "TO TRAIN m LABEL x INTO y"),
        ("SELECT to, train FROM predict to TO TRAIN m INTO y", "TO TRAIN m INTO y"),
        ("SELECT 1 TO TRAIN m INTO y -- it's\n", "TO TRAIN m INTO y -- it's\n"),
        ('SELECT 1 TO TRAIN m WITH a="it\'s; x" INTO y', 'TO TRAIN m WITH a="it\'s; x" INTO y'),
        ("SELECT 1 TO TRAIN m WITH a='x\\';' INTO y", "TO TRAIN m WITH a='x\\';' INTO y"),
    ],
    ids=lambda value: None,
)
def test_where_a_clause_starts(sql: str, expected: str) -> None:
    assert clause(sql) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "end",
    [
        'CMD "--\'\\""',
        "CMD '/*'",
        'CMD "\'"',
        "WITH a = 'it\\'s'",
        'WITH a = "#"',
        "WITH a = [1, '//']",
    ],
)
def test_a_clause_ends_after_its_last_string(end: str, dialect: str) -> None:
    sql = f"SELECT * FROM t TO RUN a/b {end}"
    assert texts(f"{sql} -- it's\n/* \" */ ;SELECT 2", dialect) == [sql, "SELECT 2"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT to train FROM t",
        "SELECT a to, b train FROM t",
        "SELECT * FROM to train WHERE x = 1",
        "SELECT * FROM to train JOIN u USING (k)",
        "SELECT * FROM t to",
        "GRANT SELECT ON t TO run WITH GRANT OPTION",
        "ALTER TABLE t RENAME TO train",
        "COPY t TO 'train.csv'",
        "COPY (SELECT * FROM t) TO 'x' (FORMAT csv)",
        f"SELECT * FROM (SELECT 1 {TRAIN})",
        f"SELECT '{TRAIN}'",
        f'SELECT "{TRAIN}"',
        f"SELECT 1 -- {TRAIN}",
        f"SELECT 1 /* {TRAIN} */",
        f"SELECT $$ {TRAIN} $$",
        "SELECT x TO TRAINING y WITH z",
        "SELECT INTERVAL '1' YEAR TO MONTH",
        "SELECT a TO TRAIN WITH b",
    ],
)
def test_what_looks_like_a_clause_and_is_none(sql: str) -> None:
    assert clause(sql) is None


def test_leading_comments_of_a_dialect_do_not_hide_a_clause() -> None:
    assert clause(f"# it's\nSELECT * FROM t {TRAIN}", "mysql") == TRAIN
    assert clause(f"// it's\nSELECT * FROM t {TRAIN}", "snowflake") == TRAIN
    assert clause(f"/* /* */ it's */ SELECT * FROM t {TRAIN}", "duckdb") == TRAIN


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("duckdb", "SELECT  a,\n\tb -- c\nFROM t /* d */ WHERE x", "SELECT a, b FROM t WHERE x"),
        ("duckdb", "SELECT 'a  b',  \"c  d\"", "SELECT 'a  b', \"c  d\""),
        ("duckdb", "SELECT a/**/b", "SELECT a b"),
        ("duckdb", "/* /* x */ */ SELECT 1", "SELECT 1"),
        ("mysql", "SELECT 5--1 # c", "SELECT 5--1"),
        ("bigquery", "SELECT 1 # c\n+ 2", "SELECT 1 + 2"),
    ],
)
def test_normal_form(dialect: str, sql: str, expected: str) -> None:
    assert normalized_sql(sql, dialect) == expected


def test_normal_form_of_a_large_statement() -> None:
    rows = ", ".join(f"('name {i}', {i})" for i in range(20_000))
    assert normalized_sql(f"INSERT INTO t VALUES {rows}", "duckdb").count("'") == 40_000


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 -- a\n /* b */ ", "SELECT 1"),
        ("SELECT '-- a' ", "SELECT '-- a'"),
        ("SELECT 1 /* a */ + 2 -- b", "SELECT 1 /* a */ + 2"),
        ("SELECT 1 /* /* */ */", "SELECT 1"),
        ("SELECT a AS \"x\" -- c", 'SELECT a AS "x"'),
    ],
)  # fmt: skip
def test_the_end_of_a_statement_is_before_its_last_comments(sql: str, expected: str) -> None:
    assert sql[: content_end(sql, 0, len(sql), "duckdb")] == expected


def test_an_unknown_dialect_is_an_error_with_a_hint() -> None:
    with pytest.raises(
        CompileError, match=r"unknown SQL dialect 'postgre' .*\nhint: did you mean 'postgres'"
    ):
        lexis("postgre")
    with pytest.raises(CompileError, match="known: duckdb, sqlite"):
        lexis("quux")
