"""YAML, as little of it as configuration files need."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][\w./@-]*")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def yaml(value: Mapping[str, Any], indent: int = 0) -> str:
    """A mapping over lines; mappings and lists inside it indented."""
    return "".join(f"{' ' * indent}{key}:{_inside(inner, indent)}" for key, inner in value.items())


def _inside(value: Any, indent: int) -> str:
    if isinstance(value, Mapping):
        return f"\n{yaml(value, indent + 2)}" if value else " {}\n"
    if isinstance(value, list):
        return "\n" + "".join(_item(inner, indent) for inner in value) if value else " []\n"
    return f" {_scalar(value)}\n"


def _item(value: Any, indent: int) -> str:
    """A line of a list; of a mapping the first key stands behind the dash."""
    if isinstance(value, Mapping):
        inner = yaml(value, indent + 2)
        return " " * indent + "- " + inner[indent + 2 :]
    return f"{' ' * indent}- {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and (not _PLAIN.fullmatch(value) or value.lower() in _WORDS):
        return json.dumps(value)
    return str(value)
