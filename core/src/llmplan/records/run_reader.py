"""Readers of measured runs: tables, logs of programs, results of benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class RunReader(Protocol):
    """Makes measured figures, each with the plan that it belongs to, of a file."""

    @property
    def name(self) -> str:
        """The name to look it up by."""

    @property
    def description(self) -> str:
        """One line: which program writes such files."""

    def recognises(self, text: str) -> bool:
        """Whether a file looks like one of these."""

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterable[Any]:
        """The figures of a file, `ValidationRow` records as a rule; options of the command line stand for what it does
        not say, and before what it does.

        BadInputError names the file, and the line or the field.
        """
