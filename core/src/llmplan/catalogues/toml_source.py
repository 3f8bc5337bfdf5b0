"""A TOML file with its text at hand, to say where in it something is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tomli

from llmplan.errors import BadInputError

_HEADER = r"\s*\[\s*([\w.\-\"']+)\s*\]"
_ASSIGNMENT = r"\s*([\w.\-\"']+)\s*="


class TomlSource:
    """What a file says, and how it says it."""

    def __init__(self, path: str, text: str, values: dict[str, Any]) -> None:
        self.path = path
        self.text = text
        self.values = values

    @classmethod
    def read(cls, path: str) -> TomlSource:
        """BadInputError where the file cannot be read or is no TOML."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise BadInputError(f"{path}: {reason}") from error
        try:
            return cls(path, text, tomli.loads(text))
        except tomli.TOMLDecodeError as error:
            line = f"line {error.lineno}, column {error.colno}"
            start = text.split("\n")[error.lineno - 1].split("=")[0].strip()
            raise BadInputError(f"{path}: {line}: {error.msg}" + (f", at {start}" if start else "")) from error

    def error(self, keys: tuple[str, ...], message: str) -> BadInputError:
        """An error that says where in the file the key stands, or the table that it is missing from."""
        line = next((line for end in range(len(keys), 0, -1) if (line := self._line_of(keys[:end]))), None)
        return BadInputError(f"{self.path}: line {line}: {message}" if line else f"{self.path}: {message}")

    def _line_of(self, keys: tuple[str, ...]) -> int | None:
        """Where these keys are assigned, or begin a table or a dotted key."""
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.split("\n"), 1):
            header, assigned = re.match(_HEADER, line), re.match(_ASSIGNMENT, line)
            if header:
                table = _parts(header[1])
            found = table if header else (*table, *_parts(assigned[1])) if assigned else ()
            if found[: len(keys)] == keys:
                return number
        return None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in dotted.split("."))
