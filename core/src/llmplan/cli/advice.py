"""What is said on stderr of what went wrong: one line and, apart, a command that works, where an adviser knows one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmplan.catalogues import ADVISERS, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.cli.said import say
from llmplan.errors import LlmplanError
from llmplan.estimate import Advice


def tell(line: str, way: str, *about: Any) -> None:
    """The line, or what the first adviser that knows more says in its place."""
    advice = next(filter(None, _asked(way, about)), None)
    say(f"llmplan: {line if advice is None else advice.line}")
    if advice is not None and advice.command:
        say(f"hint: {advice.command}")


def _asked(way: str, about: tuple[Any, ...]) -> Iterator[Advice | None]:
    """What each adviser says, ours last; one that fails is named, and the next is asked."""
    own = registry().plugins.own
    for name, distribution, adviser in sorted(registry().advisers.entries(), key=lambda one: one[1] in own):
        ask = getattr(adviser, way)
        if ask is None:
            continue
        try:
            with Guard(ADVISERS, name, distribution):
                advice = ask(*about)
                if advice is not None and not isinstance(advice, Advice):
                    raise WrongAnswerError(f"returned a {type(advice).__name__}, not an Advice")
        except LlmplanError as error:
            say(f"llmplan: {error}")
        else:
            yield advice
