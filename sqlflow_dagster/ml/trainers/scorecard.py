"""``ScoreCard``: points for bins of each column, as credit scoring has them.

Each column is cut into bins: numbers at quantiles, a category a bin, NULL a bin of its own. A bin's
weight of evidence is the logarithm of how much more frequent it is among rows of the second class
than among those of the first (Siddiqi, 2006, "Credit Risk Scorecards"). A logistic regression over
these weights gives every bin its points; the points of a row add up to its score.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import Declaration, read
from sqlflow_dagster.ml.base import Contributions, Dataset, Method, Plan, TrainedModel, TrainRequest
from sqlflow_dagster.ml.features.feature import Encoding, Feature
from sqlflow_dagster.ml.features.spec import EncodedTable, Layout
from sqlflow_dagster.ml.tasks import FloatArray, LabelType, Task

_DECLARATIONS = (
    Declaration(name="model.pf_bin_size", kind="int", default=5, minimum=2),
    Declaration(name="model.base_points", kind="float", default=600.0),
    Declaration(name="model.base_odds", kind="float", default=1.0, minimum=1e-6),
    Declaration(name="model.pdo", kind="float", default=20.0, minimum=1e-6),
)
_CARD = "scorecard.json"
_SMOOTHING = 0.5
"""Rows that every bin has of each class beyond those seen: a bin of one class has finite evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """The bins of one slot.

    Attributes:
        name: Of the slot.
        category: Whether the slot holds codes of categories, one a bin.
        edges: Of numbers: where a bin ends and the next begins, ascending.
        labels: What each bin is called; the last is NULL.
        evidence: The weight of each bin; a category that training did not know weighs nothing.
        rows: How many training rows each had.
        coefficient: What a unit of evidence adds to the log-odds.
        mean: The mean evidence of the training rows.
    """

    name: str
    category: bool
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    evidence: tuple[float, ...]
    rows: tuple[int, ...]
    coefficient: float = 0.0
    mean: float = 0.0

    def weigh(self, values: FloatArray) -> FloatArray:
        """The evidence of each value, shape (n,)."""
        places = places_of(values, self.edges, category=self.category, bins=len(self.evidence))
        # One place more, for what training did not know.
        return np.array([*self.evidence, 0.0])[places]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCardModel:
    """A score card.

    Attributes:
        bins: Of each slot.
        intercept: The log-odds of a row without evidence.
        parameters: In force, with the card itself.
        library: scikit-learn's version at training, which fitted the coefficients.
    """

    bins: tuple[Bins, ...]
    intercept: float
    parameters: Mapping[str, Any]
    library: Mapping[str, str]

    @property
    def history(self) -> Mapping[str, list[float]]:
        """There are no rounds."""
        return {}

    def predict(self, features: EncodedTable) -> FloatArray:
        """The probabilities of both classes."""
        odds = self._evidence(features) @ self._coefficients + self.intercept
        positive = np.exp(-np.logaddexp(0, -odds))
        return np.stack([1 - positive, positive], axis=1)

    def contributions(self, features: EncodedTable) -> Contributions:
        """Log-odds against the mean row; :math:`pdo / ln 2` times as many points."""
        means = np.array([item.mean for item in self.bins])
        values = (self._evidence(features) - means) * self._coefficients
        base = self.intercept + float(means @ self._coefficients)
        return Contributions(
            values=values[:, None, :],
            base_values=np.full((len(features), 1), base),
            method=Method.LINEAR,
        )

    @property
    def _coefficients(self) -> FloatArray:
        return np.array([item.coefficient for item in self.bins])

    def _evidence(self, features: EncodedTable) -> FloatArray:
        columns = [item.weigh(features.matrix[:, place]) for place, item in enumerate(self.bins)]
        return np.stack(columns, axis=1)

    def files(self) -> dict[str, bytes]:
        """The card as JSON."""
        info = {
            "bins": [asdict(item) for item in self.bins],
            "intercept": self.intercept,
            "parameters": dict(self.parameters),
            "library": dict(self.library),
        }
        return {_CARD: json.dumps(info, allow_nan=False).encode()}


class ScoreCardTrainer:
    """Makes and loads score cards."""

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """Two classes, whatever the type of the label."""
        read(attributes, _DECLARATIONS, estimator=estimator)
        return Plan(task=Task.CLASSIFICATION, layout=Layout.TREES)

    def train(self, request: TrainRequest) -> TrainedModel:
        """Bin every column, and fit a logistic regression over the evidence of the bins."""
        import sklearn
        from sklearn.linear_model import LogisticRegression

        if len(request.label.classes) != 2:
            raise TerminalError(
                f"{request.estimator} tells two classes apart, "
                f"but label {request.label.name!r} has {len(request.label.classes)}"
            )
        values = read(request.attributes, _DECLARATIONS, estimator=request.estimator)
        training = request.training
        cut = _all_bins(request, values["model.pf_bin_size"])
        evidence = np.stack(
            [item.weigh(training.features.matrix[:, place]) for place, item in enumerate(cut)],
            axis=1,
        )
        fitted = LogisticRegression(max_iter=1000)
        fitted.fit(evidence, training.labels, sample_weight=training.weights)
        parts = zip(cut, fitted.coef_[0], evidence.mean(axis=0), strict=True)
        bins = tuple(
            Bins(**{**asdict(item), "coefficient": float(coefficient), "mean": float(mean)})
            for item, coefficient, mean in parts
        )
        intercept = float(fitted.intercept_[0])
        request.progress(1, 1, f"{sum(len(item.labels) for item in bins)} bins")
        parameters = {name.removeprefix("model."): value for name, value in values.items()}
        return ScoreCardModel(
            bins=bins,
            intercept=intercept,
            parameters={**parameters, "card": _card(bins, intercept, parameters)},
            library={"sklearn": sklearn.__version__},
        )

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """A card from its JSON."""
        try:
            info = json.loads(files[_CARD])
            return ScoreCardModel(
                bins=tuple(_loaded(item) for item in info["bins"]),
                intercept=float(info["intercept"]),
                parameters=info["parameters"],
                library=info["library"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise TerminalError(f"the files are no score card: {error}") from error


def places_of(
    values: FloatArray, edges: Sequence[float], *, category: bool, bins: int
) -> npt.NDArray[np.int64]:
    """The bin of each value: the last for NULL, one beyond it for an unknown category."""
    null = np.isnan(values)
    if category:
        places = np.where(null, 0, values).astype(np.int64)
        places = np.where(places < bins - 1, places, bins)
    else:
        places = np.searchsorted(np.asarray(edges), values, side="right")
    return np.where(null, bins - 1, places)


def _all_bins(request: TrainRequest, count: int) -> list[Bins]:
    matrix = request.training.features.matrix
    features = [item for item in request.features.features for _ in item.slots]
    slots = request.features.slots
    found = []
    for place, (feature, slot) in enumerate(zip(features, slots, strict=True)):
        values = matrix[:, place].astype(np.float64)
        category = feature.encoding is Encoding.CODE
        edges = () if category else _edges(values, count)
        labels = _category_labels(feature) if category else _number_labels(edges)
        places = places_of(values, edges, category=category, bins=len(labels))
        evidence, rows = _evidence(places, len(labels), request.training)
        found.append(
            Bins(
                name=slot.name,
                category=category,
                edges=edges,
                labels=labels,
                evidence=evidence,
                rows=rows,
            )
        )
    return found


def _edges(values: FloatArray, count: int) -> tuple[float, ...]:
    """At most ``count - 1`` quantiles, so that no bin is empty."""
    known = values[~np.isnan(values)]
    if not len(known):
        return ()
    edges = np.unique(np.quantile(known, np.arange(1, count) / count))
    return tuple(edges[(edges > known.min()) & (edges <= known.max())].tolist())


def _evidence(
    places: npt.NDArray[np.int64], count: int, data: Dataset
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    weights = np.ones(len(places)) if data.weights is None else data.weights
    shares = []
    for class_ in (0, 1):
        chosen = data.labels == class_
        counts = np.bincount(places[chosen], weights[chosen], minlength=count + 1)[:count]
        smooth = counts + _SMOOTHING
        shares.append(smooth / smooth.sum())
    rows = np.bincount(places, minlength=count + 1)[:count]
    evidence = np.where(rows > 0, np.log(shares[1] / shares[0]), 0.0)
    return tuple(evidence.tolist()), tuple(rows.tolist())


def _number_labels(edges: Sequence[float]) -> tuple[str, ...]:
    if not edges:
        return ("any", "NULL")
    ends = [f"{edge:.6g}" for edge in edges]
    between = [f"[{low}, {high})" for low, high in pairwise(ends)]
    return (f"< {ends[0]}", *between, f">= {ends[-1]}", "NULL")


def _category_labels(feature: Feature) -> tuple[str, ...]:
    if feature.cross_size:
        return (*(f"#{place}" for place in range(feature.cross_size)), "NULL")
    return (*(name.removeprefix("=") for name in feature.ids[0].names()), "NULL")


def _card(
    bins: Sequence[Bins], intercept: float, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The points of every bin that training rows were in, after those that every row has."""
    factor = parameters["pdo"] / math.log(2)
    offset = parameters["base_points"] - factor * math.log(parameters["base_odds"])
    start: dict[str, Any] = {"column": "", "bin": "every row", "rows": None}
    card = [{**start, "evidence": 0.0, "points": offset + factor * intercept}]
    for item in bins:
        card += [
            {
                "column": item.name,
                "bin": label,
                "rows": rows,
                "evidence": evidence,
                "points": factor * item.coefficient * evidence,
            }
            for label, evidence, rows in zip(item.labels, item.evidence, item.rows, strict=True)
            if rows
        ]
    return card


def _loaded(data: Mapping[str, Any]) -> Bins:
    lists = ("edges", "labels", "evidence", "rows")
    return Bins(**{**data, **{name: tuple(data[name]) for name in lists}})


trainer = ScoreCardTrainer()
