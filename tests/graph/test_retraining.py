"""What a training reaches within its program, and which texts are schedules."""

from datetime import UTC, datetime

import pytest
from dagster._utils.schedules import is_valid_cron_schedule, schedule_execution_time_iterator

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.cron import CronError, check_cron
from sqlflow_dagster.graph.retraining import retraining_scope

TRAIN = "TO TRAIN xgboost.gbtree LABEL y INTO"


def scope(sql: str, model: str = "m") -> tuple[set[str], list[str]]:
    """The names of the segments that are run, and of the tables that are watched."""
    program = compile_program(sql)
    segment = next(item for item in program.segments if item.name == model)
    found = retraining_scope(program, segment)
    names = {program.segments[index].name for index in found.segments}
    return names, [ref.name for ref in found.watched]


@pytest.mark.parametrize(
    ("sql", "run", "watched"),
    [
        pytest.param(
            "CREATE TABLE a AS SELECT * FROM raw; CREATE TABLE b AS SELECT * FROM other;"
            f"SELECT * FROM a {TRAIN} m; SELECT * FROM a TO PREDICT p.y USING m;"
            "SELECT * FROM p;",
            {"a", "m", "p", "select_p"},
            ["raw"],
            id="what it is made from and what is made from it",
        ),
        pytest.param(
            f"SELECT * FROM raw {TRAIN} m; CREATE TABLE fresh AS SELECT * FROM new;"
            "SELECT * FROM fresh TO PREDICT p.y USING m;",
            {"m", "fresh", "p"},
            ["raw"],
            id="what its predictions are made from",
        ),
        pytest.param(
            f"SELECT DISTINCT x, y FROM raw JOIN more USING (id) {TRAIN} m;",
            {"sqlflow_temporary_train_m", "m"},
            ["more", "raw"],
            id="generated tables",
        ),
        pytest.param(
            f"SELECT * FROM raw {TRAIN} other; SELECT * FROM raw TO PREDICT p.y USING other;"
            f"SELECT * FROM p {TRAIN} m;",
            {"p", "m"},
            ["raw"],
            id="another model is taken as it is",
        ),
        pytest.param(
            f"SELECT * FROM raw {TRAIN} m; SELECT * FROM raw TO PREDICT p.y USING m;"
            f"SELECT * FROM p {TRAIN} other;",
            {"m", "p", "other"},
            ["raw"],
            id="a model that is made from it",
        ),
        pytest.param(
            "CREATE TABLE a AS SELECT * FROM raw; CREATE TABLE seen AS SELECT * FROM a;"
            f"INSERT INTO a SELECT * FROM more; SELECT * FROM a {TRAIN} m;",
            {"a__v1", "a", "m"},
            ["more", "raw"],
            id="a table that grows in two segments",
        ),
        pytest.param(
            f"CREATE TABLE a AS SELECT * FROM raw; SELECT * FROM a {TRAIN} m;"
            "CREATE OR REPLACE TABLE a AS SELECT * FROM more;",
            {"a__v1", "m", "a"},
            ["raw"],
            id="the later version of a table that is made again",
        ),
        pytest.param(
            f"CREATE TABLE a AS SELECT * FROM raw; SELECT * FROM a {TRAIN} m; DROP TABLE a;",
            {"a", "m", "drop_a"},
            ["raw"],
            id="a table that is dropped",
        ),
        pytest.param(
            f"SELECT * FROM log {TRAIN} m; INSERT INTO log SELECT 1, 2;",
            {"m"},
            [],
            id="a table that the program writes itself",
        ),
    ],
)
def test_scope(sql: str, run: set[str], watched: list[str]) -> None:
    assert scope(sql) == (run, watched)


@pytest.mark.parametrize(
    "text",
    [
        "0 3 * * *",
        "*/5 * * * *",
        "0,30 8-18/2 * * mon-fri",
        "0 0 1 jan,JUL *",
        "0 0 29 2 *",
        "0 0 31 * *",
        "0 12 * * 7",
        "5/10 * * * *",
        "@daily",
        "@Weekly",
    ],
)
def test_schedules(text: str) -> None:
    check_cron(text)
    assert is_valid_cron_schedule(text)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert next(schedule_execution_time_iterator(start, text, "UTC")).timestamp() >= start


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "and '' has 0", id="empty"),
        pytest.param("often", "and 'often' has 1", id="a word"),
        pytest.param("0 0 3 * * *", "has 6", id="seconds"),
        pytest.param("60 * * * *", "no minute '60'", id="minute"),
        pytest.param("* * 0 * *", "no day of the month '0'", id="day"),
        pytest.param("* * * foo *", "no month 'foo'", id="month"),
        pytest.param("* * * * mon#1", "no day of the week 'mon#1'", id="the first Monday"),
        pytest.param("* 5-1 * * *", "no hour '5-1'", id="backwards"),
        pytest.param("*/0 * * * *", "no minute '*/0'", id="a step of nothing"),
        pytest.param("1, * * * *", "no minute ''", id="an empty item"),
        pytest.param("0 0 31 4,6 *", "no month of the schedule", id="a day that never comes"),
        pytest.param("@nightly", "no schedule '@nightly'", id="an unknown word"),
    ],
)
def test_no_schedules(text: str, message: str) -> None:
    with pytest.raises(CronError, match=message.replace("*", r"\*")):
        check_cron(text)
