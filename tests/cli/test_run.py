import re
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, Sqlflow
from tests.cli.conftest import Ask

TRAIN = """SELECT x, y FROM numbers
TO TRAIN xgboost.gbtree
WITH objective = "reg:squarederror", train.num_boost_round = 2,
     validation.select = "SELECT x, y FROM numbers WHERE x < 20"
LABEL y INTO m;
"""


def steps(stderr: str) -> list[str]:
    """The lines of the steps that ended, without their numbers and times."""
    found = re.findall(r"^\[\d+/\d+\] (.*? … .*)$", stderr, re.MULTILINE)
    return [re.sub(r"\d+\.\d s$", "N s", line) for line in found]


# -- a program that works


@pytest.mark.torch
def test_runs_the_iris_example(sqlflow: Sqlflow, ask: Ask) -> None:
    assert sqlflow("demo-data").code == 0
    done = sqlflow("run", str(EXAMPLES / "iris.sql"))
    assert done.code == 0, done.stderr
    assert ask("SELECT accuracy_score > 0.9 FROM iris.evaluation") == [(True,)]
    assert ask("SELECT count(*) FROM iris.predict") == [(30,)]


def test_runs_the_example_for_pythons_without_torch(sqlflow: Sqlflow, ask: Ask) -> None:
    assert sqlflow("demo-data").code == 0
    done = sqlflow("run", str(EXAMPLES / "no_torch" / "iris.sql"))
    assert done.code == 0, done.stderr
    assert ask("SELECT accuracy_score > 0.9 FROM iris.evaluation") == [(True,)]
    assert ask("SELECT count(*) FROM iris.explanation WHERE is_predicted") == [(30,)]
    assert "EVALUATE iris_xgb: 30 evaluation rows" in done.stdout


def test_runs_the_housing_example(sqlflow: Sqlflow, ask: Ask) -> None:
    assert sqlflow("demo-data").code == 0
    done = sqlflow("run", str(EXAMPLES / "housing.sql"))
    assert done.code == 0, done.stderr
    ((r2, error),) = ask("SELECT r2_score, mean_absolute_error FROM housing.evaluation")
    assert r2 > 0.9
    assert error < 30
    assert ask("SELECT count(DISTINCT price) > 100 FROM housing.predict") == [(True,)]


def test_tells_each_step_in_the_order_of_start(sqlflow: Sqlflow) -> None:
    program = sqlflow.write(
        "p.sql", "CREATE TABLE a AS SELECT * FROM numbers; CREATE TABLE b AS SELECT * FROM a;"
    )
    done = sqlflow("run", program)
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"\[1/2\] CREATE a … \d+\.\d s", lines[0])
    assert re.fullmatch(r"\[2/2\] CREATE b … \d+\.\d s", lines[1])
    assert re.fullmatch(r"2 steps: 2 done in \d+\.\d s", lines[2])
    assert done.stdout == ""


def test_shows_rows_and_metrics_as_data(sqlflow: Sqlflow) -> None:
    program = sqlflow.write(
        "p.sql",
        TRAIN
        + "SELECT x, y FROM numbers TO EVALUATE m LABEL y; SELECT x FROM numbers TO EXPLAIN m;"
        "SELECT x, CASE WHEN x > 0 THEN word END AS word FROM numbers WHERE x < 2 ORDER BY x;",
    )
    done = sqlflow("run", program)
    assert done.code == 0, done.stderr
    assert "SELECT numbers\nx  word\n-  ----\n0  NULL\n1  n1\n" in done.stdout
    assert "TRAIN m: 20 validation rows\nmetric" in done.stdout
    assert "EVALUATE m: 50 evaluation rows\nmetric" in done.stdout
    assert re.search(
        r"^EXPLAIN m: mean absolute contribution\nfeature +mean_", done.stdout, re.MULTILINE
    )
    assert re.search(r"^x +\d\.\d{4}$", done.stdout, re.MULTILINE)
    assert re.search(r"^metric +value +baseline$", done.stdout, re.MULTILINE)
    assert "[1/4] TRAIN m: training xgboost.gbtree on 50 rows" in done.stderr


def test_writes_the_plots_of_explanations_to_files(sqlflow: Sqlflow, tmp_path: Path) -> None:
    program = sqlflow.write("p.sql", TRAIN + "SELECT x FROM numbers TO EXPLAIN m;")
    folder = tmp_path / "some" / "plots"
    done = sqlflow("run", program, "--plots", str(folder))
    assert done.code == 0, done.stderr
    [plot] = folder.iterdir()
    assert plot.name == "p-2-explain-m.png"
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert f"plot: {plot}\n" in done.stderr
    again = sqlflow("run", sqlflow.write("q.sql", "SELECT x FROM numbers TO EXPLAIN m;"))
    assert "plot: --plots DIR writes it to a file\n" in again.stderr


def test_says_that_more_rows_are_there_than_it_shows(sqlflow: Sqlflow) -> None:
    done = sqlflow("run", sqlflow.write("p.sql", "SELECT * FROM range(5000);"))
    assert "(the first 1000 rows)" in done.stdout
    numbers = [int(line) for line in done.stdout.splitlines() if line.strip().isdigit()]
    assert numbers == list(range(1000))


def test_fills_in_variables(sqlflow: Sqlflow, ask: Ask) -> None:
    program = sqlflow.write("p.sql", "CREATE TABLE ${NAME} AS SELECT ${VALUE} AS v;")
    assert sqlflow("run", program, "--variable", "NAME=t", "--variable", "VALUE=1 + 1").code == 0
    assert ask("SELECT v FROM t") == [(2,)]


def test_runs_programs_after_those_whose_tables_they_read(sqlflow: Sqlflow) -> None:
    later = sqlflow.write("a.sql", "CREATE TABLE second AS SELECT * FROM first_made;")
    sooner = sqlflow.write("b.sql", "CREATE TABLE first_made AS SELECT * FROM numbers;")
    done = sqlflow("run", later, sooner)
    assert done.code == 0, done.stderr
    assert steps(done.stderr) == ["CREATE first_made … N s", "CREATE second … N s"]


# -- parts of a program


def test_selects(sqlflow: Sqlflow) -> None:
    program = sqlflow.write(
        "p.sql",
        "CREATE TABLE a AS SELECT * FROM numbers; CREATE TABLE b AS SELECT * FROM a;"
        "CREATE TABLE c AS SELECT * FROM numbers;",
    )
    done = sqlflow("run", program, "--select", "+b")
    assert steps(done.stderr) == ["CREATE a … N s", "CREATE b … N s"]


def test_an_unknown_selection_changes_nothing(sqlflow: Sqlflow, ask: Ask) -> None:
    program = sqlflow.write("p.sql", "CREATE TABLE abc AS SELECT * FROM numbers;")
    done = sqlflow("run", program, "--select", "abd")
    assert done.code == 1
    assert done.stderr == (
        "error: nothing of the program is called 'abd' [unknown-selector]\nhint: did you mean 'abc'?\n"
    )
    assert ask("SELECT table_name FROM information_schema.tables") == [("numbers",)]


def test_resumes_after_a_failure(sqlflow: Sqlflow) -> None:
    text = (
        "CREATE TABLE a AS SELECT * FROM numbers; CREATE TABLE b AS SELECT * FROM a;"
        "CREATE TABLE c AS SELECT CAST({} AS INT) AS x FROM b; CREATE TABLE d AS SELECT * FROM c;"
    )
    assert sqlflow("run", sqlflow.write("p.sql", text.format("word"))).code == 1
    done = sqlflow("run", sqlflow.write("p.sql", text.format("x")), "--resume")
    assert done.code == 0
    assert steps(done.stderr) == ["CREATE c … N s", "CREATE d … N s"]
    assert sqlflow("run", "p.sql", "--resume").stderr == "everything is up to date\n"


def test_resumes_what_another_file_makes_anew(sqlflow: Sqlflow) -> None:
    sooner = sqlflow.write("b.sql", "CREATE TABLE made AS SELECT x FROM numbers;")
    later = sqlflow.write("a.sql", "CREATE TABLE copied AS SELECT * FROM made;")
    assert sqlflow("run", sooner, later).code == 0
    sqlflow.write("b.sql", "CREATE TABLE made AS SELECT x + 1 AS x FROM numbers;")
    done = sqlflow("run", sooner, later, "--resume")
    assert steps(done.stderr) == ["CREATE made … N s", "CREATE copied … N s"]


# -- failures


def test_a_failure_takes_only_what_waits_for_it_down(sqlflow: Sqlflow) -> None:
    program = sqlflow.write(
        "p.sql",
        "CREATE TABLE a AS SELECT CAST(word AS INT) AS n FROM numbers;\n"
        "CREATE TABLE b AS SELECT * FROM a;\n"
        "SELECT * FROM b;\n"
        "CREATE TABLE c AS SELECT * FROM numbers;\n"
        "CREATE TABLE d AS SELECT * FROM c;\n",
    )
    done = sqlflow("run", program)
    assert done.code == 1
    assert sorted(steps(done.stderr)) == [
        "CREATE a … failed after N s",
        "CREATE b … skipped: CREATE a failed",
        "CREATE c … N s",
        "CREATE d … N s",
        "SELECT b … skipped: CREATE b was skipped",
    ]
    end = done.stderr.split("\n\n", 1)[1]
    assert end.startswith("p.sql:1:26: error: Conversion Error: Could not convert string 'n0'")
    assert "\n1 | CREATE TABLE a AS SELECT CAST(word AS INT) AS n FROM numbers;\n" in end
    assert end.splitlines()[2] == " " * (len("1 | ") + 25) + "^^^^"
    assert re.search(r"\n5 steps: 2 done, 1 failed, 2 skipped in \d+\.\d s\n$", end)


def test_a_program_that_reads_what_a_failed_one_should_have_made_is_left_out(
    sqlflow: Sqlflow, ask: Ask
) -> None:
    first = sqlflow.write("a.sql", "CREATE TABLE a AS SELECT CAST(word AS INT) AS n FROM numbers;")
    second = sqlflow.write("b.sql", "CREATE TABLE b AS SELECT * FROM a; CREATE TABLE b2 AS FROM b;")
    third = sqlflow.write("c.sql", "CREATE TABLE c AS SELECT * FROM b;")
    other = sqlflow.write("d.sql", "CREATE TABLE d AS SELECT * FROM numbers;")
    done = sqlflow("run", first, second, third, other)
    assert done.code == 1
    assert sorted(steps(done.stderr)) == [
        "CREATE a … failed after N s",
        "CREATE b … skipped: a.sql did not finish a",
        "CREATE b2 … skipped: a.sql did not finish a",
        "CREATE c … skipped: b.sql did not finish b",
        "CREATE d … N s",
    ]
    assert ask("SELECT count(*) FROM d") == [(50,)]


def test_a_busy_data_source_is_worth_another_attempt(sqlflow: Sqlflow) -> None:
    program = sqlflow.write(
        "p.sql",
        "CREATE TABLE a AS SELECT 1 AS x;"
        "CREATE TABLE slow AS SELECT count(*) AS n FROM a, range(3000000) b, range(3000000) c "
        "WHERE (b.range * c.range) % 7 = a.x;",
    )
    busy = sqlflow.start("run", program)
    assert busy.stderr is not None
    assert busy.stderr.readline().startswith("[1/2] CREATE a")
    try:
        waits = {"SQLFLOW_LOCK_TIMEOUT": "0"}
        while True:
            done = sqlflow("--run", "SELECT * FROM numbers", environment=waits)
            if done.code:
                break
    finally:
        busy.terminate()
        busy.communicate()
    assert done.code == 75
    assert re.search(r"data\.duckdb was still in use by process \d+ .*after 0 seconds", done.stderr)
    assert busy.returncode == 143


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("nowhere://reader:geheim@localhost/db", id="an engine that is not there"),
        pytest.param("reader:geheim@localhost", id="no url"),
        pytest.param("postgresql://reader:ge@heim:geheim@host/db", id="a password with an @"),
        pytest.param("duckdb:///nowhere/data.duckdb?password=geheim", id="no such directory"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan", "check"])
def test_names_no_password(sqlflow: Sqlflow, url: str, command: str) -> None:
    done = sqlflow(command, sqlflow.write("p.sql", "SELECT 1;"), "--datasource", url)
    shown = done.stderr + done.stdout
    assert "error: " in shown
    assert "geheim" not in shown
    assert done.code == 1


def test_shows_the_first_features_of_many(sqlflow: Sqlflow) -> None:
    many = ", ".join(f"x + {n} AS x{n}" for n in range(22))
    sql = f"SELECT y, {many} FROM numbers"
    program = sqlflow.write(
        "p.sql",
        f"{sql} TO TRAIN xgboost.gbtree WITH train.num_boost_round=1 LABEL y INTO m; "
        f"{sql} TO EXPLAIN m;",
    )
    done = sqlflow("run", program)
    title = "EXPLAIN m: mean absolute contribution (the first 20 of 22)"
    header, *rows = done.stdout.split(title)[1].strip().splitlines()
    assert header.startswith("feature")
    assert len(rows) == 1 + 20
