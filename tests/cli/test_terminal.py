"""A run on a terminal."""

import re

from tests.cli.command import Sqlflow

PROGRAM = """
CREATE TABLE a AS SELECT x, y FROM numbers;
SELECT * FROM a TO TRAIN xgboost.gbtree
WITH objective = "reg:squarederror", train.num_boost_round = 4000
LABEL y INTO m;
CREATE TABLE bad AS SELECT CAST(word AS INT) AS n FROM numbers;
SELECT * FROM bad;
SELECT count(*) AS how_many FROM a;
"""
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
COLOUR = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")


def test_every_step_has_a_line_that_moves(sqlflow: Sqlflow) -> None:
    done = sqlflow.on_terminal("run", sqlflow.write("p.sql", PROGRAM))
    assert done.code == 1
    assert COLOUR.search(done.stdout)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stdout)
    # While it runs: what waits, what turns with its time, how far the training is.
    assert "· TRAIN m" in shown
    assert re.search(rf"[{SPINNER}] CREATE a +\d\.\d s", shown)
    assert re.search(rf"[{SPINNER}] TRAIN m +\d+\.\d s ━+.* train-rmse \d", shown)
    # At the end: the last picture of the lines, then what went wrong, then the summary.
    last = shown[shown.rindex("✓ CREATE a") :]
    assert re.search(r"✓ CREATE a +\d\.\d s", last)
    assert re.search(r"✓ TRAIN m +\d+\.\d s", last)
    assert re.search(r"✗ CREATE bad +\d\.\d s +failed", last)
    assert re.search(r"- SELECT bad +skipped: CREATE bad failed", last)
    assert re.search(r"p\.sql:6:\d+: error: Conversion Error.*\^\^\^", last, re.DOTALL)
    assert re.search(r"5 steps: 3 done, 1 failed, 1 skipped in \d+\.\d s\s*$", last)
    # Rows stand above the lines.
    assert shown.index("how_many") < shown.rindex("✓ CREATE a")


def test_no_color_takes_the_colours_away(sqlflow: Sqlflow) -> None:
    program = sqlflow.write("p.sql", "SELECT x FROM numbers WHERE x < 2; SELECT CAST('a' AS INT);")
    done = sqlflow.on_terminal("run", program, environment={"NO_COLOR": "1"})
    assert re.search(r"\d steps: ", done.stdout)
    colours = re.findall(r"\x1b\[(?:3[0-7]|9[0-7]|38;5;\d+)m", done.stdout)
    assert colours == []


def test_a_program_longer_than_the_screen_shows_what_runs(sqlflow: Sqlflow) -> None:
    text = "".join(f"CREATE TABLE t{i} AS SELECT * FROM numbers;" for i in range(9))
    done = sqlflow.on_terminal("run", sqlflow.write("p.sql", text), height=8)
    assert done.code == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stdout)
    assert re.search(r"4 more", shown)
    last = shown[shown.rindex("✓ CREATE t0") :]
    assert len(re.findall(r"✓ CREATE t\d+", last)) == 9


def test_a_terminal_that_cannot_redraw_gets_plain_lines(sqlflow: Sqlflow) -> None:
    program = sqlflow.write("p.sql", "CREATE TABLE a AS SELECT * FROM numbers;")
    done = sqlflow.on_terminal("run", program, environment={"TERM": "dumb"})
    assert re.match(r"\[1/1\] CREATE a … \d+\.\d s\r\n1 step: 1 done in ", done.stdout)


def test_a_check_is_coloured(sqlflow: Sqlflow) -> None:
    done = sqlflow.on_terminal("check", sqlflow.write("p.sql", "SELECT 1 TO TRAIN nothing INTO m;"))
    assert done.code == 1
    assert "\x1b[1;31merror:\x1b[0m unknown estimator 'nothing'" in done.stdout
