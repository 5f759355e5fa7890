"""Which rows validate: by hash, by time, in folds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.training.preparation import check_statement, prepare
from sqlflow_dagster.ml.training.splitting import Splitting, Way, fold_numbers, validation_rows

Parse = Callable[[str], TrainStatement]
SHARE = Splitting(way=Way.SHARE, share=0.25)


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """Every kind of value, NULLs among them; no two rows are equal."""
    size = 2000
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return pa.table(
        {
            "id": range(size),
            "amount": pa.array([None if i % 7 == 0 else i / 3 for i in range(size)]),
            "name": pa.array([None if i % 11 == 0 else f"n{i % 50}" for i in range(size)]),
            "flag": [i % 3 == 0 for i in range(size)],
            "at": [start + timedelta(hours=i) for i in range(size)],
            "tags": [["a"] * (i % 3) for i in range(size)],
            "same": [1] * size,
        }
    )


def test_about_the_share_validates(rows: pa.Table) -> None:
    assert validation_rows(rows, SHARE).mean() == pytest.approx(0.25, abs=0.03)


def test_a_row_keeps_its_side_when_others_come_and_the_order_changes(rows: pa.Table) -> None:
    sides = dict(zip(rows.column("id").to_pylist(), validation_rows(rows, SHARE), strict=True))
    some = rows.take(np.random.default_rng(0).permutation(2000)[:700])
    for id_, side in zip(some.column("id").to_pylist(), validation_rows(some, SHARE), strict=True):
        assert side == sides[id_]


def test_a_greater_share_keeps_the_rows_of_a_smaller_one(rows: pa.Table) -> None:
    more = validation_rows(rows, Splitting(way=Way.SHARE, share=0.4))
    assert more[validation_rows(rows, SHARE)].all()


@pytest.mark.parametrize("name", ["id", "amount", "name", "at", "tags"])
def test_rows_of_a_key_are_on_one_side(name: str, rows: pa.Table) -> None:
    twice = pa.concat_tables([rows, rows])
    key = Splitting(way=Way.SHARE, share=0.5, column=name)
    chosen = validation_rows(twice, key)
    np.testing.assert_array_equal(chosen[:2000], chosen[2000:])
    sides: dict[str, set[bool]] = {}
    for value, side in zip(twice.column(name).to_pylist(), chosen, strict=True):
        sides.setdefault(repr(value), set()).add(bool(side))
    assert all(len(item) == 1 for item in sides.values())


def test_the_split_is_the_same_in_every_release() -> None:
    table = pa.table({"x": [1, 2, 3, None, 5, 6, 7, 8], "y": ["a", "b", None, "d"] * 2})
    assert validation_rows(table, Splitting(way=Way.SHARE, share=0.5)).tolist() == GOLDEN


GOLDEN = [False, True, False, False, True, True, True, True]


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.float64()], ids=str)
def test_the_width_of_a_number_does_not_count(kind: pa.DataType) -> None:
    wide = pa.float64() if kind == pa.float64() else pa.int64()
    values = pa.array(range(100), kind)
    found = validation_rows(pa.table({"x": values}), SHARE)
    np.testing.assert_array_equal(found, validation_rows(pa.table({"x": values.cast(wide)}), SHARE))


def test_the_latest_validate() -> None:
    order = np.random.default_rng(1).permutation(100)
    days = np.datetime64("2024-01-01") + order
    chosen = validation_rows(
        pa.table({"day": days}), Splitting(way=Way.LATEST, share=0.2, column="day")
    )
    assert sorted(order[chosen]) == list(range(80, 100))


def test_rows_of_one_time_are_on_one_side() -> None:
    table = pa.table({"day": [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]})
    chosen = validation_rows(table, Splitting(way=Way.LATEST, share=0.2, column="day"))
    assert chosen.tolist() == [False] * 3 + [True] * 7


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param([1, 1, 1], "of 3 rows 3 validate: none is left to learn from", id="one time"),
        pytest.param([1, None, 2], "column 'day' of validation.split_by is NULL in 1", id="null"),
    ],
)
def test_times_that_do_not_split_are_refused(values: list[int | None], message: str) -> None:
    with pytest.raises(TerminalError, match=message):
        validation_rows(
            pa.table({"day": values}), Splitting(way=Way.LATEST, share=0.2, column="day")
        )


def test_a_side_without_rows_is_refused() -> None:
    with pytest.raises(TerminalError, match="none is left to"):
        validation_rows(pa.table({"x": [1]}), SHARE)


def test_folds_are_even_and_have_their_part_of_each_class() -> None:
    strata = np.array([0] * 70 + [1] * 25 + [2] * 5)
    folds = fold_numbers(100, Splitting(way=Way.FOLDS, folds=5), strata, seed=0)
    assert np.bincount(folds).tolist() == [20] * 5
    for fold in range(5):
        assert np.bincount(strata[folds == fold]).tolist() == [14, 5, 1]
    again = fold_numbers(100, Splitting(way=Way.FOLDS, folds=5), strata, seed=0)
    np.testing.assert_array_equal(folds, again)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param("seed=1", Splitting(), id="nothing"),
        pytest.param(
            "validation.split=0.3", Splitting(way=Way.SHARE, share=0.3), id="share of the rows"
        ),
        pytest.param(
            "validation.split_key=ID", Splitting(way=Way.SHARE, share=0.2, column="id"), id="key"
        ),
        pytest.param(
            "validation.split_by=at, validation.split=0.1",
            Splitting(way=Way.LATEST, share=0.1, column="at"),
            id="latest",
        ),
        pytest.param("validation.folds=5", Splitting(way=Way.FOLDS, folds=5), id="folds"),
        pytest.param('validation.select="SELECT 1"', Splitting(way=Way.SELECT), id="select"),
        pytest.param('validation.select=""', Splitting(), id="empty select"),
        pytest.param(
            "validation.split=0.3, train.group_column=name",
            Splitting(way=Way.SHARE, share=0.3, column="name"),
            id="groups stay together",
        ),
    ],
)
def test_attributes_say_how_rows_are_split(
    attributes: str, expected: Splitting, parse: Parse, rows: pa.Table
) -> None:
    statement = parse(f"TO TRAIN xgboost.gbtree WITH {attributes} LABEL amount INTO m")
    columns = [(item.name, item.type) for item in rows.schema if item.name != "tags"]
    found = prepare(statement, columns).splitting
    assert (found.way, found.share, found.column, found.folds) == (
        expected.way,
        expected.share,
        expected.column,
        expected.folds,
    )


@pytest.mark.parametrize(
    ("attributes", "place", "message"),
    [
        pytest.param(
            'validation.split=0.2, validation.select="SELECT 1"',
            "validation.split",
            "validation.select and validation.split both say which rows validate",
            id="select and split",
        ),
        pytest.param(
            "validation.folds=3, validation.split_by=at",
            "validation.folds",
            "validation.split_by and validation.folds both say",
            id="folds and time",
        ),
        pytest.param(
            "validation.split_by=at, validation.split_key=id",
            "validation.split_key",
            "validation.split_by and validation.split_key both say",
            id="time and key",
        ),
        pytest.param("validation.split=0", "0", "must be more than 0", id="no share"),
        pytest.param("validation.split=1.0", "1.0", "must be less than 1", id="all"),
        pytest.param("validation.folds=1", "1", "must be at least 2", id="one fold"),
        pytest.param(
            "validation.split_by=att",
            "att",
            "validation.split_by names column 'att', which the SELECT does not give",
            id="unknown time",
        ),
        pytest.param(
            "validation.split=0.2, train.external_memory=true",
            "train.external_memory",
            "",
            id="split of a spool",
        ),
    ],
)
def test_attributes_that_contradict_are_refused_at_their_place(
    attributes: str, place: str, message: str, parse: Parse, rows: pa.Table
) -> None:
    statement = parse(f"TO TRAIN xgboost.gbtree WITH {attributes} LABEL amount INTO m")
    columns = [(item.name, item.type) for item in rows.schema if item.name != "tags"]
    with pytest.raises(TerminalError) as caught:
        check_statement(statement, columns)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == place
