"""Programs submitted to a running page, as a user does it and through the API."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from sqlflow_dagster import compile_program
from sqlflow_dagster.client.errors import ServerError, SubmissionError
from sqlflow_dagster.client.location import find_location
from sqlflow_dagster.client.program_folder import LOCK_NAME, Placement
from sqlflow_dagster.client.submission import (
    StepState,
    Submission,
    cancel_run,
    run_log,
    submit,
    watched,
)
from tests.cli.command import Sqlflow
from tests.client.conftest import ELSEWHERE, Site
from tests.parsers.servers import dead


def submitted(page: Site, path: Path, **options: Any) -> Submission:
    """A program submitted through the API."""
    program = compile_program(path.read_text(), path=path)
    return submit(program, server=page.server, folder=page.folder, **options)


def test_program_runs_and_can_be_followed(page: Site) -> None:
    page.write(
        "steps.sql",
        "CREATE TABLE first AS SELECT range AS x FROM range(${ROWS});\n"
        "CREATE TABLE second AS SELECT 2 * x AS y FROM first;\n",
    )

    done = page("submit", "steps.sql", "--variable", "ROWS=7")

    assert done.code == 0, done.stderr
    run_id, url = done.stdout.split()
    assert url == f"{page.url}/runs/{run_id}"
    assert "range(7)" in page.programs()["steps.sql"]
    status = page("status", run_id, "--watch")
    assert status.code == 0
    assert status.stdout.startswith("steps: succeeded, 2 of 2 steps, ")
    assert [line.split()[:2] for line in status.stdout.splitlines()[-2:]] == [
        ["create_first", "succeeded"],
        ["create_second", "succeeded"],
    ]
    assert "create_second: succeeded, " in status.stderr
    terminal = Sqlflow(folder=page.folder).on_terminal(
        "status", run_id, "--watch", "--url", page.url
    )
    assert terminal.code == 0
    assert "create_second" in terminal.stdout
    logs = page("logs", run_id, "--follow")
    assert logs.code == 0
    assert "create_second finished: second: 7 rows" in logs.stdout
    assert logs.stdout.rstrip().endswith("the run has succeeded")
    with page.home.engine.session() as session:
        assert session.count("SELECT * FROM second") == 7
    with pytest.raises(ServerError, match="is over, it has succeeded: nothing is canceled"):
        cancel_run(page.server, run_id)


def test_nothing_is_sent_that_the_parser_refuses_or_cannot_judge(page: Site) -> None:
    page.write("odd.sql", "CREATE TABLE odd AS SELECT 1 AS a;\nSELECT a FROM odd x y;\n")
    refused = page("submit", "odd.sql", "--parser", "sqlglot")
    assert refused.code == 1
    assert "odd.sql:2:21: error: refused by the parser: unexpected 'y'" in refused.stderr
    place = dead()
    unknown = page("submit", "odd.sql", "--parser", f"grpc://{place}")
    assert unknown.code == 75
    assert f"the parser at {place} cannot be reached" in unknown.stderr
    assert "odd.sql" not in page.programs()


def test_failure_is_shown_with_its_place(page: Site) -> None:
    page.write(
        "failing.sql",
        "CREATE TABLE ones AS SELECT 1 AS x;\n"
        "CREATE TABLE failed AS SELECT error('no ' || x) AS y FROM ones;\n"
        "SELECT * FROM failed;\n",
    )

    done = page("submit", "failing.sql", "--watch")

    assert done.code == 1
    run_id = done.stdout.split()[0]
    assert "failing: failed, 1 of 3 steps" in done.stderr
    assert (
        "failing.sql:2:1: error: Invalid Input Error: no 1\n2 | CREATE TABLE failed" in done.stderr
    )
    status = page("status", run_id)
    assert status.code == 1
    assert [line.split()[:2] for line in status.stdout.splitlines()[-3:]] == [
        ["create_ones", "succeeded"],
        ["create_failed", "failed"],
        ["select_failed", "skipped"],
    ]
    assert "failing.sql:2:1: error: " in status.stderr
    log = list(run_log(page.server, run_id, follow=True))
    (failed,) = [line for line in log if line.error]
    assert (failed.step, failed.message) == ("create_failed", "failed")
    assert log[-1].message == "the run has failed"


def test_program_that_does_not_compile_is_not_sent(page: Site) -> None:
    page.write("wrong.sql", "SELECT 1 AS x TO TRAIN nothing LABEL x INTO m;\n")

    done = page("submit", "wrong.sql", "--url", "http://127.0.0.1:9")

    assert done.code == 1
    assert done.stderr.startswith(
        "wrong.sql:1:24: error: unknown estimator 'nothing' [unknown-estimator]\n"
    )
    assert "                       ^^^^^^^" in done.stderr
    assert "wrong.sql" not in page.programs()


def test_changed_program_replaces_what_was_submitted_before(page: Site) -> None:
    path = page.write("changing.sql", "CREATE TABLE changing AS SELECT 1 AS x;\n")
    first = submitted(page, path)
    again = submitted(page, path)
    path.write_text("CREATE TABLE changing AS SELECT 2 AS x;\n")
    notes: list[str] = []

    changed = submitted(page, path, notify=notes.append)

    placements = [item.placement for item in (first, again, changed)]
    assert placements == [Placement.NEW, Placement.SAME, Placement.REPLACED]
    assert len({item.run_id for item in (first, again, changed)}) == 3
    assert notes == [f"replaced the former program {changed.path}"]
    assert page.programs()["changing.sql"] == "CREATE TABLE changing AS SELECT 2 AS x;\n"


def test_program_of_somebody_else_is_replaced_only_on_demand(page: Site) -> None:
    (page.folder / "owned.sql").write_text("CREATE TABLE owned AS SELECT 1 AS x;\n")
    path = page.write("owned.sql", "CREATE TABLE owned AS SELECT 2 AS x;\n")

    refused = page("submit", "owned.sql")

    assert refused.code == 1
    assert refused.stderr == (
        "error: the program folder has another program 'owned.sql': it was not submitted\n"
        "hint: rename yours, or replace that one with --replace\n"
    )
    assert page.programs()["owned.sql"] == "CREATE TABLE owned AS SELECT 1 AS x;\n"
    assert submitted(page, path, replace=True).placement is Placement.REPLACED
    assert page.programs()["owned.sql"] == "CREATE TABLE owned AS SELECT 2 AS x;\n"


def test_program_in_the_folder_keeps_its_templates(page: Site) -> None:
    path = page.folder / "template.sql"
    path.write_text("CREATE TABLE template AS SELECT ${X} AS x;\n")
    program = compile_program(path.read_text(), path=path, variables={"X": "1"})

    with pytest.raises(SubmissionError, match="its templates would be overwritten"):
        submit(program, server=page.server, folder=page.folder)

    assert "${X}" in path.read_text()
    path.unlink()


def test_two_writers_are_refused_before_anything_is_written(page: Site) -> None:
    (page.folder / "a_writer.sql").write_text("CREATE TABLE shared AS SELECT 1 AS x;\n")
    page.write("second.sql", "SELECT 1;\nCREATE TABLE shared AS SELECT 2 AS x;\n")
    before = page.programs()

    done = page("submit", "second.sql")

    assert done.code == 1
    assert "second.sql:2:1: error: table 'shared' is written by two programs" in done.stderr
    assert "a_writer.sql:1:1" in done.stderr
    assert page.programs() == before


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("early", "the server cannot load this program"),
        ("late", "the server could not load 'late' any more"),
    ],
)
def test_clash_that_only_the_server_sees_is_undone(page: Site, table: str, message: str) -> None:
    # Programs are compiled in the order of their paths; the first one owns what two of them write.
    path = page.write("clashing.sql", f"CREATE TABLE {table} AS SELECT 3 AS x;\n")
    before = page.programs()

    with pytest.raises(SubmissionError, match=message) as caught:
        submitted(page, path)

    assert f"table '{table}' is written by two programs" in str(caught.value)
    assert page.programs() == before


def test_location_that_fails_to_load_is_restored(page: Site) -> None:
    path = page.write("unlucky.sql", "CREATE TABLE unlucky AS SELECT 1 AS x;\n")
    before = page.programs()
    late = page.home.root / ELSEWHERE["late"] / "late.sql"
    aside = late.rename(late.with_suffix(".aside"))
    try:
        with pytest.raises(ServerError, match=r"there is no program file .*late\.sql"):
            submitted(page, path)
    finally:
        aside.rename(late)

    assert page.programs() == before
    assert "late" in find_location(page.server).jobs


def test_folder_that_the_server_does_not_read_is_refused(page: Site, tmp_path: Path) -> None:
    path = page.write("astray.sql", "CREATE TABLE astray AS SELECT 1 AS x;\n")

    with pytest.raises(SubmissionError, match=f"does not read the programs of {tmp_path}\n"):
        submit(compile_program(path.read_text(), path=path), server=page.server, folder=tmp_path)

    assert list(tmp_path.glob("*.sql")) == []


def test_submissions_wait_for_each_other(page: Site) -> None:
    page.write("patient.sql", "CREATE TABLE patient AS SELECT 1 AS x;\n")

    with FileLock(page.folder / LOCK_NAME):
        process = page.start("submit", "patient.sql")
        assert process.stderr is not None
        told = process.stderr.readline()
        assert "patient.sql" not in page.programs()
    with process:
        output, _ = process.communicate(timeout=120)

    assert told == f"waiting for another submission to {page.folder}\n"
    assert process.returncode == 0
    assert len(output.split()) == 2


def test_run_is_canceled(page: Site) -> None:
    path = page.write(
        "endless.sql",
        "CREATE TABLE points AS SELECT range AS x, 2 * range AS y FROM range(50);\n"
        "SELECT x, y FROM points TO TRAIN xgboost.gbtree\n"
        "WITH train.num_boost_round = 10000000 LABEL y INTO endless;\n",
    )
    run_id = submitted(page, path).run_id
    with page.start("status", run_id, "--watch") as watching:
        for status in watched(page.server, run_id):
            if status.steps[-1].state is StepState.RUNNING:
                break
        os.killpg(watching.pid, signal.SIGINT)
        _, told = watching.communicate(timeout=60)

    canceled = page("cancel", run_id)

    assert watching.returncode == 130
    assert f"the run goes on; end it with: sqlflow cancel {run_id}\n" in told
    assert canceled.code == 0, canceled.stderr
    assert canceled.stdout.startswith("endless: canceled, 1 of 2 steps")
    after = cancel_run(page.server, run_id)
    assert [step.state for step in after.steps] == [StepState.SUCCEEDED, StepState.CANCELED]
    log = list(run_log(page.server, run_id))
    assert log[-1].message == "the run was canceled"
    assert [line for line in log if line.error] == []


def test_run_without_daemon_waits_and_can_be_canceled(queueing_page: Site) -> None:
    queueing_page.write("queued.sql", "CREATE TABLE queued AS SELECT 1 AS x;\n")

    done = queueing_page("submit", "queued.sql")

    assert done.code == 0
    assert "no daemon takes runs from the queue" in done.stderr
    run_id = done.stdout.split()[0]
    status = queueing_page("status", run_id)
    assert status.code == 0
    assert status.stdout.startswith("queued: queued, 0 of 1 steps\n")
    canceled = queueing_page("cancel", run_id)
    assert canceled.code == 0
    assert canceled.stdout.startswith("queued: canceled, 0 of 1 steps")
