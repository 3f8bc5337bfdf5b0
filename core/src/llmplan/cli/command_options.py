"""Options that plugins add to the commands that plan, beside those of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmplan.catalogues import COMMAND_OPTIONS, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.cli.options import completer

if TYPE_CHECKING:
    from llmplan.estimate import Asking, CommandOption, Estimate


def plugin_options() -> dict[str, Any]:
    """Their annotations for Typer."""
    return {one.parameter: _annotation(one) for one in registry().command_options.values()}


def _annotation(one: CommandOption) -> Any:
    complete = None if one.names is None else completer(one.names)
    described = typer.Option(f"--{one.name}", metavar=one.metavar, help=one.help, autocompletion=complete)
    return Annotated[list[str] | None, described] if one.repeated else Annotated[str | None, described]


def _given(extra: Mapping[str, Any]) -> Iterator[tuple[CommandOption, Any]]:
    """Those that stand on the command line, with their values."""
    if any(name.endswith("_") and value for name, value in extra.items()):
        found = ((one, extra.get(one.parameter)) for one in registry().command_options.values())
        yield from ((one, value) for one, value in found if value)


def options_read(extra: Mapping[str, Any], asking: Asking) -> dict[str, Any]:
    """The options that they stand for; of two the first counts."""
    options: dict[str, Any] = {}
    for one, value in _given(extra):
        if one.read is not None:
            with Guard(COMMAND_OPTIONS, one.name):
                options = {**_known(one.read(value, asking), asking.command), **options}
    return options


def _known(options: Mapping[str, Any], command: str) -> Mapping[str, Any]:
    from llmplan.request import InferRequest, TrainRequest, options_of

    strange = options.keys() - options_of(TrainRequest if command == "train" else InferRequest).keys()
    if strange:
        raise WrongAnswerError(f"read: returned the option {min(strange)!r}, which there is not")
    return options


def begun(extra: Mapping[str, Any], asking: Asking) -> Callable[[Estimate | None], Callable[[], str]]:
    """What they make of the plan, once it is known: made when called with it, written when the result is called, which
    returns what is printed in place of the report.
    """
    begun = []
    for one, value in _given(extra):
        if one.begin is not None:
            with Guard(COMMAND_OPTIONS, one.name):
                begun.append((one, one.begin(value, asking)))

    def made(estimate: Estimate | None) -> Callable[[], str]:
        writers = []
        for one, make in begun:
            with Guard(COMMAND_OPTIONS, one.name):
                writers.append((one, make(estimate)))
        return lambda: "".join(_written(one, write) for one, write in writers)

    return made


def _written(one: CommandOption, write: Callable[[], str]) -> str:
    with Guard(COMMAND_OPTIONS, one.name):
        text = write()
        if not isinstance(text, str):
            raise WrongAnswerError(f"begin: wrote a {type(text).__name__}, not text")
        return text
