"""RESULTS.md: what long measurements found, a section each."""

from pathlib import Path

PAGE = Path(__file__).with_name("RESULTS.md")


def record(title: str, body: str) -> None:
    """Write a section in place of the one with its title, or as the last one."""
    heading = f"## {title}\n"
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Results\n"
    before, _, after = text.partition(heading)
    _, mark, rest = after.partition("\n## ")
    PAGE.write_text(
        f"{before.rstrip()}\n\n{heading}\n{body.strip()}\n{mark}{rest}", encoding="utf-8"
    )
