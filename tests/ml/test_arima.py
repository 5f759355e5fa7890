"""Forecasts of one series."""

import json
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.train import train_model

Parse: TypeAlias = Callable[[str], TrainStatement]
AIRLINE = "ARIMA WITH period=12"
DECOMPOSED = "ARIMAWithSTLDecomposition WITH order=[1, 1, 1], period=12"


def train(parse: Parse, estimator: str, rows: pa.Table) -> Model:
    return train_model(statement=parse(f"TO TRAIN {estimator} LABEL value INTO m"), training=rows)


@pytest.fixture(scope="module")
def months() -> pa.Table:
    """Eight years of the carbon dioxide above Mauna Loa, a mean a month."""
    from statsmodels.datasets import co2

    series = co2.load_pandas().data["co2"].resample("MS").mean()["1990":"1997"]
    days = np.asarray(series.index.to_numpy(), dtype="datetime64[D]")
    return pa.table({"month": pa.array(days), "value": series.to_numpy()})


@pytest.mark.parametrize("estimator", [AIRLINE, DECOMPOSED])
def test_a_year_ahead_is_better_than_the_year_before(
    estimator: str, parse: Parse, months: pa.Table
) -> None:
    model = train(parse, estimator, months.slice(0, 84))
    actual = months["value"].to_numpy()
    forecast = model.predict(months.slice(84)).to_numpy()
    naive = np.abs(actual[84:] - actual[72:84]).mean()
    assert np.abs(actual[84:] - forecast).mean() < 0.8 * naive
    again = Model.from_bundle(model.to_bundle())
    assert again.predict(months).equals(model.predict(months))
    assert json.loads(model.trained.files()["series.json"])["clock"]["unit"] == "months"


def test_order_gaps_and_known_times_of_rows(parse: Parse) -> None:
    days = np.datetime64("2024-02-20") + np.arange(60)
    values = np.arange(60) % 7 + 10.0
    rows = pa.table({"day": pa.array(days), "value": values})
    chosen = np.random.default_rng(0).permutation(60)[:50]
    model = train(parse, "ARIMA WITH order=[0, 0, 0], period=7", rows.take(pa.array(chosen)))
    ahead = pa.table({"day": pa.array(days[-1] + np.arange(1, 8))})
    found = model.predict(ahead).to_numpy()
    np.testing.assert_allclose(found, np.arange(60, 67) % 7 + 10.0, atol=0.1)
    known = model.predict(rows.slice(40)).to_numpy()
    np.testing.assert_allclose(known, values[40:], atol=0.1)


def test_whole_numbers_are_times_too(parse: Parse) -> None:
    rows = pa.table({"year": range(1990, 2020), "value": np.arange(30) * 2.0 + 1})
    model = train(parse, "ARIMA WITH order=[0, 2, 1]", rows)
    found = model.predict(pa.table({"year": [2021]})).to_numpy()
    assert found[0] == pytest.approx(63, abs=0.2)
    with pytest.raises(TerminalError, match="before the series"):
        model.predict(pa.table({"year": [1980]}))


@pytest.mark.parametrize(
    ("estimator", "columns", "message"),
    [
        pytest.param("ARIMA", {"t": [1, 2, 3], "x": [1, 2, 3]}, "one column of times", id="two"),
        pytest.param("ARIMA", {"t": [1, 2, 2]}, "that another row has", id="one time twice"),
        pytest.param("ARIMA", {"t": [1, 2, 1000]}, "not regular", id="irregular"),
        pytest.param("ARIMA", {"t": [1, 2, None]}, "1 rows have no time", id="no time"),
        pytest.param("ARIMA WITH order=[1, 1]", {"t": [1, 2, 3]}, "order wants 3", id="orders"),
        pytest.param("ARIMA WITH period=1", {"t": [1, 2, 3]}, "whole numbers from 2", id="period"),
        pytest.param("ARIMAWithSTLDecomposition", {"t": [1, 2, 3]}, "how long", id="no period"),
        pytest.param(
            "ARIMAWithSTLDecomposition WITH period=7", {"t": [1, 2, 3]}, "14 steps", id="short"
        ),
    ],
)
def test_what_is_no_series_is_refused(
    estimator: str, columns: dict[str, list[int]], message: str, parse: Parse
) -> None:
    with pytest.raises(TerminalError, match=message):
        train(parse, estimator, pa.table({**columns, "value": [1.0, 2.0, 4.0]}))


@pytest.mark.parametrize("estimator", ["ARIMA", "ARIMAWithSTLDecomposition WITH period=12"])
def test_a_trend_goes_on(estimator: str, parse: Parse) -> None:
    times = np.arange(144)
    noise = np.random.default_rng(1).normal(size=144)
    season = 0 if estimator == "ARIMA" else 30 * np.sin(times * np.pi / 6)
    rows = pa.table({"t": times, "value": 100 + 2 * times + season + 3 * noise})
    found = train(parse, estimator, rows.slice(0, 120)).predict(rows.slice(120)).to_numpy()
    assert np.abs(found - rows["value"].to_numpy()[120:]).mean() < 5


def test_a_series_without_differences_keeps_its_level(parse: Parse) -> None:
    noise = np.random.default_rng(1).normal(size=100)
    rows = pa.table({"t": range(100), "value": 250 + noise})
    model = train(parse, "ARIMA WITH order=[1, 0, 0]", rows)
    assert model.predict(pa.table({"t": [400]})).to_numpy()[0] == pytest.approx(250, abs=1)


def test_the_latest_times_of_a_series_validate(parse: Parse) -> None:
    days = pa.array(np.datetime64("2024-02-20") + np.arange(50))
    rows = pa.table({"day": days, "value": np.arange(50) * 2.0})
    model = train(
        parse,
        "ARIMA WITH order=[0, 1, 0], validation.split_by=day, validation.split=0.2",
        rows,
    )
    assert model.manifest.features.columns == ("day",)
    assert (model.manifest.rows, model.manifest.validation_rows) == (40, 10)
    assert model.manifest.metrics["validation"].values["r2_score"] > 0.99
