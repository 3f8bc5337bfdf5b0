"""What an option is: a field of a request, with how it is read, said and completed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, fields, frozen

from llmplan.catalogues import registry
from llmplan.request.values import as_flag, as_record_or_name, as_text, as_word

if TYPE_CHECKING:
    from llmplan.catalogues import Registry

_Converters: TypeAlias = Sequence[tuple[str, Callable[[Any, str], Any]]]
_CONVERTERS: dict[type[Options], _Converters] = {}
"""Of each kind of request, once it has been asked for."""


_OTHERWISE: Mapping[str, Any] = {
    "names": None,
    "every": False,
    "word": False,
    "listed": False,
    "setting": False,
    "path": None,
    "heading": "",
    "instead": (),
}


def described(
    help_text: str, convert: Callable[[Any, str], Any], *, metavar: str = "N", **more: Any
) -> Mapping[str, Any]:
    """An option. `names` is the kind of record, or the words, that completion offers.

    A range of its values is `every` whole number, or else doubles; a `word` has no ranges; a `listed` option is a list
    itself. A `setting` goes to the formula that reads it and is nothing to anybody else. A value that ends with `path`
    is one of a file. An option of a plugin has a `heading` in ``--help`` and stands in place of those `instead`.
    """
    if unknown := more.keys() - _OTHERWISE.keys():
        raise TypeError(f"an option has no {min(unknown)!r}")
    about = {"help": help_text, "convert": convert, "metavar": metavar, **_OTHERWISE, **more}
    word = about["word"] or about["names"] is not None or convert in (as_flag, as_text)
    return {**about, "flag": convert is as_flag, "word": word}


def option(*about: Any, **more: Any) -> Any:
    """A field that is None until given, as `described`."""
    return field(default=None, metadata=described(*about, **more))


def record_option(help_text: str, kind: str) -> Any:
    """A field for a record of this kind, by name, as a file or in Python."""
    return option(help_text, as_record_or_name, metavar="NAME", names=kind)


def word_option(help_text: str, words: Mapping[str, Any], metavar: str = "NAME") -> Any:
    """A field for what one of these words stands for."""
    return option(help_text, as_word(words), metavar=metavar, names=lambda: list(words))


def joined_options(request: Any) -> Mapping[str, Mapping[str, Any]]:
    """Those that plugins add to a kind of request."""
    return _joined(registry(), request) if hasattr(request, "command") else {}


@lru_cache(maxsize=16)
def _joined(plugins: Registry, request: Any) -> Mapping[str, Mapping[str, Any]]:
    own, found = {attribute.name for attribute in fields(request)}, {}
    for one in plugins.plan_options.values():
        found.update({name: of for name, of in one.of(request.command).items() if name not in own})
    return found


@frozen(kw_only=True, eq=False, repr=False)
class Options:
    """Options that are checked as they are given."""

    def __attrs_post_init__(self) -> None:
        # one loop over what is given: a converter for each of 28 fields costs 4 ms at every start
        for name, convert in _converters(type(self)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, convert(value, name))


def _converters(request: type[Options]) -> _Converters:
    if request not in _CONVERTERS:
        own = (attribute for attribute in fields(request) if attribute.metadata)
        _CONVERTERS[request] = [(attribute.name, attribute.metadata["convert"]) for attribute in own]
    return _CONVERTERS[request]


def options_of(request: type[Options]) -> Mapping[str, Mapping[str, Any]]:
    """The options of a kind of request in order, each with its help, metavar and names to complete."""
    of: Any = request  # a class, whose hash mypy takes for that of its instances
    return _every(registry(), of) if hasattr(request, "command") else _own(of)


@lru_cache(maxsize=16)
def _own(request: Any) -> Mapping[str, Mapping[str, Any]]:
    return {attribute.name: attribute.metadata for attribute in fields(request) if attribute.metadata}


@lru_cache(maxsize=16)
def _every(plugins: Registry, request: Any) -> Mapping[str, Mapping[str, Any]]:
    return {**_own(request), **_joined(plugins, request)}


def settings_of(request: Options) -> dict[str, Any]:
    """Those that were given and that formulas alone read."""
    names = (name for name, of in options_of(type(request)).items() if of["setting"])
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def check_names(request: type[Options], options: Iterable[str], what: str) -> None:
    """TypeError with the nearest name for the first option that there is not."""
    known = options_of(request)
    for name in options:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, n=1, cutoff=0.5)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise TypeError(f"{name!r} is no option of {what}; {advice}")


def given_options(request: Options) -> dict[str, Any]:
    """What was given, in the words and numbers of a plan file; a record by its name."""
    given = {name: getattr(request, name) for name in options_of(type(request))}
    return {name: words_of(value) for name, value in given.items() if value is not None}


def words_of(value: Any) -> Any:
    """A value of an option as a plan file has it."""
    if hasattr(value, "label"):
        return value.label
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [words_of(one) for one in value]
    if hasattr(value, "table"):
        return value.table
    return value if isinstance(value, (bool, int, float, str)) else value.name
