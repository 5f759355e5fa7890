"""Rows that lie in a file, and their encoding a part at a time."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.training import datasets
from sqlflow_dagster.ml.training.datasets import drawn_rows, fit_rows
from sqlflow_dagster.ml.training.fingerprint import fingerprint
from sqlflow_dagster.ml.training.preparation import check_statement, prepare
from sqlflow_dagster.ml.training.spool import spooled

Parse = Callable[[str], TrainStatement]


def columns_of(table: pa.Table) -> list[tuple[str, pa.DataType]]:
    return list(zip(table.column_names, table.schema.types, strict=True))


def test_a_spool_holds_the_rows_it_was_given(people: pa.Table) -> None:
    coded = people.set_column(0, "color", people.column("color").dictionary_encode())
    with spooled(coded.to_reader(max_chunksize=30)) as spool:
        assert len(spool) == len(people)
        assert spool.table.equals(people)
        spool.release()
        assert spool.table.equals(people)
        assert fingerprint(spool) == fingerprint(people)


@pytest.mark.parametrize("count", [1, 23, 199, 200, 500])
def test_the_rows_drawn_are_those_of_rows_in_memory(people: pa.Table, count: int) -> None:
    with spooled(people.to_reader(max_chunksize=30)) as spool:
        assert drawn_rows(spool, count).equals(drawn_rows(people, count))


def test_no_rows_make_an_empty_spool(people: pa.Table) -> None:
    with spooled(people.slice(0, 0).to_reader()) as spool:
        assert len(spool) == 0
        assert spool.table.schema == people.schema


def test_batches_are_the_rows_encoded_at_once(
    people: pa.Table, parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "BATCH_ROWS", 60)
    statement = parse(
        "TO TRAIN xgboost.gbtree WITH train.weight_column=price, train.group_column=block "
        "LABEL bought INTO m"
    )
    rows = people.append_column("block", pa.array(np.arange(200) // 45))
    prepared = prepare(statement, columns_of(rows))
    with spooled(rows.to_reader(max_chunksize=70)) as spool:
        at_once = fit_rows(prepared, rows)
        encoder = fit_rows(prepared, spool)
        assert encoder == at_once
        batches = encoder.batches(spool)
        parts = list(batches)
        whole = at_once.dataset(rows)
        assert [len(part.labels) for part in parts] == [60, 60, 60, 20]
        for _ in range(2):
            again = np.concatenate([part.features.matrix for part in batches])
            np.testing.assert_array_equal(again, whole.features.matrix)
        for name in ("labels", "weights", "groups"):
            joined = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(joined, getattr(whole, name))


def test_an_estimator_that_wants_all_rows_in_memory_says_so(parse: Parse) -> None:
    clause = "TO TRAIN xgboost.gblinear WITH train.external_memory=true LABEL y INTO m"
    with pytest.raises(TerminalError, match="wants all rows in memory"):
        check_statement(parse(clause), [("x", pa.float64()), ("y", pa.float64())])
