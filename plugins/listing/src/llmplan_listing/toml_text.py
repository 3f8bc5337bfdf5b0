"""Values as TOML that people read: numbers in their shortest form, curves on a line each, long texts wrapped."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_WIDTH = 120
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MANY_DIGITS, _MANY_ZEROS = 7, 3
"""Before and behind the point."""


def toml_text(values: Mapping[str, Any]) -> str:
    """The text of a TOML file with these values."""
    return "\n".join(_table(values, ())).strip("\n") + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Its values, then the tables in it; a small one inside another table is a line."""
    many = {key: value for key, value in values.items() if _is_tables(value) and not path}
    lines = {key: _line(key, value, in_table=bool(path)) for key, value in values.items() if key not in many}
    if path and (not values or any(line is not None for line in lines.values())):
        yield f"\n[{'.'.join(map(_key, path))}]"
    yield from (line for line in lines.values() if line is not None)
    for key, line in lines.items():
        if line is None:
            yield from _table(values[key], (*path, key))
    for key, tables in many.items():
        for one in tables:
            yield f"\n[[{_key(key)}]]"
            yield from (f"{_key(name)} = {_value(value, len(name) + 3)}" for name, value in one.items())


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _line(key: str, value: Any, *, in_table: bool) -> str | None:
    """None where it is a table that has to stand by itself."""
    if not isinstance(value, Mapping):
        return f"{_key(key)} = {_value(value, len(_key(key)) + 3)}"
    if not in_table or not value or any(isinstance(inner, Mapping) for inner in value.values()):
        return None
    line = f"{_key(key)} = {_value(value)}"
    return line if len(line) <= _WIDTH and "\n" not in line else None


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: Any, taken: int = 0) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, (Mapping, list, tuple)):
        return _several(value)
    short = _string(str(value))
    if not taken or taken + len(short) <= _WIDTH:
        return short
    pieces = textwrap.wrap(value, _WIDTH - 6, break_long_words=False, break_on_hyphens=False)
    inner = " \\\n  ".join(_string(piece)[1:-1] for piece in pieces)
    return f'"""\\\n  {inner}"""' if " ".join(pieces) == value else short


def _several(value: Any) -> str:
    """Tables on a line each."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(name)} = {_value(inner)}' for name, inner in value.items())} }}"
    if _is_tables(value):
        return "[\n" + "".join(f"  {_value(one)},\n" for one in value) + "]"
    return f"[{', '.join(map(_value, value))}]"


def _number(value: float) -> str:
    """As it is, or where that has many zeros with the exponent of micro, giga or tera."""
    if isinstance(value, int):
        return str(value)
    number = Decimal(repr(value))
    plain = f"{number.normalize():f}"
    if number == 0 or -_MANY_ZEROS < number.adjusted() < _MANY_DIGITS:
        return plain
    exponent = number.adjusted() // 3 * 3
    return min(plain, f"{number.scaleb(-exponent).normalize():f}e{exponent}", key=len)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
