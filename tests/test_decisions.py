"""Decisions are numbered once each, and what refers to one finds it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_decisions_are_numbered_one_after_the_other() -> None:
    assert [path.name[:4] for path in DECISIONS] == [
        f"{number:04}" for number in range(1, len(DECISIONS) + 1)
    ]


def test_every_mention_of_a_decision_names_its_file() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("docs/**/*.md")]
    texts += ROOT.glob("sqlflow_dagster/**/*.py")
    mentioned = {
        name for path in texts for name in re.findall(r"\b\d{4}-[a-z0-9-]+\.md", path.read_text())
    }
    assert mentioned <= {path.name for path in DECISIONS}
