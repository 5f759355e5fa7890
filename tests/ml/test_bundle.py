"""Models as files: what is refused, and that nothing in them runs."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.bundle import unpack
from sqlflow_dagster.ml.manifest import Manifest, fingerprint
from sqlflow_dagster.ml.model import Model
from sqlflow_dagster.ml.training import train_model

Parse: TypeAlias = Callable[[str], TrainStatement]
Members: TypeAlias = dict[str, bytes]
CLAUSE = "TO TRAIN xgboost.gbtree LABEL bought INTO m"


@pytest.fixture(scope="module")
def model(parse: Parse, people: pa.Table) -> Model:
    return train_model(statement=parse(CLAUSE), training=people)


@pytest.fixture(scope="module")
def members(model: Model) -> Members:
    with zipfile.ZipFile(io.BytesIO(model.to_bundle())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Members) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def resealed(members: Members, **head: Any) -> bytes:
    """A bundle whose hashes are those of its changed members."""
    manifest = json.loads(members["manifest.json"])
    manifest["sha256"] = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in members.items()
        if name != "manifest.json"
    }
    return zipped({**members, "manifest.json": json.dumps({**manifest, **head}).encode()})


def test_a_model_comes_back_as_it_was(model: Model, people: pa.Table) -> None:
    again = Model.from_bundle(model.to_bundle())
    assert again.manifest == model.manifest
    assert again.predict(people).equals(model.predict(people))
    assert again.explain(people).rows.equals(model.explain(people).rows)
    assert again.to_bundle() == model.to_bundle()


def test_the_manifest_is_strict_json(model: Model) -> None:
    metrics = replace(model.manifest.metrics["training"], values={"auc": float("nan")})
    manifest = replace(model.manifest, metrics={"training": metrics})
    text = json.dumps(manifest.to_json(), allow_nan=False)
    assert json.loads(text)["metrics"]["training"]["values"] == {"auc": None}
    again = Manifest.from_json(json.loads(text))
    assert str(again.metrics["training"].values["auc"]) == "nan"


def test_golden_rows_come_from_the_whole_table(model: Model, members: Members) -> None:
    rows = pa.ipc.open_stream(members["golden/rows.arrow"]).read_all()
    assert rows.num_rows == 20
    assert rows.column_names == ["color", "age", "member", "born", "price"]
    assert len(json.loads(members["golden/answers.json"])) == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda m: zipped({**m, "../evil": b""}), "no member named '../evil'", id="path upwards"
        ),
        pytest.param(
            lambda m: zipped({**m, "/etc/evil": b""}), "no member named '/etc/evil'", id="absolute"
        ),
        pytest.param(
            lambda m: zipped({**m, "a\\evil": b""}), r"no member named 'a\\\\evil'", id="backslash"
        ),
        pytest.param(
            lambda m: zipped({**m, "model/more": b""}),
            "damaged or changed: model/more",
            id="another member",
        ),
        pytest.param(
            lambda m: zipped({**m, "model/model.ubj": b"{}"}),
            "damaged or changed: model/model.ubj",
            id="changed model",
        ),
        pytest.param(
            lambda m: zipped({n: c for n, c in m.items() if n != "golden/answers.json"}),
            "damaged or changed: golden/answers.json",
            id="missing member",
        ),
        pytest.param(
            lambda m: zipped({f"model/{index}": b"" for index in range(65)}),
            "at most 64 members, not 65",
            id="many members",
        ),
        pytest.param(
            lambda m: resealed(m, format_version=2),
            "has format 2, but this version of sqlflow-dagster reads format 1",
            id="later format",
        ),
        pytest.param(
            lambda m: resealed({**m, "model/model.ubj": b"{}"}), "no XGBoost model", id="no booster"
        ),
        pytest.param(lambda m: resealed(m, model={}), "no model bundle", id="empty manifest"),
        pytest.param(lambda m: zipped(m)[:-30], "no model bundle", id="cut off"),
        pytest.param(lambda m: b"pickle", "no model bundle", id="no zip"),
        pytest.param(
            lambda m: resealed(
                {**m, "golden/answers.json": json.dumps([[0.5, 0.5]] * 20).encode()}
            ),
            "answers differently than when it was trained with xgboost .*; here are xgboost",
            id="other answers",
        ),
    ],
)
def test_a_bundle_that_cannot_be_trusted_is_refused(
    change: Callable[[Members], bytes], message: str, members: Members
) -> None:
    with pytest.raises(TerminalError, match=message):
        Model.from_bundle(change(members))


def test_a_bundle_that_unpacks_to_too_much_is_refused(members: Members) -> None:
    bomb = resealed({**members, "model/zeros": bytes(1_000_000)})
    with pytest.raises(TerminalError, match="takes more than 500000 bytes"):
        unpack(bomb, max_bytes=500_000)


def test_a_damaged_byte_is_always_noticed(model: Model) -> None:
    data = model.to_bundle()
    for place in range(0, len(data), max(1, len(data) // 60)):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        try:
            again = Model.from_bundle(bytes(damaged))
        except TerminalError:
            continue
        assert again.manifest == model.manifest  # a byte of the archive that carries no content


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param({"a": [1, 2], "b": ["x", None]}, True, id="equal"),
        pytest.param(
            {"a": pa.chunked_array([[1], [2]]), "b": pa.array(["x", None]).dictionary_encode()},
            True,
            id="in chunks and as a dictionary",
        ),
        pytest.param({"a": [2, 1], "b": ["x", None]}, False, id="order"),
        pytest.param({"a": [1, 2], "b": ["x", ""]}, False, id="empty text for NULL"),
        pytest.param({"a": [1, 2], "c": ["x", None]}, False, id="name"),
        pytest.param({"a": [1.0, 2.0], "b": ["x", None]}, False, id="type"),
    ],
)
def test_a_fingerprint_is_that_of_the_values(other: dict[str, Any], same: bool) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    assert (fingerprint(table) == fingerprint(pa.table(other))) is same


def test_a_fingerprint_takes_every_type(people: pa.Table) -> None:
    odd = people.slice(0, 2).append_column("list", pa.array([[1], None]))
    assert fingerprint(odd) == fingerprint(odd.take(pa.array([0, 1])))
