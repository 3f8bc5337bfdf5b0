"""A TOML file with its text at hand, to say where in it something is wrong."""

from __future__ import annotations

import re
from typing import Any

import tomli

from llmplan.errors import BadInputError
from llmplan.text_file import read_text

_HEADER = r"\s*\[\s*([\w.\-\"']+)\s*\]"
_ASSIGNMENT = r"\s*([\w.\-\"']+)\s*="
_MOST = 60
"""Letters of a line that are shown."""


class TomlSource:
    """What a file says, and how it says it."""

    def __init__(self, path: str, text: str, values: dict[str, Any]) -> None:
        self.path = path
        self.text = text
        self.values = values

    @classmethod
    def read(cls, path: str) -> TomlSource:
        """BadInputError where the file cannot be read or is no TOML."""
        text = read_text(path)
        try:
            return cls(path, text, tomli.loads(text))
        except tomli.TOMLDecodeError as error:
            line = f"line {error.lineno}, column {error.colno}"
            start = text.split("\n")[error.lineno - 1].split("=")[0].strip()
            where = f", at {start[:_MOST]}" if start else ""
            raise BadInputError(f"{path}: {line}: {error.msg}{where}") from error
        except RecursionError:
            raise BadInputError(f"{path}: tables and lists are nested too deeply") from None
        except ValueError:
            raise BadInputError(f"{path}: holds a number of thousands of digits") from None

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
