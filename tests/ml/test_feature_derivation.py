"""What becomes of columns of which COLUMN says nothing, and of rows that differ from training."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import QualifiedName, Query, TrainStatement
from sqlflow_dagster.ml.features.columns import treatments
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.feature import Encoding
from sqlflow_dagster.ml.features.fit import fit_features
from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec, Layout

Parse: TypeAlias = Callable[[str], TrainStatement]
NAN = float("nan")

DERIVATION_CASE = pa.table(
    {
        "c1": [6.4, 5.0, 4.9, 5.1, 4.8],
        "c2": [2.8, 2.3, 2.5, 2.2, 3.1],
        "c3": ["1,4,2,3,", "1,3,8,3,", "9,2,2,2", "2,1,8,5", "3,3,2,6"],
        "c4": ["1,3,2,6", "3,2,5,3", "1.2,4.8,3.2,1", "5.0,3,2,1", "3,2,3,5"],
        "c5": ["3,140", "93,12,1,392,49,13,398", "10,11,32,32,1", "23,22,1", "30,3,1,32"],
        "c6": ["MALE", "FEMALE", "FEMALE", "FEMALE", "NULL"],
        "class": [0, 1, 1, 1, 0],
    }
)
"""The table ``feature_derivation_case.train`` of SQLFlow's own tests."""


def specify(
    table: pa.Table, layout: Layout = Layout.TREES, statement: TrainStatement | None = None
) -> FeatureSpec:
    if statement is None:
        query, into = Query(sql="SELECT 1"), QualifiedName(parts=("m",))
        statement = TrainStatement(query=query, estimator="Net", into=into)
    schema = list(zip(table.column_names, table.schema.types, strict=True))
    label = "class" if "class" in table.column_names else None
    found = treatments(statement, schema, label=label, listed_only=False)
    return fit_features(table, found, layout=layout)


def slots(encoded: EncodedTable) -> dict[str, list[float]]:
    return {slot.name: encoded.matrix[:, i].tolist() for i, slot in enumerate(encoded.slots)}


def test_the_derivation_case_of_sqlflow(parse: Parse) -> None:
    statement = parse(
        "TO TRAIN DNNClassifier "
        "COLUMN EMBEDDING(c3, 128, sum), EMBEDDING(SPARSE(c5, 10000, COMMA), 128, sum) "
        "LABEL class INTO m"
    )
    spec = specify(DERIVATION_CASE, Layout.NETWORK, statement)
    encoded = encode(DERIVATION_CASE, spec)
    assert [(item.name, item.encoding) for item in spec.features] == [
        ("c1", Encoding.SCALED),
        ("c2", Encoding.SCALED),
        ("c3", Encoding.BAG),
        ("c4", Encoding.SCALED),
        ("c5", Encoding.BAG),
        ("c6", Encoding.ONE_HOT),
    ]
    assert [slot.name for slot in spec.slots] == [
        "c1", "c2", "c4[0]", "c4[1]", "c4[2]", "c4[3]", "c6=FEMALE", "c6=MALE", "c6=NULL",
    ]  # fmt: skip
    c3, c5 = encoded.bags
    assert c3.slot.size == 2 + len({1, 2, 3, 4, 5, 6, 8, 9})
    assert c3.ids.tolist()[:8] == [2, 5, 3, 4, 2, 4, 8, 4]
    assert c3.offsets.tolist() == [0, 4, 8, 12, 16, 20]
    assert c5.offsets.tolist() == [0, 2, 9, 14, 17, 21]
    assert (c5.slot.dimension, c5.slot.combiner) == (128, "sum")


def test_the_derivation_case_without_a_column_clause() -> None:
    spec = specify(DERIVATION_CASE)
    names = [slot.name for slot in spec.slots]
    assert names[:10] == [
        "c1", "c2", "c3[0]", "c3[1]", "c3[2]", "c3[3]", "c4[0]", "c4[1]", "c4[2]", "c4[3]",
    ]  # fmt: skip
    assert names[10:13] == ["c5=1", "c5=3", "c5=10"]
    assert names[-2:] == ["c5=398", "c6"]


def test_keys_with_weights() -> None:
    table = pa.table(
        {
            "feature": [
                "1:0.1,2:0.5,3:0.9,4:0.8",
                "3:0.2,4:0.1",
                "1:0.1,3:0.8,4:0.9",
                "2:0.3,39:0.2,16:0.29",
                "7:0.17,23:0.13,2:0.9",
            ]
        }
    )
    found = slots(encode(table, specify(table)))
    assert [name.removeprefix("feature=") for name in found] == [
        "1", "2", "3", "4", "7", "16", "23", "39",
    ]  # fmt: skip
    np.testing.assert_allclose(found["feature=3"], [0.9, 0.2, 0.8, 0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param(["1,2,3,4", "1.3,-3.2,132,32"], ["[0]", "[1]", "[2]", "[3]"], id="a vector"),
        pytest.param(
            ["33,-33", "33,-33,", " 33 , -70 , "], ["[0]", "[1]"], id="blanks, last comma"
        ),
        pytest.param(["1,2", None, ""], ["[0]", "[1]"], id="a vector, NULL and a blank"),
        pytest.param(["100", "-100"], [""], id="texts of one number are categories"),
        pytest.param(["1,2", "023,"], [""], id="one cell of one number"),
        pytest.param(["1,2", ",123"], [""], id="one cell that starts with a comma"),
        pytest.param(["1,2", "a,b"], [""], id="one cell of words"),
        pytest.param(["1:3 2:4\t 3:5  4:9", "7:2"], ["=1", "=2", "=3", "=4", "=7"], id="libsvm"),
        pytest.param(["0:1.3 10:-3.2", "132:32"], ["=0", "=10", "=132"], id="libsvm, fractions"),
        pytest.param(["1:3,3:4.0,8:3.0", "8:1"], ["=1", "=3", "=8"], id="pairs with commas"),
        pytest.param(["12:30", "3:33"], [""], id="times are no pairs"),
        pytest.param(["1:3 2:4", "-10:100 1:1"], [""], id="a negative key"),
        pytest.param(["1:3 2:4", "10.2:23, 1:2"], [""], id="a key with a fraction"),
        pytest.param(["1:3 2:4", "0:abc 1:2"], [""], id="a weight that is a word"),
        pytest.param(["3,140", "1,2,3"], ["=1", "=2", "=3", "=140"], id="ids of any number"),
        pytest.param([[1.5, 2], [3, 4]], ["[0]", "[1]"], id="an array is a vector"),
        pytest.param([[True, False]], ["[0]", "[1]"], id="an array of booleans"),
        pytest.param([[1, 2], [3]], ["=1", "=2", "=3"], id="arrays of any number of ids"),
        pytest.param([["u", "v"], ["v", "w"]], ["=u", "=v", "=w"], id="an array of words"),
        pytest.param([None, [2.0, 1.0]], ["[0]", "[1]"], id="a NULL array"),
        pytest.param(pa.array([[1, 2]], pa.list_(pa.int32(), 2)), ["[0]", "[1]"], id="fixed size"),
        pytest.param(pa.array([], pa.string()), [""], id="no rows"),
        pytest.param(pa.array([None], pa.string()), [""], id="only NULLs"),
    ],
)
def test_cells_are_what_all_rows_suggest(values: Any, names: list[str]) -> None:
    table = pa.table({"x": values})
    spec = specify(table)
    assert [slot.name.removeprefix("x") for slot in spec.slots] == names
    assert encode(table, spec).matrix.shape == (len(values), len(names))


def test_one_cell_far_below_decides_too() -> None:
    table = pa.table({"x": ["1,2"] * 5_000 + ["red"]})
    assert [slot.name for slot in specify(table).slots] == ["x"]


def test_vectors_of_fractions_must_be_equally_long() -> None:
    with pytest.raises(TerminalError, match="column 'x' has lists of 2 to 3 numbers") as caught:
        specify(pa.table({"x": ["1.5,2", "1,2,3"]}))
    assert caught.value.hint == "make them equally long in the SELECT, or leave the column out"


WEEK = pa.table(
    {
        "number": [1, 2, 2],
        "amount": [1.0, 2.0, 3.0],
        "flag": [True, False, True],
        "word": ["u", "v", "u"],
        "vector": ["1,2", "3,4", "5,6"],
        "pairs": ["1:2 2:3", "1:1", "3:1"],
        "array": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        "day": [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)],
    }
)


@pytest.mark.parametrize("layout", list(Layout))
def test_order_and_other_columns_do_not_matter(layout: Layout) -> None:
    spec = specify(WEEK, layout)
    other = WEEK.select(WEEK.column_names[::-1]).append_column("more", pa.array(["z"] * 3))
    np.testing.assert_array_equal(encode(other, spec).matrix, encode(WEEK, spec).matrix)


LATER = [
    ("a number as another", "number", [1.5, 2.0, 2.0], {"number": [1.5, 2, 2]}),
    ("whole amounts", "amount", [1, 2, 3], {"amount": [1, 2, 3]}),
    ("a flag as a number", "flag", [1, 0, 1], {"flag": [1, 0, 1]}),
    ("a NULL where none was", "amount", [None, 2.0, 3.0], {"amount": [NAN, 2, 3]}),
    ("only NULLs", "amount", [None] * 3, {"amount": [NAN] * 3}),
    ("an unknown category", "word", ["w", None, "v"], {"word": [2, NAN, 1]}),
    ("a NULL vector", "vector", [None, "1,2", "1,2"], {"vector[0]": [NAN, 1, 1]}),
    ("an unknown key", "pairs", ["9:1", "1:7", None], {"pairs=1": [0, 7, 0]}),
    ("a timestamp for a date", "day", [datetime(2024, 1, 5, 23)] * 3, {"day.days": [19727] * 3}),
]


@pytest.mark.parametrize(
    ("column", "values", "expected"), [pytest.param(*case[1:], id=case[0]) for case in LATER]
)
def test_rows_that_differ_are_encoded(
    column: str, values: Any, expected: dict[str, list[float]]
) -> None:
    spec = specify(WEEK)
    index = WEEK.column_names.index(column)
    found = slots(encode(WEEK.set_column(index, column, pa.array(values)), spec))
    for name, numbers in expected.items():
        np.testing.assert_allclose(found[name], numbers, err_msg=name)


MISFITS = [
    ("text for a number", "number", ["a"] * 3, "column 'number' has type string, but the model was"),
    ("a number for text", "word", [1, 2, 3], "column 'word' has type int64, but the model was"),
    ("a date for a number", "amount", [date(2024, 1, 1)] * 3, "has type date32[day], but the model"),
    ("a number for an array", "array", [1.0] * 3, "column 'array' has type double, but the model"),
    ("infinite", "amount", [1.0, float("inf"), 2.0], "column 'amount' is infinite or larger"),
    ("too large", "amount", [1.0, 1e39, 2.0], "column 'amount' is infinite or larger"),
    ("a longer vector", "vector", ["1,2", "1,2,3", "1,2"], "'vector' has cells of 2 numbers, but one"),
    ("a word in a vector", "vector", ["1,2", "1,z", "1,2"], "'vector' has numbers in its cells, but one has 'z'"),
    ("a longer array", "array", [[1.0]] * 3, "'array' has cells of 2 numbers, but one has 1: [1.0]"),
    ("a word as a weight", "pairs", ["1:z", "1:1", "1:1"], "'pairs' has numbers in its cells, but one has 'z'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values", "message"), [pytest.param(*case[1:], id=case[0]) for case in MISFITS]
)
@pytest.mark.parametrize("layout", list(Layout))
def test_rows_that_do_not_fit_are_refused(
    column: str, values: Any, message: str, layout: Layout
) -> None:
    spec = specify(WEEK, layout)
    table = WEEK.set_column(WEEK.column_names.index(column), column, pa.array(values))
    with pytest.raises(TerminalError) as caught:
        encode(table, spec)
    assert message in caught.value.message


@pytest.mark.parametrize("layout", [Layout.TREES, Layout.SCALED])
@pytest.mark.parametrize(
    ("type_", "end"), [(pa.date32(), 2**31 - 1), (pa.timestamp("us"), -(2**63) + 1)], ids=str
)
def test_a_moment_without_end_is_refused(type_: pa.DataType, end: int, layout: Layout) -> None:
    numbers = pa.int32() if type_ == pa.date32() else pa.int64()
    table = pa.table({"day": pa.array([0, 1, end], numbers).cast(type_)})
    spec = specify(table, layout)
    assert all(np.isfinite(part.mean) for part in spec.features[0].parts)
    with pytest.raises(
        TerminalError, match=r"column 'day' is infinite or larger .* in 1 of 3 rows"
    ):
        encode(table, spec)


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(TerminalError, match="names column 'word', which the SELECT does not give"):
        encode(WEEK.drop_columns(["word"]), specify(WEEK))


def test_a_whole_number_category_takes_floats(parse: Parse) -> None:
    statement = parse("TO TRAIN Net COLUMN CATEGORY_ID(x) INTO m")
    spec = specify(pa.table({"x": [5, 7]}), statement=statement)
    later = pa.table({"x": [7.0, 5.5, None, 5.0]})
    np.testing.assert_array_equal(encode(later, spec).matrix[:, 0], [1, 2, NAN, 0])


KEYS = [
    ("whole numbers", "x", list(range(200)), True),
    ("texts", "x", [f"k{index}" for index in range(200)], True),
    ("one that repeats", "x", [*range(199), 0], False),
    ("fractions", "x", [index + 0.5 for index in range(200)], False),
    ("few rows", "x", [1, 2, 3], False),
    ("few rows of an id", "user_id", [1, 2, 3], True),
    ("an id that repeats", "user_id", [1, 2, 1], False),
]


@pytest.mark.parametrize(
    ("name", "values", "expected"), [pytest.param(*case[1:], id=case[0]) for case in KEYS]
)
def test_a_derived_column_of_different_values_looks_like_a_key(
    name: str, values: Any, expected: bool, parse: Parse
) -> None:
    table = pa.table({name: values})
    assert specify(table).keys == ((name,) if expected else ())
    listed = specify(table, statement=parse(f"TO TRAIN Net COLUMN {name} INTO m"))
    assert listed.keys == ()


cells = st.fixed_dictionaries(
    {
        "number": st.none() | st.integers(-5, 5),
        "amount": st.none() | st.floats(-10, 10, width=32),
        "word": st.none() | st.sampled_from(["u", "v", "w", ""]),
        "vector": st.none() | st.sampled_from(["1,2", "-3.5,4", ""]),
        "pairs": st.none() | st.sampled_from(["1:2 2:3", "1:1", ""]),
        "tags": st.none() | st.lists(st.sampled_from(["s", "t"]), max_size=3),
    }
)
SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("amount", pa.float64()),
        ("word", pa.string()),
        ("vector", pa.string()),
        ("pairs", pa.string()),
        ("tags", pa.list_(pa.string())),
    ]
)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(cells, min_size=1, max_size=30),
    parts=st.sampled_from([2, 7]),
    layout=st.sampled_from(list(Layout)),
)
def test_rows_in_parts_are_encoded_as_at_once(
    rows: list[dict[str, Any]], parts: int, layout: Layout
) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    statement = TrainStatement(
        query=Query(sql="SELECT 1"),
        estimator="Net",
        into=QualifiedName(parts=("m",)),
    )
    spec = specify(table, layout, statement)
    spec = FeatureSpec.from_json(json.loads(json.dumps(spec.to_json())))
    whole = encode(table, spec)
    size = -(-len(rows) // parts)
    for start in range(0, len(rows), size):
        part = encode(table.slice(start, size), spec)
        taken = whole.take(np.arange(start, min(start + size, len(rows))))
        np.testing.assert_array_equal(part.matrix, taken.matrix)
        for one, other in zip(part.bags, taken.bags, strict=True):
            np.testing.assert_array_equal(one.ids, other.ids)
            np.testing.assert_array_equal(one.offsets, other.offsets)
            np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize("columns", ["EMBEDDING(c5, 4)", 'EMBEDDING(SPARSE(c5, 9, ","), 4)'])
def test_bags_in_parts_are_bags_at_once(columns: str, parse: Parse) -> None:
    statement = parse(f"TO TRAIN Net COLUMN {columns} LABEL class INTO m")
    spec = specify(DERIVATION_CASE, Layout.NETWORK, statement)
    (whole,) = encode(DERIVATION_CASE, spec).take(np.array([4, 0, 4])).bags
    (part,) = encode(DERIVATION_CASE.take([4, 0, 4]), spec).bags
    assert part.ids.tolist() == whole.ids.tolist()
    assert part.offsets.tolist() == whole.offsets.tolist()


def test_numbers_and_categories_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "a": rng.normal(5, 3, 300),
            "b": rng.integers(0, 9, 300),
            "c": rng.choice(["red", "green", "blue"], 300),
            "d": rng.choice(["x", "y"], 300),
        }
    )
    training, test = table.slice(0, 200), table.slice(200)
    transformer = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["a", "b"]),
            ("words", OneHotEncoder(sparse_output=False), ["c", "d"]),
        ]
    ).fit(training.to_pandas())
    found = encode(test, specify(training, Layout.SCALED)).matrix
    np.testing.assert_allclose(found, transformer.transform(test.to_pandas()), atol=1e-6)
