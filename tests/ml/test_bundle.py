"""Models as files: what is refused, and that nothing in them runs."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.models import archive
from sqlflow_dagster.ml.models.bundle import unpack
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.models.verification import verify
from sqlflow_dagster.ml.training.fingerprint import fingerprint
from sqlflow_dagster.ml.training.train import train_model

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


def with_label(members: Members, **parts: Any) -> bytes:
    """A bundle that says something else of its label."""
    model = json.loads(members["manifest.json"])["model"]
    return resealed(members, model={**model, "label": {**model["label"], **parts}})


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
        *(
            pytest.param(
                lambda m, dtype=dtype: with_label(m, dtype=dtype), "contradicts itself", id=dtype
            )
            for dtype in ("int7", "timestamp[us]", "decimal128(99, 0)")
        ),
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


def entry(members: Members, info: zipfile.ZipInfo) -> bytes:
    """The members, and one more that its entry describes."""
    data = io.BytesIO(zipped(members))
    with zipfile.ZipFile(data, "a") as target:
        target.writestr(info, b"/etc/passwd")
    return data.getvalue()


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def twice(members: Members) -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return entry(members, zipfile.ZipInfo("model/model.ubj"))


def with_rows(members: Members, rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return resealed({**members, "golden/rows.arrow": bytes(sink.getvalue())})


def with_wrong_offsets(members: Members) -> bytes:
    """Rows whose text begins and ends where other memory is."""
    offsets = pa.array([0, 1 << 40, 3], pa.int64()).buffers()[1]
    color = pa.Array.from_buffers(pa.large_string(), 2, [None, offsets, pa.py_buffer(b"red")])
    return with_rows(members, pa.table({"color": color}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(twice, "no member named 'model/model.ubj'", id="the same name twice"),
        pytest.param(
            lambda m: entry(m, with_mode("model/link", 0o120777)),
            "member 'model/link' of a model bundle is no plain file",
            id="symbolic link",
        ),
        pytest.param(
            lambda m: entry(m, with_mode("model/pipe", 0o010644)), "no plain file", id="pipe"
        ),
        pytest.param(lambda m: entry(m, zipfile.ZipInfo("model/")), "no member named", id="folder"),
        pytest.param(lambda m: entry(m, zipfile.ZipInfo("C:/x")), "no member named", id="drive"),
        pytest.param(
            lambda m: zipped({**m, "manifest.json": b"[" * 1_000_000}), "no model bundle", id="deep"
        ),
        pytest.param(
            lambda m: zipped({**m, "manifest.json": b" " * (64 * 1024**2 + 1)}),
            "manifest.json of the model bundle takes 67108865 bytes",
            id="huge JSON",
        ),
        pytest.param(
            lambda m: zipped({**m, "manifest.json": b"9" * 100_000}), "no model bundle", id="digits"
        ),
        pytest.param(
            lambda m: resealed({**m, "golden/rows.arrow": b""}), "no model bundle", id="no rows"
        ),
        pytest.param(with_wrong_offsets, "no model bundle", id="offsets out of bounds"),
        pytest.param(
            lambda m: with_rows(m, pa.table({"x": pa.nulls(10**9)})),
            "at most 1000 golden rows, not 1000000000",
            id="rows of no size",
        ),
    ],
)
def test_a_hostile_bundle_is_refused(
    change: Callable[[Members], bytes], message: str, members: Members
) -> None:
    with pytest.raises(TerminalError, match=message):
        unpack(change(members))


class Payload:
    """What pickle would run."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self._marker,)


@pytest.fixture(scope="module", params=["xgboost.gbtree", "DNNClassifier"])
def any_members(request: pytest.FixtureRequest, parse: Parse, people: pa.Table) -> Members:
    clause = f"TO TRAIN {request.param} LABEL bought INTO m"
    if request.param == "DNNClassifier":
        clause = f"TO TRAIN {request.param} WITH train.epoch=1 LABEL bought INTO m"
    bundle = train_model(statement=parse(clause), training=people).to_bundle()
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.torch
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_is_never_loaded(any_members: Members, tmp_path: Path, protocol: int) -> None:
    payload = pickle.dumps(Payload(str(tmp_path / "ran")), protocol)
    for name in any_members:
        seal = zipped if name == "manifest.json" else resealed
        with pytest.raises(TerminalError):
            Model.from_bundle(seal({**any_members, name: payload}))
    schema = pa.schema(
        [
            pa.field(
                "color",
                pa.int8(),
                metadata={
                    "ARROW:extension:name": "arrow.py_extension_type",
                    "ARROW:extension:metadata": payload,
                },
            ),
        ]
    )  # what made Arrow unpickle before version 14
    with pytest.raises(TerminalError):
        Model.from_bundle(with_rows(any_members, pa.table([[1]], schema)))
    assert not (tmp_path / "ran").exists()


def test_a_model_that_crashes_its_library_is_refused(members: Members) -> None:
    ubj = members["model/model.ubj"]
    start = ubj.index(b"left_children[$l#L") + len("left_children[$l#L") + 8
    tampered = ubj[:start] + (1 << 28).to_bytes(4, "big") + ubj[start + 4 :]
    with pytest.raises(TerminalError, match=r"crashed on the model|no XGBoost model"):
        verify(resealed({**members, "model/model.ubj": tampered}))


def test_a_bundle_is_verified_in_a_process_of_its_own(members: Members) -> None:
    answers = json.dumps([[0.5, 0.5]] * 20).encode()
    with pytest.raises(TerminalError, match="answers differently") as caught:
        verify(resealed({**members, "golden/answers.json": answers}))
    assert "train the model again" in str(caught.value.hint)


def test_a_zip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SMALL_BYTES", 1024)
    bomb = zipped({"manifest.json": b"{}", "model/zeros": bytes(10 * 1024**2)})
    with pytest.raises(TerminalError, match=f"takes more than {100 * len(bomb)} bytes, unpacked"):
        unpack(bomb)


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
