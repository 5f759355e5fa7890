"""Every function of COLUMN: rows in, slots and bags out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.column_functions import COLUMN_FUNCTIONS
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.features.columns import treatments
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.feature import DEFAULT_INPUT
from sqlflow_dagster.ml.features.fit import fit_features
from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec, Layout

Parse: TypeAlias = Callable[[str], TrainStatement]
Slots: TypeAlias = dict[str, list[float]]
NAN = float("nan")


@dataclass(frozen=True)
class Bags:
    """A bag as a reader would write it: the ids of each row, and their weights."""

    size: int
    rows: list[list[int]]
    dimension: int = 8
    combiner: str = "mean"
    sequence: bool = False
    weights: list[list[float]] | None = None
    slots: Slots = field(default_factory=dict)


def specify(
    parse: Parse,
    table: pa.Table,
    columns: str,
    layout: Layout,
    *,
    inputs: tuple[str, ...] = (DEFAULT_INPUT,),
) -> FeatureSpec:
    statement = parse(f"TO TRAIN Net COLUMN {columns} INTO m" if columns else "TO TRAIN Net INTO m")
    schema = list(zip(table.column_names, table.schema.types, strict=True))
    found = treatments(statement, schema, label=None, listed_only=False, inputs=inputs)
    return fit_features(table, found, layout=layout)


def slots(encoded: EncodedTable) -> Slots:
    return {slot.name: encoded.matrix[:, i].tolist() for i, slot in enumerate(encoded.slots)}


def bags(encoded: EncodedTable) -> list[Bags]:
    result = []
    for bag in encoded.bags:
        ends = bag.offsets[1:-1]
        weights = None if bag.weights is None else np.split(bag.weights, ends)
        result.append(
            Bags(
                size=bag.slot.size,
                rows=[item.tolist() for item in np.split(bag.ids, ends)],
                dimension=bag.slot.dimension,
                combiner=bag.slot.combiner,
                sequence=bag.slot.sequence,
                weights=None if weights is None else [item.tolist() for item in weights],
            )
        )
    return result


def same(found: Slots, expected: Slots) -> None:
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-6, err_msg=name)


def mixed(*ids: int) -> int:
    """The documented hash of a combination: SplitMix64 over the ids."""
    state, mask = 0, 2**64 - 1
    for item in ids:
        state = ((state ^ item) + 0x9E3779B97F4A7C15) & mask
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return state


def hashed(value: str, size: int) -> int:
    """The documented hash."""
    return crc32(value.encode()) % size


TREES: list[tuple[str, str, Any, Slots]] = [
    ("a number", "NUMERIC(x)", [1, None, 3], {"x": [1, NAN, 3]}),
    ("a dense vector", "DENSE(x)", ["1,2.5", " 3 , -4 ,"], {"x[0]": [1, 3], "x[1]": [2.5, -4]}),
    (
        "a declared matrix",
        "DENSE(x, [2, 1], SPACE, float)",
        ["1 2", " 3  4 "],
        {"x[0,0]": [1, 3], "x[1,0]": [2, 4]},
    ),
    ("a vector with tabs", "DENSE(x, 2, TAB)", ["1\t2", "3\t4"], {"x[0]": [1, 3], "x[1]": [2, 4]}),
    ("a vector with |", 'DENSE(x, 2, "|", int)', ["1|2", "3|4"], {"x[0]": [1, 3], "x[1]": [2, 4]}),
    (
        "a NULL and a blank vector",
        "DENSE(x)",
        ["1,2", None, " "],
        {"x[0]": [1, NAN, NAN], "x[1]": [2, NAN, NAN]},
    ),
    ("an array", "DENSE(x)", [[1.0, 2.0], [3.0, None]], {"x[0]": [1, 3], "x[1]": [2, NAN]}),
    ("a number that is DENSE", "DENSE(x, 1)", [1, 2], {"x": [1, 2]}),
    (
        "ids with commas",
        "SPARSE(x)",
        ["3,140", "3", "", None],
        {"x=3": [1, 1, 0, 0], "x=140": [1, 0, 0, 0], "x is NULL": [0, 0, 0, 1]},
    ),
    ("ids count", "SPARSE(x)", ["7,7", "8"], {"x=7": [2, 0], "x=8": [0, 1]}),
    (
        "declared pairs",
        'SPARSE(x, 100, COMMA, int, ":", float)',
        ["1:0.5,2:2", "2:3"],
        {"x=1": [0.5, 0], "x=2": [2, 3]},
    ),
    (
        "pairs with other delimiters and words",
        'SPARSE(x, none, "|", string, "::", float)',
        ["k::1.5|b::2", "unknown"],
        {"x=b": [2, 0], "x=k": [1.5, 0], "x=unknown": [0, 1]},
    ),
    ("pairs by their look", "SPARSE(x)", ["1:2 3:4", "3:5"], {"x=1": [2, 0], "x=3": [4, 5]}),
    (
        "the most frequent ids",
        "SPARSE(x, 1)",
        ["3,4", "3"],
        {"x=3": [1, 1], "x is another": [1, 0]},
    ),
    (
        "boundaries",
        "BUCKET(x, [-1, 0.5, 10])",
        [-2.0, -1.0, 0.4, 0.5, 10.0, None],
        {"BUCKET(x)": [0, 1, 1, 2, 3, NAN]},
    ),
    ("quantiles", "BUCKET(x, 2)", [1, 2, 3, 100], {"BUCKET(x)": [0, 0, 1, 1]}),
    ("fewer quantiles than asked", "BUCKET(x, 4)", [5, 5, 5, 6], {"BUCKET(x)": [0, 0, 0, 1]}),
    ("one value", "BUCKET(x, 4)", [5, 5], {"BUCKET(x)": [0, 0]}),
    (
        "buckets of a vector",
        "BUCKET(DENSE(x, 2), [0])",
        ["-1,1", "1,1"],
        {
            "BUCKET(x)[0] < 0": [1, 0],
            "BUCKET(x)[0] >= 0": [0, 1],
            "BUCKET(x)[1] < 0": [0, 0],
            "BUCKET(x)[1] >= 0": [1, 1],
        },
    ),
    ("categories", "CATEGORY_ID(x)", ["b", "a", None], {"x": [1, 0, NAN]}),
    ("whole numbers", "CATEGORY_ID(x, 10)", [70, 5, 70], {"x": [1, 0, 1]}),
    ("other categories", "CATEGORY_ID(x, 1)", ["b", "a", "b"], {"x": [0, 1, 0]}),
    (
        "lists of categories",
        "CATEGORY_ID(x, 3)",
        ["9,10", "10"],
        {"x=9": [1, 0], "x=10": [1, 1]},
    ),
    (
        "words of a list",
        "CATEGORY_ID(SPARSE(x, none, SPACE, string), 2)",
        ["to be", "or not to"],
        {"x=be": [1, 0], "x=to": [1, 1], "x is another": [0, 2]},
    ),
    (
        "weights that do not count",
        'CATEGORY_ID(SPARSE(x, 10, COMMA, int, ":"), 10)',
        ["1:0.5,2:2", "2:3"],
        {"x=1": [1, 0], "x=2": [1, 1]},
    ),
    (
        "weights that count",
        'WEIGHTED_CATEGORY(CATEGORY_ID(SPARSE(x, 10, COMMA, int, ":", float), 10))',
        ["1:0.5,2:2", "2:3"],
        {"x=1": [0.5, 0], "x=2": [2, 3]},
    ),
    ("an array of words", "CATEGORY_ID(x)", [["u", "v"], ["v"]], {"x=u": [1, 0], "x=v": [1, 1]}),
    (
        "a hash",
        "CATEGORY_HASH(x, 100)",
        ["b", "a", None],
        {"x": [hashed("b", 100), hashed("a", 100), NAN]},
    ),
    ("a hash of numbers", "CATEGORY_HASH(x, 9)", [7, -1], {"x": [hashed("7", 9), hashed("-1", 9)]}),
    (
        "an embedding is its category",
        "EMBEDDING(CATEGORY_ID(x, 5), 128, sum)",
        ["b", "a"],
        {"x": [1, 0]},
    ),
    ("an indicator", "INDICATOR(x)", ["b", "a"], {"x=a": [0, 1], "x=b": [1, 0]}),
    (
        "an indicator of a hash",
        "INDICATOR(CATEGORY_HASH(x, 2))",
        ["b", "a"],
        {"x#0": [1 - hashed("b", 2), 1 - hashed("a", 2)], "x#1": [hashed("b", 2), hashed("a", 2)]},
    ),
    (
        "an indicator of buckets",
        "INDICATOR(BUCKET(x, [0, 1.5]))",
        [-1.0, 1.0, None],
        {
            "BUCKET(x) < 0": [1, 0, 0],
            "BUCKET(x) in [0, 1.5)": [0, 1, 0],
            "BUCKET(x) >= 1.5": [0, 0, 0],
            "BUCKET(x) is NULL": [0, 0, 1],
        },
    ),
    (
        "an indicator of pairs",
        'INDICATOR(SPARSE(x, 10, COMMA, int, ":"))',
        ["1:0.5", "2:2"],
        {"x=1": [0.5, 0], "x=2": [0, 2]},
    ),
    ("a column twice", "x, BUCKET(x, [2])", [1, 3], {"x": [1, 3], "BUCKET(x)": [0, 1]}),
    (
        "a name that is taken",
        "x, CATEGORY_ID(x), x",
        [7, 9],
        {"x": [7, 9], "CATEGORY_ID(x)": [0, 1]},
    ),
    ("all else", "*", [1, 3], {"x": [1, 3]}),
]


@pytest.mark.parametrize(
    ("columns", "values", "expected"), [pytest.param(*case[1:], id=case[0]) for case in TREES]
)
def test_trees_get(columns: str, values: Any, expected: Slots, parse: Parse) -> None:
    table = pa.table({"x": values})
    same(slots(encode(table, specify(parse, table, columns, Layout.TREES))), expected)


SCALED: list[tuple[str, str, Any, Slots]] = [
    (
        "a vector with a NULL",
        "DENSE(x)",
        ["1,5", "3,5", None],
        {"x[0]": [-1, 1, 0], "x[1]": [0, 0, 0], "x is NULL": [0, 0, 1]},
    ),
    ("buckets", "BUCKET(x, [2])", [1, 3], {"BUCKET(x) < 2": [1, 0], "BUCKET(x) >= 2": [0, 1]}),
    ("a hash", "CATEGORY_HASH(x, 1)", ["b", None], {"x#0": [1, 0], "x is NULL": [0, 1]}),
    ("an embedding", "EMBEDDING(x, 4)", ["b", "a"], {"x=a": [0, 1], "x=b": [1, 0]}),
    ("pairs", "SPARSE(x)", ["1:2 3:4", "3:5"], {"x=1": [2, 0], "x=3": [4, 5]}),
]


@pytest.mark.parametrize(
    ("columns", "values", "expected"), [pytest.param(*case[1:], id=case[0]) for case in SCALED]
)
def test_linear_models_get(columns: str, values: Any, expected: Slots, parse: Parse) -> None:
    table = pa.table({"x": values})
    same(slots(encode(table, specify(parse, table, columns, Layout.SCALED))), expected)


NETWORK: list[tuple[str, str, Any, Bags]] = [
    (
        "an embedding of categories",
        "EMBEDDING(CATEGORY_ID(x), 8)",
        ["b", "a", None],
        Bags(size=4, rows=[[3], [2], [1]]),
    ),
    (
        "what was cut is unknown",
        "EMBEDDING(CATEGORY_ID(x, 1), 8, sum)",
        ["b", "a", "b"],
        Bags(size=3, rows=[[2], [0], [2]], combiner="sum"),
    ),
    (
        "an embedding of a column",
        "EMBEDDING(x, 2, sqrtn, normal)",
        [7, 5],
        Bags(size=4, rows=[[3], [2]], dimension=2, combiner="sqrtn"),
    ),
    (
        "lists of ids",
        "EMBEDDING(x, 8)",
        ["1,4", "4,4,9", None, ""],
        Bags(size=5, rows=[[2, 3], [3, 3, 4], [1], []]),
    ),
    (
        "pairs",
        'EMBEDDING(SPARSE(x, 10, "-", int, ":", float), 8)',
        ["1:0.5-4:2", None, "9"],
        Bags(size=5, rows=[[2, 3], [1], [4]], weights=[[0.5, 2], [1], [1]]),
    ),
    (
        "a hash",
        "EMBEDDING(CATEGORY_HASH(x, 100), 8)",
        ["b"],
        Bags(size=102, rows=[[hashed("b", 100) + 2]]),
    ),
    (
        "buckets",
        "EMBEDDING(BUCKET(x, [0, 1]), 8)",
        [5.0, -1.0, None],
        Bags(size=5, rows=[[4], [2], [1]]),
    ),
    (
        "buckets of a vector",
        "EMBEDDING(BUCKET(DENSE(x), [0]), 8)",
        ["5,-1", None],
        Bags(size=6, rows=[[3, 4], [1]]),
    ),
    (
        "a sequence",
        "EMBEDDING(SEQ_CATEGORY_ID(x, 3), 8)",
        ["5,4,5", "4"],
        Bags(size=4, rows=[[3, 2, 3], [2]], sequence=True),
    ),
    (
        "a sequence without a dimension",
        "SEQ_CATEGORY_ID(x)",
        [[5, 4], [4]],
        Bags(size=4, rows=[[3, 2], [2]], dimension=2, sequence=True),
    ),
    (
        "many categories of text",
        "x",
        [f"c{index:02}" for index in range(51)],
        Bags(size=53, rows=[[index + 2] for index in range(51)], dimension=14),
    ),
]


@pytest.mark.parametrize(
    ("columns", "values", "expected"), [pytest.param(*case[1:], id=case[0]) for case in NETWORK]
)
def test_networks_get(columns: str, values: Any, expected: Bags, parse: Parse) -> None:
    table = pa.table({"x": values})
    encoded = encode(table, specify(parse, table, columns, Layout.NETWORK))
    assert bags(encoded) == [expected]
    assert encoded.slots == ()
    assert encoded.bags[0].slot.column == "x"


def test_few_categories_are_slots_of_a_network(parse: Parse) -> None:
    table = pa.table({"x": [f"c{index}" for index in range(50)]})
    encoded = encode(table, specify(parse, table, "x", Layout.NETWORK))
    np.testing.assert_array_equal(encoded.matrix.sum(axis=1), np.ones(50))
    assert encoded.bags == ()


def test_a_cross_is_one_category_of_several_columns(parse: Parse) -> None:
    table = pa.table({"a": ["u", "u", "v", None], "b": [1, 2, 1, 1], "c": [0.5, 1.5, 0.5, 0.5]})
    columns = "CROSS([a, b], 1000), CROSS([a, BUCKET(c, [1]), CATEGORY_ID(b)], 1000)"
    spec = specify(parse, table, columns, Layout.TREES)
    assert [slot.name for slot in spec.slots] == [
        "CROSS(a, b)",
        "CROSS(a, BUCKET(c), b)",
    ]
    assert [slot.column for slot in spec.slots] == [slot.name for slot in spec.slots]
    assert spec.columns == ("a", "b", "c")
    matrix = encode(table, spec).matrix
    for ids in matrix.T:
        assert len(set(ids[:3])) == 3
        assert ((ids[:3] >= 0) & (ids[:3] < 1000)).all()
        assert np.isnan(ids[3])
    # A combination that no training row had has an id too, the same in every process.
    new = pa.table({"a": ["v"], "b": [2], "c": [9.0]})
    assert encode(new, spec).matrix.tolist() == [
        [
            mixed(crc32(b"v"), crc32(b"2")) % 1000,
            mixed(crc32(b"v"), 1, 1) % 1000,  # the second bucket, the second category
        ]
    ]


def test_columns_of_a_cross_are_no_features_of_their_own(parse: Parse) -> None:
    table = pa.table({"a": ["u"], "b": [1], "c": [0.5]})
    spec = specify(parse, table, "CROSS([a, b], 10)", Layout.TREES)
    assert [(item.name, item.listed) for item in spec.features] == [
        ("c", False),
        ("CROSS(a, b)", True),
    ]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param('"f1|f2"', ["f1", "f2", "f10", "g"], id="alternatives"),
        pytest.param('CATEGORY_ID("F1.*", 5)', ["f1", "f2", "f10", "g"], id="in any case"),
        pytest.param('CROSS(["f1[0]?", g], 9)', ["f2", "CROSS(f1, f10, g)"], id="of a cross"),
    ],
)
def test_a_regular_expression_names_columns(
    columns: str, expected: list[str], parse: Parse
) -> None:
    table = pa.table({"f1": [1], "f2": [2], "f10": [3], "g": [4]})
    spec = specify(parse, table, columns, Layout.TREES)
    assert [item.name for item in spec.features] == expected


def test_a_regular_expression_gives_each_column_the_treatment(parse: Parse) -> None:
    table = pa.table({"f1": [1], "f2": [2], "g": [4]})
    spec = specify(parse, table, 'INDICATOR("f\\d")', Layout.TREES)
    assert [slot.name for slot in spec.slots] == ["f1=1", "f2=2", "g"]
    assert [item.listed for item in spec.features] == [True, True, False]


def test_a_column_may_be_called_like_a_regular_expression(parse: Parse) -> None:
    table = pa.table({"a|b": [1], "a": [2]})
    spec = specify(parse, table, 'INDICATOR("a|b")', Layout.TREES)
    assert [slot.name for slot in spec.slots] == ["a|b=1", "a"]


DEEP = ("linear_feature_columns", "dnn_feature_columns")


def test_each_of_several_inputs_gets_what_is_listed_for_it(parse: Parse) -> None:
    table = pa.table({"a": [1, 2], "b": ["u", "v"], "c": [3, 4], "d": [5, 6]})
    columns = (
        "CROSS([a, b], 10), c for linear_feature_columns "
        "COLUMN EMBEDDING(b, 3), c FOR DNN_feature_columns"
    )
    spec = specify(parse, table, columns, Layout.NETWORK, inputs=DEEP)
    assert [(slot.name, slot.input) for slot in spec.slots] == [
        ("c", "linear_feature_columns"),
        *[(f"CROSS(a, b)#{index}", "linear_feature_columns") for index in range(10)],
        ("c", "dnn_feature_columns"),
    ]
    assert [(bag.name, bag.input) for bag in spec.bag_slots] == [("b", "dnn_feature_columns")]


def test_every_input_gets_all_columns_where_none_is_listed(parse: Parse) -> None:
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    spec = specify(parse, table, "", Layout.NETWORK, inputs=DEEP)
    assert [(slot.name, slot.input) for slot in spec.slots] == [
        (name, target) for target in DEEP for name in "ab"
    ]


def test_a_star_is_what_an_input_does_not_name(parse: Parse) -> None:
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    columns = f"*, BUCKET(a, [2]) FOR {DEEP[0]} COLUMN b FOR {DEEP[1]}"
    spec = specify(parse, table, columns, Layout.TREES, inputs=DEEP)
    assert [(slot.name, slot.input) for slot in spec.slots] == [
        ("BUCKET(a)", DEEP[0]),
        ("b", DEEP[0]),
        ("b", DEEP[1]),
    ]


REFUSED = [
    ("no column", "CATEGORY_ID(xx)", "COLUMN names column 'xx', which the SELECT", "did you mean 'x'"),
    ("no function", "EMBEDING(x, 2)", "COLUMN has no function EMBEDING", "did you mean 'EMBEDDING'"),
    ("no match", '"z.*"', "columns like 'z.*', but no column of the SELECT matches", "it gives: x, n"),
    ("no pattern", '"x("', "'x(' is neither a column nor a regular expression: missing )", None),
    ("few arguments", "EMBEDDING(x)", "EMBEDDING takes 2 to 4 arguments, but EMBEDDING(x) has 1", "write EMB"),
    ("many arguments", "NUMERIC(n, 1)", "NUMERIC takes 1 argument, but NUMERIC(n, 1) has 2", "write NUMERIC(x)"),
    ("dimension", 'EMBEDDING(x, "8")', 'EMBEDDING(x, "8") wants a whole number from 1', "write EMB"),
    ("combiner", "EMBEDDING(x, 8, max)", "wants sum or mean or sqrtn, but got max", "write EMB"),
    ("initializer", "EMBEDDING(x, 8, sum, big)", "wants normal or uniform or zeros, but got big", "write EMB"),
    ("number of a number", "EMBEDDING(NUMERIC(n), 8)", "EMBEDDING wants a column or a category", "write EMB"),
    ("fraction", "CATEGORY_ID(f)", "a category is text, a whole number", "BUCKET(f, n)"),
    ("hash without size", "CATEGORY_HASH(x)", "CATEGORY_HASH takes 2 arguments", "write CATEGORY_HASH(x, size)"),
    ("empty boundaries", "BUCKET(n, [])", "wants boundaries in strictly ascending order", "write BUCKET"),
    ("equal boundaries", "BUCKET(n, [1, 1])", "wants boundaries in strictly ascending order", "write BUCKET"),
    ("boundaries of text", 'BUCKET(n, ["a"])', "wants boundaries in strictly ascending order", "write BUCKET"),
    ("buckets of text", "BUCKET(x, 3)", "BUCKET wants numbers, but column 'x' has type string", "BUCKET(DENSE(x)"),
    ("cross of one", "CROSS([x], 9)", "CROSS wants a list of two columns or more, but got [x]", "write CROSS"),
    ("cross of none", "CROSS(x, 9)", "CROSS wants a list of two columns or more, but got x", "write CROSS"),
    ("cross of fractions", "CROSS([x, f], 9)", "a category is text, a whole number", "BUCKET(f, n)"),
    ("cross of lists", "CROSS([x, DENSE(n)], 9)", "CROSS combines single values", "write CROSS"),
    ("weights of nothing", "WEIGHTED_CATEGORY(x)", "WEIGHTED_CATEGORY wants CATEGORY_ID or", "write WEIGHTED"),
    ("delimiter", "DENSE(x, 1, 5)", "wants a delimiter: COMMA, TAB, SPACE", "write DENSE"),
    ("shape", "DENSE(x, [0])", "wants a shape such as 4 or [2, 2], but got [0]", "write DENSE"),
    ("type", "DENSE(x, 1, COMMA, string)", "wants int or float, but got string", "write DENSE"),
    ("sparse number", "SPARSE(n)", "SPARSE reads ids from text or an array", "write CATEGORY_ID(n)"),
    ("ordered one-hot", "INDICATOR(SEQ_CATEGORY_ID(x))", "would lose the order", "write CATEGORY_ID"),
    ("ordered trees", "SEQ_CATEGORY_ID(x, 4)", "no use for the order of categories", "CATEGORY_ID(x)"),
    ("nested", "CATEGORY_ID(CATEGORY_ID(x))", "wants the name of a column, but got CATEGORY_ID(x)", "write"),
    ("no vector", "DENSE(x)", "column 'x' has numbers in its cells, but one has 'u'", "mend it"),
    ("ragged vector", "DENSE(v)", "column 'v' has cells of 2 numbers, but one has 1: '3'", "equally long"),
    ("declared length", "DENSE(v, 3)", "column 'v' has cells of 3 numbers, but one has 2", "equally long"),
    ("several in one", "DENSE(n, 2)", "column 'n' is one number, but COLUMN declares 2", "leave the shape out"),
    ("too many slots", "INDICATOR(CATEGORY_HASH(x, 20000))", "20000 categories, a slot each; at most 10000", "CATEGORY_HASH"),
    ("an expression", "n * 2", "COLUMN wants columns and functions of columns", "with AS"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "message", "hint"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED]
)
def test_refused(columns: str, message: str, hint: str | None, parse: Parse) -> None:
    table = pa.table({"x": ["u", "w"], "n": [1, 2], "f": [0.5, 1.5], "v": ["1,2", "3"]})
    with pytest.raises(TerminalError) as caught:
        specify(parse, table, columns, Layout.TREES)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param("a FOR deep", "has the inputs linear_feature_columns, dnn_", id="unknown"),
        pytest.param("a", "but COLUMN does not say which it is for", id="without FOR"),
        pytest.param("a FOR dnn_feature_columns", "no COLUMN is FOR linear_", id="an empty input"),
    ],
)
def test_a_wrong_input_is_refused(columns: str, message: str, parse: Parse) -> None:
    with pytest.raises(TerminalError) as caught:
        specify(parse, pa.table({"a": [1]}), columns, Layout.NETWORK, inputs=DEEP)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert "FOR linear_feature_columns" in (caught.value.hint or "")


EXAMPLES = {
    "NUMERIC": "NUMERIC(n)",
    "DENSE": "DENSE(v, 2)",
    "SPARSE": "SPARSE(v, 9)",
    "BUCKET": "BUCKET(n, 2)",
    "CROSS": "CROSS([n, t], 8)",
    "CATEGORY_ID": "CATEGORY_ID(t)",
    "SEQ_CATEGORY_ID": "EMBEDDING(SEQ_CATEGORY_ID(t), 2)",
    "CATEGORY_HASH": "CATEGORY_HASH(t, 8)",
    "WEIGHTED_CATEGORY": "WEIGHTED_CATEGORY(CATEGORY_ID(SPARSE(v, 9)))",
    "EMBEDDING": "EMBEDDING(t, 2)",
    "INDICATOR": "INDICATOR(t)",
}


def test_every_function_that_the_compiler_knows_is_read(parse: Parse) -> None:
    assert EXAMPLES.keys() == COLUMN_FUNCTIONS.keys()
    table = pa.table({"n": [1, 2, 3], "t": ["a", "b", "a"], "v": ["1,2", "3,4", "5,6"]})
    for example in EXAMPLES.values():
        assert specify(parse, table, example, Layout.NETWORK).features
