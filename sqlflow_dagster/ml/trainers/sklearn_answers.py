"""What a fitted estimator of scikit-learn says of rows, in the shapes of the tasks.

Estimators without probabilities get some all the same: from the distances to the boundaries between
classes where they tell them, by a logistic function or a softmax; else 1 for the class that they
predict. They rank classes rightly, but are not calibrated.
"""

from typing import Any, assert_never

import numpy as np

from sqlflow_dagster.ml.tasks import FloatArray, Task

_LINEAR = ("sklearn.linear_model.", "sklearn.svm._classes", "sklearn.discriminant_analysis")


def answers(estimator: Any, matrix: Any, task: Task, width: int) -> FloatArray:
    """A prediction for each row.

    Args:
        estimator: Fitted.
        matrix: ``n`` rows, as the estimator wants them.
        task: What it does.
        width: How many classes or amounts there are; 0 where the task has none.
    """
    match task:
        case Task.CLASSIFICATION:
            return _probabilities(estimator, matrix, width)
        case Task.MULTILABEL:
            return _label_probabilities(estimator, matrix, width)
        case Task.REGRESSION | Task.RANKING:
            found = np.asarray(estimator.predict(matrix), dtype=np.float64)
            return found.reshape(len(matrix), width) if width else found.reshape(-1)
        case Task.CLUSTERING:
            if hasattr(estimator, "predict"):
                return np.asarray(estimator.predict(matrix), dtype=np.float64)
            return _nearest_core(estimator, matrix)
        case Task.OUTLIER_DETECTION:
            return np.asarray(estimator.decision_function(matrix), dtype=np.float64).reshape(-1)
        case Task.DECOMPOSITION:
            return _components(estimator, matrix)
        case _:
            assert_never(task)


def linear_terms(estimator: Any, slots: int) -> tuple[FloatArray, FloatArray] | None:
    """The coefficients, shape (outputs, slots), and intercepts, shape (outputs,), of raw predictions.

    None of an estimator that is not linear in what it is given.
    """
    coefficients = getattr(estimator, "coef_", None)
    if coefficients is None or not type(estimator).__module__.startswith(_LINEAR):
        return None
    coefficients = np.atleast_2d(np.asarray(coefficients, dtype=np.float64))
    intercepts = np.asarray(getattr(estimator, "intercept_", 0.0), dtype=np.float64).reshape(-1)
    if coefficients.shape[1] != slots or len(intercepts) not in (1, len(coefficients)):
        return None
    # One coefficient a pair of classes says nothing of the classes.
    if type(estimator).__name__ in ("SVC", "NuSVC") and len(coefficients) > 1:
        return None
    return coefficients, np.broadcast_to(intercepts, (len(coefficients),))


def _probabilities(estimator: Any, matrix: Any, width: int) -> FloatArray:
    classes = getattr(estimator, "classes_", np.arange(width))
    found = np.zeros((len(matrix), width))
    places = np.asarray(classes).astype(np.int64)
    if hasattr(estimator, "predict_proba"):
        found[:, places] = estimator.predict_proba(matrix)
        return found
    if hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(matrix), dtype=np.float64)
        if scores.ndim == 1:
            scores = np.stack([-scores / 2, scores / 2], axis=1)
        if scores.shape[1] == len(places):
            powers = np.exp(scores - scores.max(axis=1, keepdims=True))
            found[:, places] = powers / powers.sum(axis=1, keepdims=True)
            return found
    predicted = np.asarray(estimator.predict(matrix)).astype(np.int64)
    found[np.arange(len(matrix)), predicted] = 1.0
    return found


def _label_probabilities(estimator: Any, matrix: Any, width: int) -> FloatArray:
    if not hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict(matrix), dtype=np.float64).reshape(-1, width)
    found = estimator.predict_proba(matrix)
    if not isinstance(found, list):
        return np.asarray(found, dtype=np.float64)
    # One array a label, with a column for 0 and one for 1, if training rows had both.
    classes = estimator.classes_
    columns = [
        part[:, list(known).index(1)] if 1 in known else np.zeros(len(matrix))
        for part, known in zip(found, classes, strict=True)
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _components(estimator: Any, matrix: Any) -> FloatArray:
    """What a transformer makes of rows; else the log-density or the Mahalanobis distance."""
    for name in ("transform", "score_samples", "mahalanobis"):
        if hasattr(estimator, name):
            found = getattr(estimator, name)(matrix)
            break
    else:
        raise ValueError("it tells nothing of rows")
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    return np.asarray(dense, dtype=np.float64).reshape(len(matrix), -1)


def _nearest_core(estimator: Any, matrix: Any) -> FloatArray:
    """The cluster of the nearest core row within reach, as DBSCAN defines it; -1 without one."""
    from sklearn.neighbors import NearestNeighbors

    found = np.full(len(matrix), -1.0)
    if not len(estimator.components_):
        return found
    search = NearestNeighbors(
        n_neighbors=1,
        metric=estimator.metric,
        metric_params=estimator.metric_params,
        p=2 if estimator.p is None else estimator.p,
    )
    distances, nearest = search.fit(estimator.components_).kneighbors(matrix)
    within = distances[:, 0] <= estimator.eps
    clusters = estimator.labels_[estimator.core_sample_indices_]
    found[within] = clusters[nearest[within, 0]]
    return found
