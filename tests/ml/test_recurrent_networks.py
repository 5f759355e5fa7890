"""Networks over sequences and time series."""

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.train import train_model
from tests.ml.conftest import Parse

pytestmark = pytest.mark.torch


def trained(parse: Parse, clause: str, rows: pa.Table) -> Model:
    return train_model(statement=parse(f"TO TRAIN {clause} INTO m"), training=rows)


@pytest.fixture(scope="module")
def visits() -> pa.Table:
    """Who saw the offer before the cart buys, whatever was between; waves rise or fall."""
    rng = np.random.default_rng(0)
    pages, waves, buys, level = [], [], [], []
    for _ in range(600):
        first = rng.random() < 0.5
        seen = ["offer", "cart"] if first else ["cart", "offer"]
        for page in rng.choice(["home", "help", "news"], rng.integers(1, 5)):
            seen.insert(rng.integers(0, len(seen) + 1), page)
        slope = rng.choice([-1.0, 1.0])
        waves.append(",".join(f"{slope * t + rng.normal():.3f}" for t in range(6)))
        pages.append(" ".join(seen))
        buys.append("yes" if first else "no")
        level.append(["down", "flat", "up"][int(slope) + 1 if rng.random() < 0.9 else 1])
    return pa.table({"pages": pages, "wave": waves, "buys": buys, "level": level})


@pytest.mark.parametrize(
    ("clause", "label"),
    [
        pytest.param(
            "COLUMN EMBEDDING(SEQ_CATEGORY_ID(SPARSE(pages, 10, ' ', 'string')), 8)",
            "buys",
            id="ids",
        ),
        pytest.param(
            "COLUMN DENSE(wave, [3, 2]), pages",
            "level",
            id="vectors",
        ),
    ],
)
@pytest.mark.parametrize("cell", ["lstm, model.bidirectional=true", "gru"])
def test_a_classifier_of_sequences_beats_the_majority(
    clause: str, label: str, cell: str, parse: Parse, visits: pa.Table
) -> None:
    rows = visits.drop_columns([{"buys": "level", "level": "buys"}[label]])
    if label == "buys":
        rows = rows.drop_columns(["wave"])
    model = trained(
        parse,
        f"StackedRNNClassifier WITH model.stack_units=[16], hidden_size=16, epoch=8, "
        f"model.model_type={cell} {clause} LABEL {label}",
        rows.slice(0, 450),
    )
    found = model.evaluate(rows.slice(450), metrics=["accuracy"])
    assert found.values["accuracy"] > found.baseline["accuracy"] + 0.3
    again = Model.from_bundle(model.to_bundle())
    assert again.predict(rows).equals(model.predict(rows))


def test_rows_answer_alike_alone_and_among_longer_ones(parse: Parse, visits: pa.Table) -> None:
    clause = """StackedRNNClassifier WITH epoch=1
    COLUMN SEQ_CATEGORY_ID(SPARSE(pages, 10, ' ', 'string')) LABEL buys"""
    rows = visits.select(["pages", "buys"])
    model = trained(parse, clause, rows)
    odd = pa.table({"pages": ["home", "", None, "never seen before", "home help news cart offer"]})
    together = model.probabilities(odd)
    assert together is not None
    alone = [model.probabilities(odd.slice(index, 1)) for index in range(5)]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6)  # type: ignore[arg-type]
    explained = model.explain(odd)
    odds = explained.rows["pages"].to_numpy() + explained.rows["base_value"].to_numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), together[:, 1], atol=1e-5)


def monthly(years: int) -> np.ndarray:
    """Passengers as of an airline: growth of 10 % a year, a summer twice the winter, noise of 2 %."""
    months = np.arange(12 * years)
    season = np.exp(0.35 * np.sin(2 * np.pi * (months - 3) / 12))
    noise = np.random.default_rng(0).normal(1.0, 0.02, len(months))
    return np.asarray(100 * 1.1 ** (months / 12) * season * noise)


def windows(series: np.ndarray, n_in: int, n_out: int) -> pa.Table:
    count = len(series) - n_in - n_out + 1
    cut = np.lib.stride_tricks.sliding_window_view(series, n_in + n_out)[:count]
    text = [
        [",".join(f"{x:.2f}" for x in part) for part in (row[:n_in], row[n_in:])] for row in cut
    ]
    return pa.table({"past": [a for a, _ in text], "next": [b for _, b in text]})


def numbers(texts: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return np.array([[float(item) for item in text.split(",")] for text in texts.to_pylist()])


def test_a_time_series_is_predicted_better_than_last_year_again(parse: Parse) -> None:
    rows = windows(monthly(12), 12, 3)
    training, test = rows.slice(0, 108), rows.slice(110)
    model = trained(
        parse,
        "sqlflow_models.RNNBasedTimeSeriesModel WITH model.n_in=12, model.n_out=3, "
        "model.stack_units=[32], model.model_type=lstm, epoch=60, "
        "optimizer.learning_rate=0.01 COLUMN DENSE(past, 12) LABEL next",
        training,
    )
    past, future = numbers(test["past"]), numbers(test["next"])
    error = np.abs(numbers(model.predict(test)) - future).mean()
    assert error < 0.6 * np.abs(past[:, :3] - future).mean()
    again = Model.from_bundle(model.to_bundle())
    assert again.predict(test).equals(model.predict(test))
    features = encode(test, model.manifest.features)
    added = model.trained.contributions(features)
    assert added is not None
    np.testing.assert_allclose(
        added.values.sum(axis=2) + added.base_values, model.trained.predict(features), rtol=1e-4
    )


def test_steps_may_be_columns(parse: Parse) -> None:
    series = monthly(8)
    cut = np.lib.stride_tricks.sliding_window_view(series, 5)
    rows = pa.table({**{f"t{index}": cut[:, index] for index in range(4)}, "y": cut[:, 4]})
    model = trained(
        parse, "RNNBasedTimeSeriesModel WITH n_in=2, n_features=2, epoch=2 LABEL y", rows
    )
    assert model.predict(rows).type == pa.float64()


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        (
            "RNNBasedTimeSeriesModel LABEL next",
            r"model.n_in=7 .* wants 7 numbers a row, but the col",
        ),
        (
            "RNNBasedTimeSeriesModel WITH n_in=12, n_out=2 LABEL next",
            "n_out is 2, but .* 3 amounts",
        ),
        (
            "StackedRNNClassifier COLUMN CATEGORY_HASH(past, 9) LABEL next",
            "wants a sequence, but ev",
        ),
        ("StackedRNNClassifier WITH stack_units=[] LABEL next", "model.stack_units is empty"),
        ("StackedRNNClassifier WITH model_type=transformer LABEL next", "no choice 'transformer'"),
    ],
)
def test_what_cannot_work_is_told(clause: str, message: str, parse: Parse) -> None:
    with pytest.raises(TerminalError, match=message):
        trained(parse, clause, windows(monthly(3), 12, 3))
