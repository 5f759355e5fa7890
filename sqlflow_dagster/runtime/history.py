"""Which steps have finished, with which text: a table in the data source.

The data source is the one place that every way of running a program shares, so that ``sqlflow plan`` knows
what a Dagster run made and the reverse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.engines.own_tables import EXACT_NAMES, change, ensure_table

HISTORY_TABLE = "sqlflow_step_runs"

_metadata = sa.MetaData()
_runs = sa.Table(
    HISTORY_TABLE,
    _metadata,
    sa.Column("program", sa.String(200), primary_key=True),
    sa.Column("step", sa.String(200), primary_key=True),
    sa.Column("code_version", sa.String(64), nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("finished_at", sa.String(40), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    **EXACT_NAMES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedStep:
    """The last time a step finished.

    Attributes:
        code_version: Of the text that ran.
        run_id: Of the run.
        finished_at: In UTC.
        seconds: How long it ran.
    """

    code_version: str
    run_id: str
    finished_at: datetime
    seconds: float


class History:
    """The finished steps of a data source."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(
        self, *, program: str, step: str, code_version: str, run_id: str, seconds: float
    ) -> None:
        """Remember that a step has finished just now."""
        key = (_runs.c.program == program) & (_runs.c.step == step)
        row = {
            "program": program,
            "step": step,
            "code_version": code_version,
            "run_id": run_id,
            "finished_at": datetime.now(UTC).isoformat(),
            "seconds": seconds,
        }
        with self._engine.session() as session:
            ensure_table(session, _runs)

            if not self._engine.changes_rows:
                # The last row of a step counts.
                session.connection.execute(sa.insert(_runs).values(row))
                return

            def replace() -> None:
                session.connection.execute(sa.delete(_runs).where(key))
                session.connection.execute(sa.insert(_runs).values(row))

            change(session, replace)

    def finished(self, program: str) -> Mapping[str, FinishedStep]:
        """The last finish of each step of a program, by step name."""
        with self._engine.session() as session:
            if session.relation_kind((HISTORY_TABLE,)) is None:
                return {}
            rows = session.connection.execute(
                sa.select(_runs).where(_runs.c.program == program).order_by(_runs.c.finished_at)
            ).all()
        return {
            row.step: FinishedStep(
                code_version=row.code_version,
                run_id=row.run_id,
                finished_at=datetime.fromisoformat(row.finished_at),
                seconds=row.seconds,
            )
            for row in rows
        }
