"""From COLUMN clauses and Arrow tables to matrices."""

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import StandardScaler

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.features.columns import treatments
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.fit import fit_features
from sqlflow_dagster.ml.features.fit_categories import MAX_CATEGORIES
from sqlflow_dagster.ml.features.spec import FeatureSpec, Layout

Parse: TypeAlias = Callable[[str], TrainStatement]
NAN = float("nan")


def specify(
    parse: Parse,
    table: pa.Table,
    columns: str = "",
    *,
    layout: Layout = Layout.TREES,
    listed_only: bool = False,
) -> FeatureSpec:
    """The specification that ``COLUMN columns`` gives for a table whose label is ``y``."""
    clause = f"COLUMN {columns}" if columns else ""
    statement = parse(f"TO TRAIN xgboost.gbtree {clause} LABEL y INTO m")
    schema = list(zip(table.column_names, table.schema.types, strict=True))
    found = treatments(statement, schema, label="y", listed_only=listed_only)
    return fit_features(table, found, layout=layout)


def rows(spec: FeatureSpec, table: pa.Table) -> dict[str, list[float]]:
    """The encoded matrix by slot."""
    encoded = encode(table, spec)
    return {
        slot.name: encoded.matrix[:, index].tolist() for index, slot in enumerate(encoded.slots)
    }


def same(found: dict[str, list[float]], expected: dict[str, list[float]]) -> None:
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("values", "trees", "scaled"),
    [
        pytest.param([1, 3], {"x": [1, 3]}, {"x": [-1, 1]}, id="integers"),
        pytest.param(
            pa.array([1, 3], pa.uint64()), {"x": [1, 3]}, {"x": [-1, 1]}, id="unsigned integers"
        ),
        pytest.param([5.0, 5.0], {"x": [5, 5]}, {"x": [0, 0]}, id="a constant"),
        pytest.param(
            [0.1, 0.1, 0.1], {"x": [0.1] * 3}, {"x": [0] * 3}, id="a constant that rounds"
        ),
        pytest.param(
            [1.0, 3.0, None],
            {"x": [1, 3, NAN]},
            {"x": [-1, 1, 0], "x is NULL": [0, 0, 1]},
            id="a NULL is NaN, or the mean and a flag",
        ),
        pytest.param(
            pa.array([1.0, 3.0, NAN], from_pandas=False),
            {"x": [1, 3, NAN]},
            {"x": [-1, 1, 0], "x is NULL": [0, 0, 1]},
            id="NaN is as NULL",
        ),
        pytest.param(
            [Decimal("1.50"), Decimal("3.50")], {"x": [1.5, 3.5]}, {"x": [-1, 1]}, id="decimals"
        ),
        pytest.param(
            [None, None], {"x": [NAN] * 2}, {"x": [0, 0], "x is NULL": [1, 1]}, id="NULLs"
        ),
        pytest.param([True, False], {"x": [1, 0]}, {"x": [1, -1]}, id="booleans"),
        pytest.param(
            ["b", "a", "b"],
            {"x": [1, 0, 1]},
            {"x=a": [0, 1, 0], "x=b": [1, 0, 1]},
            id="text is a category",
        ),
        pytest.param(
            ["b", None],
            {"x": [0, NAN]},
            {"x=b": [1, 0], "x is NULL": [0, 1]},
            id="a NULL category",
        ),
        pytest.param(
            pa.array(["b", "a"]).dictionary_encode(),
            {"x": [1, 0]},
            {"x=a": [0, 1], "x=b": [1, 0]},
            id="a dictionary",
        ),
        pytest.param(
            [date(1970, 1, 2), date(1970, 2, 1)],
            {"x.days": [1, 31], "x.month": [1, 2], "x.weekday": [5, 7]},
            {"x.days": [-1, 1], "x.month": [-1, 1], "x.weekday": [-1, 1]},
            id="dates",
        ),
        pytest.param(
            [datetime(1970, 1, 2, 5, 59), datetime(1970, 2, 1, 7, 0)],
            {"x.days": [1, 31], "x.month": [1, 2], "x.weekday": [5, 7], "x.hour": [5, 7]},
            {"x.days": [-1, 1], "x.month": [-1, 1], "x.weekday": [-1, 1], "x.hour": [-1, 1]},
            id="timestamps",
        ),
        pytest.param(
            pa.array([datetime(1970, 1, 1, 23)]).cast(pa.timestamp("ms", "Europe/Berlin")),
            {"x.days": [0], "x.month": [1], "x.weekday": [4], "x.hour": [23]},
            {"x.days": [0], "x.month": [0], "x.weekday": [0], "x.hour": [0]},
            id="a time zone is read in UTC",
        ),
    ],
)
def test_a_column_becomes_numbers(
    values: Any,
    trees: dict[str, list[float]],
    scaled: dict[str, list[float]],
    parse: Parse,
) -> None:
    table = pa.table({"x": values, "y": [0] * len(values)})
    same(rows(specify(parse, table), table), trees)
    same(rows(specify(parse, table, layout=Layout.SCALED), table), scaled)


@pytest.mark.parametrize(
    ("columns", "trees"),
    [
        pytest.param("a", {"a": [7, 8, 7], "b": [1, 0, 1]}, id="a column as its type suggests"),
        pytest.param("*", {"a": [7, 8, 7], "b": [1, 0, 1]}, id="all columns"),
        pytest.param("CATEGORY_ID(a)", {"a": [0, 1, 0], "b": [1, 0, 1]}, id="an integer category"),
        pytest.param("t.A", {"a": [7, 8, 7], "b": [1, 0, 1]}, id="qualified and in another case"),
        pytest.param(
            "category_id(a, 1)", {"a": [0, 1, 0], "b": [1, 0, 1]}, id="the most frequent categories"
        ),
        pytest.param(
            "INDICATOR(b), a",
            {"a": [7, 8, 7], "b=u": [0, 1, 0], "b=v": [1, 0, 1]},
            id="one slot a category",
        ),
        pytest.param(
            "*, INDICATOR(CATEGORY_ID(b, 1))",
            {"a": [7, 8, 7], "b=v": [1, 0, 1], "b is another": [0, 1, 0]},
            id="one slot for the categories that were cut",
        ),
        pytest.param("NUMERIC(a)", {"a": [7, 8, 7], "b": [1, 0, 1]}, id="a number"),
    ],
)
def test_column_says_what_becomes_of_a_column(
    columns: str, trees: dict[str, list[float]], parse: Parse
) -> None:
    table = pa.table({"a": [7, 8, 7], "y": [0, 0, 0], "b": ["v", "u", "v"]})
    same(rows(specify(parse, table, columns), table), trees)


def test_only_listed_columns_are_features_when_asked_for(parse: Parse) -> None:
    table = pa.table({"a": [7], "b": ["v"], "c": [1.0], "y": [0]})
    spec = specify(parse, table, "c, a", listed_only=True)
    assert [item.name for item in spec.features] == ["a", "c"]


@pytest.mark.parametrize("layout", list(Layout))
def test_unknown_categories_and_new_nulls_are_defined(layout: Layout, parse: Parse) -> None:
    table = pa.table({"a": ["u", "v"], "b": [1.0, 3.0], "y": [0, 0]})
    spec = specify(parse, table, layout=layout)
    later = pa.table({"a": ["w", None, "v"], "b": [None, 1.0, 3.0]})
    expected: dict[Layout, dict[str, list[float]]] = {
        Layout.TREES: {"a": [2, NAN, 1], "b": [NAN, 1, 3]},
        Layout.SCALED: {"a=u": [0, 0, 0], "a=v": [0, 0, 1], "b": [0, -1, 1]},
        Layout.NETWORK: {"a=u": [0, 0, 0], "a=v": [0, 0, 1], "b": [0, -1, 1]},
    }
    same(rows(spec, later), expected[layout])


@pytest.mark.parametrize("layout", list(Layout))
def test_a_specification_survives_json(layout: Layout, parse: Parse, people: pa.Table) -> None:
    table = people.append_column("y", people.column("bought"))
    spec = specify(
        parse, table, "INDICATOR(CATEGORY_ID(color, 2)), CATEGORY_ID(member)", layout=layout
    )
    again = FeatureSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    np.testing.assert_array_equal(encode(table, again).matrix, encode(table, spec).matrix)


def test_categories_of_every_type_are_known_again(parse: Parse) -> None:
    table = pa.table(
        {
            "day": [date(2024, 1, 1), date(2024, 1, 2)],
            "flag": [True, False],
            "code": pa.array([7, 9]).cast(pa.decimal128(19, 0)),
            "y": [0, 0],
        }
    )
    spec = specify(parse, table, "CATEGORY_ID(day), CATEGORY_ID(flag), CATEGORY_ID(code)")
    later = pa.table({"day": ["2024-01-02"], "flag": [0], "code": [9]})
    same(rows(spec, later), {"day": [1], "flag": [0], "code": [1]})


def test_scaling_is_that_of_scikit_learn(parse: Parse, diabetes: tuple[pa.Table, pa.Table]) -> None:
    training, test = diabetes
    training = training.rename_columns([*training.column_names[:-1], "y"])
    spec = specify(parse, training, layout=Layout.SCALED)
    names = training.column_names[:-1]
    scaler = StandardScaler().fit(training.select(names).to_pandas().to_numpy())
    expected = scaler.transform(test.select(names).to_pandas().to_numpy())
    np.testing.assert_allclose(encode(test, spec).matrix, expected, rtol=1e-4, atol=1e-5)


def test_encoding_in_parts_equals_encoding_at_once(parse: Parse, people: pa.Table) -> None:
    table = people.append_column("y", people.column("bought"))
    spec = specify(parse, table, layout=Layout.SCALED)
    parts = [encode(table.slice(start, 33), spec).matrix for start in range(0, 200, 33)]
    np.testing.assert_array_equal(np.concatenate(parts), encode(table, spec).matrix)


@pytest.mark.parametrize(
    ("columns", "message", "place"),
    [
        pytest.param("aa", "names column 'aa', which the SELECT does not give", "aa", id="typo"),
        pytest.param("y", "names 'y', which is the label", "y", id="label"),
        pytest.param("NUMERIC(b)", "NUMERIC wants a number, but column 'b'", "NUMERIC", id="text"),
        pytest.param(
            "CATEGORY_ID(c)", "but column 'c' has type double", "CATEGORY_ID", id="double"
        ),
        pytest.param("CATEGORY_ID(a, 0)", "wants a whole number from 1 to", "0", id="size"),
        pytest.param(
            "INDICATOR(a, 1, 2)", "INDICATOR takes 1 argument, but", "INDICATOR", id="arity"
        ),
        pytest.param("NUMERIC(1)", "wants the name of a column, but got 1", "1", id="no column"),
        pytest.param("a + 1", "columns and functions of columns, but got a + 1", "a", id="sum"),
        pytest.param(
            "EMBEDING(b, 8)", "COLUMN has no function EMBEDING", "EMBEDING", id="function"
        ),
        pytest.param(
            "a FOR deep", "one input feature_columns, but COLUMN is FOR deep", "COLUMN", id="target"
        ),
    ],
)
def test_a_wrong_column_clause_is_refused_at_its_place(
    columns: str, message: str, place: str, parse: Parse
) -> None:
    table = pa.table({"a": [7], "b": ["v"], "c": [1.0], "y": [0]})
    with pytest.raises(TerminalError) as caught:
        specify(parse, table, columns)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == place


@pytest.mark.parametrize(
    ("table", "message"),
    [
        pytest.param(
            pa.table({"a": pa.array([b"x"]), "y": [0]}),
            "column 'a' has type binary, which no model can learn from",
            id="binary",
        ),
        pytest.param(
            pa.table({"a": pa.array([{"b": 1}]), "y": [0]}),
            "column 'a' has type struct<b: int64>",
            id="struct",
        ),
        pytest.param(pa.table({"y": [0]}), "gives no feature: its columns are y", id="label only"),
        pytest.param(
            pa.table([[1], [2], [0]], names=["a", "a", "y"]),
            "more than one column named 'a'",
            id="doubled name",
        ),
        pytest.param(
            pa.table(
                {"a": [str(i) for i in range(MAX_CATEGORIES[Layout.TREES] + 1)]}
            ).append_column("y", pa.array([0] * (MAX_CATEGORIES[Layout.TREES] + 1))),
            "column 'a' has 10001 categories",
            id="identifier",
        ),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(
    table: pa.Table, message: str, parse: Parse
) -> None:
    with pytest.raises(TerminalError) as caught:
        specify(parse, table)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("table", "message"),
    [
        pytest.param(pa.table({"A": ["u"]}), "names column 'b', which the SELECT", id="missing"),
        pytest.param(
            pa.table({"a": [1], "b": [1.0]}),
            "column 'a' has type int64, but the model was trained with string",
            id="number for text",
        ),
        pytest.param(
            pa.table({"a": ["u"], "b": ["1"]}),
            "column 'b' has type string, but the model was trained with double",
            id="text for number",
        ),
        pytest.param(
            pa.table({"a": ["u"], "b": [float("inf")]}),
            "column 'b' is infinite or larger than 3.4e+38 in 1 of 1 rows",
            id="infinite",
        ),
        pytest.param(
            pa.table([["u"], [1.0], [2.0]], names=["a", "B", "B"]),
            "but the SELECT gives 2 such columns",
            id="doubled name",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: pa.Table, message: str, parse: Parse) -> None:
    spec = specify(parse, pa.table({"a": ["u", "v"], "b": [1.0, 3.0], "y": [0, 0]}))
    with pytest.raises(TerminalError) as caught:
        encode(table, spec)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("trained", "texts"),
    [
        pytest.param(
            [date(2024, 2, 29), date(2024, 3, 1), None],
            ["2024-02-29", "2024-03-01", None],
            id="dates",
        ),
        pytest.param(
            [datetime(2024, 2, 29, 7), datetime(2024, 3, 1, 9, 30), None],
            ["2024-02-29 07:00:00", "2024-03-01T09:30:00.250000", None],
            id="timestamps",
        ),
    ],
)
def test_a_moment_may_come_as_text(trained: Any, texts: Any, parse: Parse) -> None:
    """A table that SQLite makes of a SELECT has no dates."""
    table = pa.table({"x": trained, "y": [0, 0, 0]})
    spec = specify(parse, table)
    found = encode(pa.table({"x": texts}), spec).matrix
    assert np.array_equal(found, encode(table, spec).matrix, equal_nan=True)
    with pytest.raises(
        TerminalError, match=r"column 'x' was .* when the model was trained"
    ) as caught:
        encode(pa.table({"x": ["2024-02-30"]}), spec)
    assert caught.value.hint
