"""WITH clauses of the estimators: what they accept, and where a wrong one points."""

from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.attributes import RESERVED_PREFIXES, WITHOUT_EFFECT
from sqlflow_dagster.ml.training.preparation import check_statement
from sqlflow_dagster.ml.training.train import train_model

Parse: TypeAlias = Callable[[str], TrainStatement]
COLUMNS = [("x", pa.float64()), ("y", pa.float64()), ("name", pa.string())]
torch = pytest.mark.torch


def check(parse: Parse, estimator: str, attributes: str, label: str = "y") -> None:
    clause = f"TO TRAIN {estimator} WITH {attributes} LABEL {label} INTO m"
    check_statement(parse(clause), COLUMNS)


@pytest.mark.parametrize(
    ("estimator", "attributes"),
    [
        pytest.param("xgboost.gbtree", "eta=0.3, max_depth=4, reg_lambda=2", id="plain"),
        pytest.param("xgboost.gbtree", "model.eta=0.3, xgboost.subsample=0.5", id="prefixed"),
        pytest.param("xgboost.gbtree", "n_estimators=5", id="the name of scikit-learn"),
        pytest.param(
            "xgboost.gbtree",
            'num_boost_round=5, early_stopping_rounds=2, validation.select="SELECT 1"',
            id="without train.",
        ),
        pytest.param("xgboost.gbtree", 'objective="multi:softprob", n_class=3', id="n_class"),
        pytest.param("xgboost.gbtree", 'objective="multi:softprob", N_Classes=3', id="n_classes"),
        pytest.param("XGBoost.GBTree", 'objective="count:poisson"', id="another case"),
        pytest.param("xgboost.gbtree", "objective=reg:squarederror", id="unquoted objective"),
        pytest.param("xgboost.gbtree", 'eval_metric="mae,rmse"', id="two metrics"),
        pytest.param("xgboost.gbtree", "monotone_constraints=[1, 0]", id="constraints"),
        pytest.param("xgboost.dart", "rate_drop=0.1, one_drop=true", id="dart"),
        pytest.param("xgboost.gblinear", "feature_selector=shuffle", id="gblinear"),
        pytest.param(
            "DNNRegressor",
            "hidden_units=[], model.optimizer=sgd, optimizer.momentum=0.9",
            marks=torch,
            id="linear network",
        ),
        pytest.param(
            "DNNClassifier",
            "n_classes=3, optimizer.learning_rate=0.1, optimizer.beta_1=0.8, model.dropout=0.5",
            marks=torch,
            id="network",
        ),
        pytest.param(
            "DNNClassifier",
            "n_class=3, Hidden_Units=[3], batch_norm=true, batch_size=8, epoch=2, max_steps=9",
            marks=torch,
            id="without model. and train.",
        ),
        *(
            pytest.param(estimator, ", ".join(f"{name}=1" for name in WITHOUT_EFFECT), marks=marks)
            for estimator, marks in (("xgboost.gbtree", ()), ("DNNRegressor", torch))
        ),
        *(
            pytest.param("xgboost.gbtree", f"{prefix.rstrip('.')}.x=1", id=prefix)
            for prefix in RESERVED_PREFIXES
        ),
    ],
)
def test_attributes_that_are_known_are_accepted(
    estimator: str, attributes: str, parse: Parse
) -> None:
    check(parse, estimator, attributes)


@pytest.mark.parametrize(
    ("estimator", "attributes", "place", "message", "hint"),
    [
        pytest.param(
            "xgboost.gbtree",
            "max_dept=3",
            "max_dept",
            "xgboost.gbtree has no attribute 'max_dept'",
            "did you mean 'max_depth'",
            id="typo in a parameter",
        ),
        pytest.param(
            "xgboost.gbtree",
            "train.num_boost_rounds=3",
            "train.num_boost_rounds",
            "xgboost.gbtree has no attribute 'train.num_boost_rounds'",
            "did you mean 'train.num_boost_round'",
            id="typo in an attribute",
        ),
        pytest.param(
            "xgboost.gbtree",
            "feature_selector=cyclic",
            "feature_selector",
            "xgboost.gbtree with objective reg:squarederror does not use parameter feature_selector",
            "leave it out",
            id="parameter of another booster",
        ),
        pytest.param(
            "xgboost.gbtree",
            "eta=0.1, max_depth=deep",
            "deep",
            "XGBoost refuses: Invalid Parameter format for max_depth expect int but value='deep'",
            "",
            id="wrong type",
        ),
        pytest.param(
            "xgboost.gbtree",
            "subsample=2.5",
            "2.5",
            "XGBoost refuses: value 2.5 for Parameter subsample exceed bound [0,1]",
            "",
            id="out of bounds",
        ),
        pytest.param(
            "xgboost.gbtree",
            'objective="reg:squarederor"',
            '"reg:squarederor"',
            "unknown objective 'reg:squarederor'",
            "did you mean 'reg:squarederror'",
            id="typo in the objective",
        ),
        pytest.param(
            "xgboost.gbtree",
            'eval_metric="rsme"',
            '"rsme"',
            "XGBoost refuses: Unknown metric function rsme",
            "",
            id="typo in the evaluation metric",
        ),
        pytest.param(
            "xgboost.gbtree",
            'objective="survival:aft"',
            '"survival:aft"',
            "objective survival:aft is not supported: its label is the two ends of an interval",
            "survival:cox takes one time",
            id="an interval as label",
        ),
        pytest.param(
            "xgboost.gbtree",
            'objective="reg:squarederror", num_class=3',
            "num_class",
            "num_class is for classes, but objective reg:squarederror predicts numbers",
            "leave it out",
            id="classes of a regression",
        ),
        pytest.param(
            "xgboost.gbtree",
            'objective="reg:quantileerror", quantile_alpha=[0.1, 0.9]',
            "[",
            "quantile_alpha with 2 values is not supported",
            "train one model for each value",
            id="two quantiles",
        ),
        pytest.param(
            "xgboost.gblinear",
            'early_stopping_rounds=3, validation.select="SELECT 1"',
            "early_stopping_rounds",
            "xgboost.gblinear cannot stop early",
            "",
            id="no earlier rounds",
        ),
        pytest.param(
            "xgboost.gbtree",
            "booster=dart",
            "booster",
            "xgboost.gbtree says which booster is meant, but booster is 'dart'",
            "leave it out, or write TO TRAIN xgboost.dart",
            id="another booster",
        ),
        pytest.param(
            "xgboost.gbtree",
            "train.num_boost_round=0",
            "0",
            "attribute train.num_boost_round must be at least 1, but its value is 0",
            "",
            id="no rounds",
        ),
        pytest.param(
            "xgboost.gbtree",
            "eta=0.1, model.eta=0.2",
            "model.eta",
            "attribute eta is given twice",
            "keep one of them",
            id="given twice",
        ),
        pytest.param(
            "xgboost.gbtree",
            'objective="multi:softprob", n_class=3, num_class=3',
            "num_class",
            "attribute num_class is given twice",
            "keep one of them",
            id="two names of one parameter",
        ),
        pytest.param(
            "DNNRegressor",
            "epoch=3, train.epochs=3",
            "train.epochs",
            "attribute train.epoch is given twice",
            "keep one of them",
            marks=torch,
            id="two names of one attribute",
        ),
        pytest.param(
            "DNNRegressor",
            "learning_rate=0.1",
            "learning_rate",
            "DNNRegressor has no attribute 'learning_rate'",
            "did you mean 'optimizer.learning_rate'?",
            marks=torch,
            id="neither model. nor train.",
        ),
        pytest.param(
            "xgboost.gbtree",
            "train.columns=some",
            "some",
            "attribute train.columns has no choice 'some'",
            "known: all, listed",
            id="choice",
        ),
        pytest.param(
            "DNNRegressor",
            "model.hidden_unit=[10]",
            "model.hidden_unit",
            "DNNRegressor has no attribute 'model.hidden_unit'",
            "did you mean 'model.hidden_units'",
            marks=torch,
            id="typo of a network",
        ),
        pytest.param(
            "DNNRegressor",
            "model.n_classes=3",
            "model.n_classes",
            "DNNRegressor has no attribute 'model.n_classes': it predicts numbers",
            "leave it out, or take an estimator whose name ends with Classifier",
            marks=torch,
            id="classes of a regressor",
        ),
        pytest.param(
            "DNNRegressor",
            "hidden_units=10",
            "10",
            "attribute hidden_units wants a list of whole numbers, but its value is 10",
            "",
            marks=torch,
            id="no list",
        ),
        pytest.param(
            "DNNRegressor",
            "model.optimizer=Adamm",
            "Adamm",
            "attribute model.optimizer has no choice 'Adamm'",
            "did you mean 'Adam'",
            marks=torch,
            id="typo in the optimizer",
        ),
        pytest.param(
            "DNNRegressor",
            "model.optimizer=SGD, optimizer.beta_1=0.5",
            "optimizer.beta_1",
            "optimizer SGD has no option 'beta_1'",
            "known: ",
            marks=torch,
            id="option of another optimizer",
        ),
        pytest.param(
            "KNeighborsRegressor",
            "train.weight_column=x",
            "train.weight_column",
            "KNeighborsRegressor cannot weigh rows",
            "leave train.weight_column out",
            id="weights",
        ),
        pytest.param(
            "ARIMA",
            "train.class_weight=balanced",
            "train.class_weight",
            "ARIMA cannot weigh rows",
            "leave train.class_weight out",
            id="weights of classes",
        ),
        pytest.param(
            "DNNRegressor",
            "model.dropout=1.0",
            "1.0",
            "attribute model.dropout must be less than 1, but its value is 1.0",
            "",
            marks=torch,
            id="all dropped",
        ),
    ],
)
def test_attributes_that_cannot_work_are_refused_at_their_place(
    estimator: str, attributes: str, place: str, message: str, *, hint: str, parse: Parse
) -> None:
    with pytest.raises(TerminalError) as caught:
        check(parse, estimator, attributes)
    assert caught.value.message.startswith(message)
    assert caught.value.span is not None
    assert caught.value.span.text == place
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param('xgboost.gbtree WITH objective="reg:squarederror"', id="xgboost"),
        pytest.param("DNNRegressor WITH train.epoch=1", marks=torch, id="torch"),
    ],
)
def test_a_regression_on_text_is_refused(estimator: str, parse: Parse) -> None:
    with pytest.raises(TerminalError, match="predicts numbers here, but label 'name' is text"):
        check_statement(parse(f"TO TRAIN {estimator} LABEL name INTO m"), COLUMNS)


@pytest.mark.torch
def test_training_ends_after_the_steps_asked_for(parse: Parse) -> None:
    clause = "TO TRAIN DNNRegressor WITH train.max_steps=5, train.batch_size=2 LABEL y INTO m"
    rows = pa.table({"x": [1.0, 2.0, 3.0, 4.0, 5.0], "y": [1.0, 2.0, 3.0, 4.0, 5.0]})
    model = train_model(statement=parse(clause), training=rows)
    assert (
        len(model.manifest.history["train-loss"]) == 2
    )  # three steps in the first, two in the second


@pytest.mark.torch
def test_a_training_that_goes_astray_says_so(parse: Parse) -> None:
    clause = """TO TRAIN DNNRegressor WITH model.optimizer=SGD, optimizer.learning_rate=1e20
    LABEL y INTO m"""
    rows = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0, 5.0]})
    with pytest.raises(TerminalError, match="training went astray") as caught:
        train_model(statement=parse(clause), training=rows)
    assert caught.value.hint == "lower optimizer.learning_rate, or set train.clip_norm"


@pytest.mark.torch
@pytest.mark.parametrize("attributes", ["model.batch_norm=true", "model.activation_fn=tanh"])
def test_layers_may_be_chosen(
    attributes: str, parse: Parse, diabetes: tuple[pa.Table, pa.Table]
) -> None:
    clause = f"TO TRAIN DNNRegressor WITH {attributes}, train.batch_size=31 LABEL target INTO m"
    found = train_model(statement=parse(clause), training=diabetes[0]).manifest.metrics["training"]
    assert found.values["r2_score"] > 0.3
