"""``ARIMA`` and ``ARIMAWithSTLDecomposition``: forecasts of one series, by statsmodels.

The one column is a time, the label the value. A prediction is the forecast for the row's time, and
what the model made of a time that the series has. The decomposition takes a repeating season off
first (Cleveland et al., 1990, "STL: A Seasonal-Trend Decomposition Procedure Based on Loess"), once
for each period, and adds its last cycle to the forecast.
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import Declaration, find, read, value_span
from sqlflow_dagster.ml.base import Contributions, Plan, TrainedModel, TrainRequest
from sqlflow_dagster.ml.features.spec import EncodedTable, Layout
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task
from sqlflow_dagster.ml.trainers.forecast_clock import Clock

_DECLARATIONS = (
    Declaration(name="model.order", kind="ints", default=(1, 1, 1), minimum=0),
    Declaration(name="model.seasonal_order", kind="ints", minimum=0),
    Declaration(name="model.period", kind="any"),
    # The rows of PREDICT say which times are forecast; columns have types, not formats.
    Declaration(name="model.forecast_start", kind="any"),
    Declaration(name="model.forecast_end", kind="any"),
    Declaration(name="model.date_format", kind="any"),
)
_MODEL = "series.json"
_AIRLINE = (0, 1, 1)
_MOST_AHEAD = 100_000
_ENOUGH_DIFFERENCES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What a statement says.

    Attributes:
        order: Of the autoregression, the differences, the moving average.
        seasonal: The same of the season, and its length; all 0 for none.
        periods: The lengths of the seasons that are taken off before; none without decomposition.
    """

    order: tuple[int, ...]
    seasonal: tuple[int, ...]
    periods: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastModel:
    """A fitted series.

    Attributes:
        clock: The places of times in it.
        series: Its values without the seasons, NaN where a time is missing.
        seasons: Of each decomposed period, the values that were taken off, as long as the series.
        settings: The orders.
        coefficients: Fitted.
        fitted: What the model makes of the series' own times.
        library: statsmodels' version at training.
    """

    clock: Clock
    series: FloatArray
    seasons: tuple[FloatArray, ...]
    settings: _Settings
    coefficients: FloatArray
    fitted: FloatArray
    library: Mapping[str, str]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The orders, and how long a step is."""
        return {
            "order": list(self.settings.order),
            "seasonal_order": list(self.settings.seasonal),
            "period": list(self.settings.periods),
            "step": f"{self.clock.step} {self.clock.unit}",
            "series_length": len(self.series),
        }

    @property
    def history(self) -> Mapping[str, list[float]]:
        """There are no rounds."""
        return {}

    def predict(self, features: EncodedTable) -> FloatArray:
        """The value at each row's time."""
        places = self.clock.places(features)
        ahead = int(places.max(initial=0)) + 1 - len(self.series)
        if places.min(initial=0) < 0 or ahead > _MOST_AHEAD:
            raise TerminalError(
                f"the forecast is asked for times before the series or more than {_MOST_AHEAD} "
                f"steps after it, which has {len(self.series)} steps of "
                f"{self.clock.step} {self.clock.unit}"
            )
        values = self.fitted
        if ahead > 0:
            values = np.concatenate([values, self._forecast(ahead)])
        return np.asarray(values[places])

    def _forecast(self, steps: int) -> FloatArray:
        with _quiet():
            found = _state_space(self.series, self.settings).smooth(self.coefficients)
            values: FloatArray = np.asarray(found.forecast(steps))
        for season, period in zip(self.seasons, self.settings.periods, strict=True):
            values = values + np.resize(season[-period:], steps)
        return values

    def contributions(self, features: EncodedTable) -> Contributions | None:
        """None: there is one column only."""
        return None

    def files(self) -> dict[str, bytes]:
        """All of it as JSON."""
        info = {
            "clock": self.clock.to_json(),
            "series": [None if np.isnan(value) else value for value in self.series.tolist()],
            "seasons": [season.tolist() for season in self.seasons],
            "order": self.settings.order,
            "seasonal": self.settings.seasonal,
            "periods": self.settings.periods,
            "coefficients": self.coefficients.tolist(),
            "fitted": self.fitted.tolist(),
            "library": dict(self.library),
        }
        return {_MODEL: json.dumps(info, allow_nan=False).encode()}


class ForecastTrainer:
    """Fits and loads series."""

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """A regression on time."""
        _check_installed(estimator)
        _settings(estimator, attributes)
        return Plan(task=Task.REGRESSION, layout=Layout.TREES, weighs=False)

    def train(self, request: TrainRequest) -> TrainedModel:
        """Take the seasons off, and fit the rest by maximum likelihood."""
        import statsmodels

        settings = _settings(request.estimator, request.attributes)
        features = request.training.features
        clock = Clock.fit(features, request.features, request.estimator)
        places = clock.places(features)
        values = np.full(int(places.max()) + 1, np.nan)
        values[places] = request.training.labels
        series, seasons = _decomposed(values, settings.periods)
        with _quiet():
            model = _state_space(series, settings)
            try:
                found = model.fit(disp=False)
            except (ValueError, np.linalg.LinAlgError) as error:
                raise TerminalError(f"{request.estimator} refuses the series: {error}") from error
        fitted = np.asarray(found.fittedvalues, dtype=np.float64)
        # A series that is differenced says nothing of its first values.
        first = min(model.loglikelihood_burn, len(series))
        fitted[:first] = np.where(np.isnan(series[:first]), fitted[:first], series[:first])
        note = f"log-likelihood {found.llf:.6g}"
        request.progress(1, 1, note if found.mle_retvals["converged"] else f"{note}, not converged")
        return ForecastModel(
            clock=clock,
            series=series,
            seasons=seasons,
            settings=settings,
            coefficients=np.asarray(found.params, dtype=np.float64),
            fitted=fitted + np.sum(seasons, axis=0) if seasons else fitted,
            library={"statsmodels": statsmodels.__version__},
        )

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """A series with its coefficients; nothing is fitted again."""
        _check_installed("ARIMA")
        try:
            info = json.loads(files[_MODEL])
            return ForecastModel(
                clock=Clock.from_json(info["clock"]),
                series=np.array(info["series"], dtype=np.float64),
                seasons=tuple(np.array(item, dtype=np.float64) for item in info["seasons"]),
                settings=_Settings(
                    order=tuple(info["order"]),
                    seasonal=tuple(info["seasonal"]),
                    periods=tuple(info["periods"]),
                ),
                coefficients=np.array(info["coefficients"], dtype=np.float64),
                fitted=np.array(info["fitted"], dtype=np.float64),
                library=info["library"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise TerminalError(f"the files are no forecast: {error}") from error


def _check_installed(estimator: str) -> None:
    from importlib.util import find_spec

    if find_spec("statsmodels") is None:
        raise PluginError(
            f"{estimator} wants statsmodels, which is not installed",
            hint="pip install 'sqlflow-dagster[forecast]'",
        )


def _settings(estimator: str, attributes: Sequence[Attribute]) -> _Settings:
    values = read(attributes, _DECLARATIONS, estimator=estimator)
    decomposes = estimator.rpartition(".")[2].lower() == "arimawithstldecomposition"
    order, seasonal = values["model.order"], values["model.seasonal_order"]
    periods = _periods(values["model.period"], find(attributes, "model.period", "period"))
    for name, orders, count in (("order", order, 3), ("seasonal_order", seasonal, 4)):
        if orders is not None and len(orders) != count:
            raise TerminalError(
                f"{name} wants {count} whole numbers, but has {len(orders)}",
                value_span(find(attributes, name, f"model.{name}")),
            )
    if decomposes:
        if not periods:
            raise TerminalError(
                f"{estimator} wants to know how long a season is",
                hint="add period, such as 12 for months or [7, 365] for days",
            )
        return _Settings(order=order, seasonal=seasonal or (0, 0, 0, 0), periods=periods)
    if len(periods) > 1:
        raise TerminalError(
            f"{estimator} knows one period", hint="ARIMAWithSTLDecomposition knows several"
        )
    if seasonal is None:
        seasonal = (*_AIRLINE, *periods) if periods else (0, 0, 0, 0)
    return _Settings(order=order, seasonal=seasonal, periods=())


def _periods(value: Any, attribute: Attribute | None) -> tuple[int, ...]:
    items = () if value is None else value if isinstance(value, tuple) else (value,)
    if any(isinstance(item, bool) or not isinstance(item, int) or item < 2 for item in items):
        raise TerminalError(
            f"period wants whole numbers from 2, but is {value!r}", value_span(attribute)
        )
    return tuple(sorted(items))


def _decomposed(
    values: FloatArray, periods: Sequence[int]
) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """The series without its seasons, and the seasons."""
    from statsmodels.tsa.seasonal import STL

    seasons: list[FloatArray] = []
    for period in periods:
        if len(values) < 2 * period:
            raise TerminalError(
                f"a season of {period} steps wants {2 * period} steps or more, "
                f"but the series has {len(values)}"
            )
        known = np.flatnonzero(~np.isnan(values))
        whole = np.interp(np.arange(len(values)), known, values[known])
        season = np.asarray(STL(whole, period=period, robust=True).fit().seasonal)
        seasons.append(season)
        values = values - season
    return values, tuple(seasons)


def _state_space(series: FloatArray, settings: _Settings) -> Any:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    # Without a constant, a series that is not differenced falls to zero, and one that is has no drift.
    differences = settings.order[1] + settings.seasonal[1]
    trend = "c" if differences < _ENOUGH_DIFFERENCES else "n"
    try:
        return SARIMAX(series, order=settings.order, seasonal_order=settings.seasonal, trend=trend)
    except ValueError as error:
        raise TerminalError(f"the orders cannot be: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """A block in which the library's advice about starting values and convergence is not shown."""
    from statsmodels.tools.sm_exceptions import ModelWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        for words in ("Non-", "Too few observations"):
            warnings.filterwarnings("ignore", words, UserWarning)
        yield


trainer = ForecastTrainer()
