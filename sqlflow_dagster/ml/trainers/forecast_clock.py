"""Times of a series as whole numbers of its steps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.feature import ColumnType
from sqlflow_dagster.ml.features.spec import EncodedTable, FeatureSpec
from sqlflow_dagster.ml.tasks import FloatArray

_SPARSE = 20
"""How many steps a row there may be: more, and the times have no step in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How times become places in a series.

    Attributes:
        column: Of the times.
        unit: ``months`` where the step is one or more months, ``hours`` of other dates and
            timestamps, ``numbers`` of a column of whole numbers, such as years.
        start: The first time, in units since 1970 or as the number it is.
        step: Units from one place to the next.
    """

    column: str
    unit: Literal["months", "hours", "numbers"]
    start: int
    step: int

    @classmethod
    def fit(cls, features: EncodedTable, spec: FeatureSpec, estimator: str) -> "Clock":
        """The clock of a series.

        Raises:
            TerminalError: There is another number of columns than one, two rows are of one time, or
                the times have no step in common.
        """
        column = _time_column(spec, estimator)
        if len(features) < 2:
            raise TerminalError(f"{estimator} wants a series of two rows or more")
        if spec.features[0].sources[0].type is not ColumnType.MOMENT:
            return cls._of(column, "numbers", _units(features, "numbers"))
        months = _units(features, "months")
        days = features.matrix[:, 0].astype(np.int64).astype("datetime64[D]")
        of_month = (days - days.astype("datetime64[M]")).astype(np.int64)
        next_days = days + np.timedelta64(1, "D")
        last = (next_days.astype("datetime64[M]") > days.astype("datetime64[M]")).all()
        if len(np.unique(months)) == len(months) and (last or len(set(of_month.tolist())) == 1):
            return cls._of(column, "months", months)
        return cls._of(column, "hours", _units(features, "hours"))

    @classmethod
    def _of(
        cls, column: str, unit: Literal["months", "hours", "numbers"], units: npt.NDArray[np.int64]
    ) -> "Clock":
        known = np.unique(units)
        if len(known) < len(units):
            raise TerminalError(
                f"{len(units) - len(known)} rows have a time in {column!r} that another row has",
                hint="a series has one row a time, to the hour: GROUP BY it in the SELECT",
            )
        step = int(np.gcd.reduce(np.diff(known)))
        clock = cls(column=column, unit=unit, start=int(known[0]), step=step)
        if (known[-1] - known[0]) // step > _SPARSE * len(known):
            raise TerminalError(
                f"the times in {column!r} are not regular: they have only a step of "
                f"{step} {unit} in common",
                hint="truncate them in the SELECT, to the day or the month",
            )
        return clock

    def places(self, features: EncodedTable) -> npt.NDArray[np.int64]:
        """The place of each row in the series, from 0; places before the series are negative.

        Raises:
            TerminalError: A time lies between two steps.
        """
        places, rest = np.divmod(_units(features, self.unit) - self.start, self.step)
        if rest.any():
            raise TerminalError(
                f"{np.count_nonzero(rest)} rows have a time in {self.column!r} between two steps "
                f"of the series, which are {self.step} {self.unit} long"
            )
        return places

    def to_json(self) -> dict[str, Any]:
        """The clock as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Clock":
        """A clock from what :meth:`to_json` gave."""
        return cls(**data)


def _time_column(spec: FeatureSpec, estimator: str) -> str:
    if len(spec.features) == 1 and spec.features[0].sources[0].type in (
        ColumnType.MOMENT,
        ColumnType.NUMBER,
    ):
        return spec.features[0].sources[0].column
    raise TerminalError(
        f"{estimator} forecasts from one column of times, but has: "
        f"{', '.join(item.name for item in spec.features)}",
        hint="select only the time and the label, or name the time by COLUMN and "
        "train.columns=listed",
    )


def _units(features: EncodedTable, unit: str) -> npt.NDArray[np.int64]:
    times: FloatArray = features.matrix.astype(np.float64)
    if np.isnan(times).any():
        raise TerminalError(
            f"{np.count_nonzero(np.isnan(times[:, 0]))} rows have no time",
            hint="leave rows out whose time is NULL",
        )
    first = times[:, 0]
    if unit == "numbers":
        if (first != np.floor(first)).any():
            raise TerminalError("times that are numbers must be whole, such as years")
        return first.astype(np.int64)
    days = first.astype(np.int64)
    if unit == "months":
        return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    names = [slot.name.rpartition(".")[2] for slot in features.slots]
    hours = times[:, names.index("hour")].astype(np.int64) if "hour" in names else 0
    return days * 24 + hours
