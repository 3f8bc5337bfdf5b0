"""Launchers as they are named on the command line, each asked inside the boundary around plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llmplan.catalogues import LAUNCHERS, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.errors import BadInputError

T = TypeVar("T")


def name_and_path(text: str) -> tuple[str, str | None]:
    """``NAME``, ``NAME:FILE``, and the same with a distribution before the name."""
    first, colon, rest = text.partition(":")
    second, further, path = rest.partition(":")
    if colon and first not in registry().launchers and f"{first}:{second}" in registry().launchers:
        return f"{first}:{second}", path if further else None
    return first, rest if colon else None


def guarded(name: str, wanted: type[T], call: Callable[..., T] | None, *arguments: Any) -> T:
    """What a launcher answers; what it raises by mistake names it."""
    if call is None:
        raise BadInputError(f"launcher: {name} reads no files")
    with Guard(LAUNCHERS, name.rpartition(":")[2]):
        answer = call(*arguments)
        if not isinstance(answer, wanted):
            raise WrongAnswerError(f"returned a {type(answer).__name__}, not a {wanted.__name__}")
    return answer
