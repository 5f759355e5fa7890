"""Models in tables of the data source itself: what reaches the data reaches the models.

Three tables, made by the first save: ``sqlflow_models`` (the accepted version of each name, and the last
number that was given), ``sqlflow_model_versions`` (what is known of each version) and ``sqlflow_model_chunks`` (its bytes in
pieces of 1 MiB, because servers bound the size of one value).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from sqlflow_dagster.engines.base import Engine, Session, open_engine
from sqlflow_dagster.engines.own_tables import EXACT_NAMES, ensure_table
from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.model_store.base import ModelVersion
from sqlflow_dagster.model_store.checks import (
    accepted_stays,
    check_bundle,
    check_name,
    to_json,
    unknown_model,
    unknown_version,
)

CHUNK_BYTES = 1 << 20
ATTEMPTS = 8

_METADATA = sa.MetaData()
# 255 characters are the most that MySQL takes into a primary key.
_NAME = sa.String(255)

_MODELS = sa.Table(
    "sqlflow_models",
    _METADATA,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("accepted_version", sa.Integer),
    sa.Column("latest_version", sa.Integer, nullable=False),
    **EXACT_NAMES,
)
_VERSIONS = sa.Table(
    "sqlflow_model_versions",
    _METADATA,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column(
        "metadata",
        sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"),
        nullable=False,
    ),
    **EXACT_NAMES,
)
_CHUNKS = sa.Table(
    "sqlflow_model_chunks",
    _METADATA,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "data",
        sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"),
        nullable=False,
    ),
    **EXACT_NAMES,
)


class DatabaseModelStore:
    """Versions of models in a database; see :class:`~sqlflow_dagster.model_store.base.ModelStore`.

    Every method opens a session of its own, which a thread that has one open on a DuckDB file
    cannot do.

    Args:
        engine: The data source.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, engine: Engine | None, location: str) -> Self:
        """The store in the data source, or in the database whose URL ``location`` is.

        Raises:
            TerminalError: The URL names no engine, or there is neither.
        """
        if location:
            engine = open_engine(location)
        if engine is not None and not engine.changes_rows:
            raise TerminalError(
                f"{engine.display_url} has no transactions, and cannot keep models",
                hint="write --model-store URI, such as a directory or s3://bucket/models",
            )
        if engine is None:
            raise TerminalError(
                "models are kept in the data source, and none is given",
                hint="write --datasource URL, or --model-store URI for another place",
            )
        return cls(engine)

    @property
    def location(self) -> str:
        """The URL of the database, without its password."""
        return self._engine.display_url

    def save(
        self, name: str, bundle: bytes, metadata: Mapping[str, Any], *, accept: bool = True
    ) -> ModelVersion:
        """Store a bundle as the next version of ``name``, whole or not at all.

        Raises:
            TerminalError: The name is empty or too long, or the metadata are no JSON values.
            StepError: Others kept saving the same model.
        """
        check_name(name)
        text = to_json(name, metadata)
        saved = ModelVersion(
            name=name,
            version=0,
            # MySQL keeps whole seconds.
            created_at=datetime.now(UTC).replace(microsecond=0),
            accepted=accept,
            size=len(bundle),
            sha256=hashlib.sha256(bundle).hexdigest(),
            metadata=json.loads(text),
        )
        with self._engine.session() as session:
            _create_tables(session)
            for attempt in range(1, ATTEMPTS + 1):
                saved = replace(saved, version=_last_version(session, name) + 1)
                try:
                    with session.transaction():
                        _insert(session, saved, text, bundle)
                        _count(session, saved)
                except StepError:
                    # Each database has an error of its own for a number that another save took.
                    if attempt == ATTEMPTS or _last_version(session, name) < saved.version:
                        raise
                else:
                    break
        return saved

    def load(self, name: str, version: int | None = None) -> tuple[ModelVersion, bytes]:
        """A version and its bundle; without ``version``, the accepted one.

        Raises:
            TerminalError: There is no such model or version, or its bytes do not match their hash.
        """
        with self._engine.session() as session:
            found = _known_version(session, name, version)
            query = (
                sa.select(_CHUNKS.c.data)
                .where(_CHUNKS.c.name == name, _CHUNKS.c.version == found.version)
                .order_by(_CHUNKS.c.chunk)
            )
            bundle = b"".join(bytes(data) for data in session.connection.scalars(query))
        check_bundle(found, bundle)
        return found, bundle

    def find(self, name: str, version: int | None = None) -> ModelVersion | None:
        """A version without its bundle; None where there is none."""
        return _pick(self.versions(name), version)

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first."""
        with self._engine.session() as session:
            return _versions(session, name)

    def names(self) -> list[str]:
        """The models' names, sorted."""
        with self._engine.session() as session:
            return _names(session)

    def damage(self) -> list[str]:
        """What is wrong with versions whose metadata somebody has changed, a sentence for each.

        Such a version can be used: the manifest in its bundle counts.
        """
        with self._engine.session() as session:
            if _is_new(session):
                return []
            rows = session.connection.execute(sa.select(_VERSIONS))
            return sorted(
                f"the metadata of model {row.name!r} version {row.version} in {self.location} are no JSON object"
                for row in rows
                if _metadata(row.metadata) is None
            )

    def accept(self, name: str, version: int) -> None:
        """Let ``USING name`` read this version from now on.

        Raises:
            TerminalError: There is no such model or version.
        """
        with self._engine.session() as session, session.transaction():
            _known_version(session, name, version)
            of_name = _MODELS.c.name == name
            session.connection.execute(
                _MODELS.update().where(of_name).values(accepted_version=version)
            )

    def delete(self, name: str, version: int | None = None) -> None:
        """Remove a version of a model; without ``version``, the model.

        Raises:
            TerminalError: There is no such model or version, or the version is the accepted one.
        """
        with self._engine.session() as session, session.transaction():
            if not _versions(session, name):
                raise unknown_model(name, _names(session))
            if version is None:
                for table in _TABLES:
                    session.connection.execute(table.delete().where(table.c.name == name))
                return
            if _known_version(session, name, version).accepted:
                raise accepted_stays(name, version)
            for table in (_CHUNKS, _VERSIONS):
                of_version = (table.c.name == name) & (table.c.version == version)
                session.connection.execute(table.delete().where(of_version))


_TABLES = (_MODELS, _CHUNKS, _VERSIONS)


def _create_tables(session: Session) -> None:
    for table in _TABLES:
        ensure_table(session, table)


def _is_new(session: Session) -> bool:
    """Whether no model was ever saved: the table that is made last is missing."""
    return session.relation_kind((_TABLES[-1].name,)) is None


def _names(session: Session) -> list[str]:
    if _is_new(session):
        return []
    # Sorted here: databases disagree about the order of letters.
    return sorted(session.connection.scalars(sa.select(_MODELS.c.name)))


def _versions(session: Session, name: str) -> list[ModelVersion]:
    if _is_new(session):
        return []
    query = (
        sa.select(_VERSIONS, _MODELS.c.accepted_version)
        .join(_MODELS, _MODELS.c.name == _VERSIONS.c.name)
        .where(_VERSIONS.c.name == name)
        .order_by(_VERSIONS.c.version)
    )
    return [
        ModelVersion(
            name=row.name,
            version=row.version,
            created_at=row.created_at.replace(tzinfo=UTC),
            accepted=row.version == row.accepted_version,
            size=row.size,
            sha256=row.sha256,
            metadata=_metadata(row.metadata) or {},  # damage() tells of it
        )
        for row in session.connection.execute(query)
    ]


def _metadata(text: str) -> dict[str, Any] | None:
    """The metadata of a version; None where they cannot be read."""
    try:
        found = json.loads(text)
    except (RecursionError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _pick(versions: Iterable[ModelVersion], version: int | None) -> ModelVersion | None:
    """The version of a number; without a number, the accepted one."""
    for item in versions:
        if item.version == version or (version is None and item.accepted):
            return item
    return None


def _known_version(session: Session, name: str, version: int | None) -> ModelVersion:
    versions = _versions(session, name)
    if not versions:
        raise unknown_model(name, _names(session))
    found = _pick(versions, version)
    if found is None:
        raise unknown_version(name, version, [item.version for item in versions])
    return found


def _last_version(session: Session, name: str) -> int:
    query = sa.select(_MODELS.c.latest_version).where(_MODELS.c.name == name)
    return session.connection.scalar(query) or 0


def _insert(session: Session, saved: ModelVersion, metadata: str, bundle: bytes) -> None:
    key = {"name": saved.name, "version": saved.version}
    session.connection.execute(
        _VERSIONS.insert().values(
            **key,
            created_at=saved.created_at.replace(tzinfo=None),
            size=saved.size,
            sha256=saved.sha256,
            metadata=metadata,
        )
    )
    for chunk, start in enumerate(range(0, len(bundle), CHUNK_BYTES)):
        data = bundle[start : start + CHUNK_BYTES]
        session.connection.execute(_CHUNKS.insert().values(**key, chunk=chunk, data=data))


def _count(session: Session, saved: ModelVersion) -> None:
    """Remember the number of a new version, and that it is accepted where it is."""
    pointers = {"latest_version": saved.version}
    if saved.accepted:
        pointers["accepted_version"] = saved.version
    if saved.version == 1:
        session.connection.execute(_MODELS.insert().values(name=saved.name, **pointers))
    else:
        of_name = _MODELS.c.name == saved.name
        session.connection.execute(_MODELS.update().where(of_name).values(**pointers))
