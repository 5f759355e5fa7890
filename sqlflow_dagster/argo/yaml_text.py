"""Plain data as YAML that every parser reads as the same data.

The dumper is a class of its own: PyYAML's own classes are shared with everything else in the process.
"""

import re
import sys
from typing import Any

import yaml

# What a parser of another YAML version may take for a boolean or a number: Kubernetes' own one reads
# `y` as true and `1e3` as a number, PyYAML neither.
_AMBIGUOUS = re.compile(
    r"(?:y|n|yes|no|on|off|true|false|null|nil|~)|[-+]?\.?\d[\s\S]*|[-+]?\.(?:inf|nan)",
    re.IGNORECASE,
)
# The characters that stand for themselves in a block, line ends of other systems left out.
_BLOCK = re.compile(
    r"[\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)


class _Dumper(yaml.SafeDumper):
    """Dumps without anchors, lists indented below their key."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text and _BLOCK.fullmatch(text):
        style = "|"
    elif not text.isprintable():
        style = '"'
    elif _AMBIGUOUS.fullmatch(text):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def to_yaml(document: dict[str, Any]) -> str:
    """A manifest as YAML text: keys in the order given, SQL of several lines as a block.

    Args:
        document: Mappings, lists, texts, whole numbers and booleans.
    """
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize
    )
