"""Command-line options made from the fields of a request, so that each option is described once."""

import inspect
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple, get_args

import typer

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.request import PlanRequest, option_name, options_of

COMPLETING = "_LLMPLAN_COMPLETE" in os.environ
"""Set by the shell that asks for completions; without it Typer need not look into every completer."""


def completer(names: str | Callable[[], list[str]]) -> Callable[[str], list[str]] | None:
    """Completes with the names of a kind of record, or with a list of words; None where nobody asks."""
    if not COMPLETING:
        return None

    def complete(incomplete: str) -> list[str]:
        words: Iterable[str] = getattr(registry(), names.replace("-", "_")) if isinstance(names, str) else names()
        return [word for word in words if word.startswith(incomplete)]

    return complete


def not_run() -> None:
    """Stands in for a command that the arguments do not name."""


class Described(NamedTuple):
    """An option that is not made yet: most commands hold a few of them."""

    flags: tuple[str, ...]
    make: Callable[[], Any]
    """Its annotation."""


def with_options(
    request: type[PlanRequest],
    extra: Mapping[str, Any],
    run: Callable[[dict[str, Any], dict[str, Any]], int | None],
    words: Sequence[str] = (),
) -> Callable[..., int | None]:
    """A function for Typer whose options are the fields of `request` and the annotations of `extra`; where the words of
    a command line are given, those that stand among them.

    It calls ``run(options that were given, values of extra)``.
    """
    return with_annotations(annotations_of(request), extra, run, words)


def annotations_of(request: type[Any], several: Collection[str] = ()) -> dict[str, Described]:
    """For Typer, of the fields of a request; those in `several` take more than one value."""
    found: dict[str, Described] = {}
    for name, metadata in options_of(request).items():
        plain, make = f"--{option_name(name)}", _annotation
        flags: tuple[str, ...] = (plain, f"--no-{option_name(name)}") if metadata["flag"] else (plain,)
        if name in several and not metadata["flag"]:
            flags, make = (plain, *(["--models"] if name == "model" else [])), _several
        found[name] = Described(flags, partial(make, flags, metadata))
    return found


def with_annotations(
    annotations: Mapping[str, Any],
    extra: Mapping[str, Any],
    run: Callable[[dict[str, Any], dict[str, Any]], int | None],
    words: Sequence[str] = (),
) -> Callable[..., int | None]:
    """The same of options that are annotated already; the model may stand without its option."""
    options = {
        name: of.make() if isinstance(of, Described) else of
        for name, of in _standing_in(words, _of_one_each({**annotations, **extra})).items()
    }
    arguments = {_ARGUMENT: _MODEL} if "model" in annotations else {}

    def command(**values: Any) -> int | None:
        values = _with_argument(values)
        rest = {name: values.pop(name, None) for name in extra}
        return run({name: value for name, value in values.items() if value is not None}, rest)

    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in {**arguments, **options}.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {**arguments, **options}
    return command


def _of_one_each(annotations: dict[str, Any]) -> dict[str, Any]:
    """Without those of plugins that are called as one of ours, which stays what it is."""
    found, flags = {}, set[str]()
    for name, of in annotations.items():
        called = {*_flags(of)}
        if flags.isdisjoint(called):
            found[name] = of
            flags |= called
        else:
            registry().plugins.clash(f"option: {min(called & flags)} is llmplan's own; there is none of a plugin")
    return found


def _standing_in(words: Sequence[str], annotations: dict[str, Any]) -> dict[str, Any]:
    """The options that stand among the words; all where there are no words, and where one of them is none of these."""
    if not words:
        return annotations
    flags = {name: _flags(of) for name, of in annotations.items()}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    if not given <= set().union(*flags.values()):
        return annotations
    return {name: of for name, of in annotations.items() if not given.isdisjoint(flags[name])}


def _flags(of: Any) -> Collection[str]:
    """What it is called on a command line: in an annotation, Typer takes the first name for the default."""
    if isinstance(of, Described):
        return of.flags
    option = get_args(of)[1]
    declared = (option.default, *(option.param_decls or ()))
    return {flag for word in declared if isinstance(word, str) for flag in word.split("/")}


_ARGUMENT = "model_argument"
_MODEL = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL", help="The same as --model.", autocompletion=completer("models"), show_default=False
    ),
]


def _with_argument(values: dict[str, Any]) -> dict[str, Any]:
    """The model first, as if it were given by its option: comparisons name what varies in this order."""
    argument = values.pop(_ARGUMENT, None)
    if argument is None:
        return values
    if values.get("model") is not None:
        raise BadInputError(f"model: {argument!r} and --model {values['model']!r} are both given")
    return {**values, "model": argument} if "model" in values else {"model": argument, **values}


def _several(flags: Sequence[str], metadata: Mapping[str, Any]) -> Any:
    names = metadata["names"]
    return Annotated[
        list[str] | None,
        typer.Option(
            *flags,
            metavar="NAME,.." if names else "N,N|A..B",
            help=metadata["help"],
            autocompletion=names and completer(names),
        ),
    ]


def _annotation(flags: Sequence[str], metadata: Mapping[str, Any]) -> Any:
    if metadata["flag"]:
        return Annotated[bool | None, typer.Option("/".join(flags), help=metadata["help"])]
    names = metadata["names"]
    return Annotated[
        str | None,
        typer.Option(
            *flags,
            metavar=metadata["metavar"],
            help=metadata["help"],
            autocompletion=names and completer(names),
        ),
    ]
