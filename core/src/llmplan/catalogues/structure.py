"""From the values of a TOML file to a record, every wrong field named.

Values that are of their fields' types already become a record at once. Only where some are not, cattrs is imported, to
say all that is wrong.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from attrs import fields, fields_dict, has, resolve_types

from llmplan import records
from llmplan.errors import BadInputError

if TYPE_CHECKING:
    import cattrs

    from llmplan.catalogues.forms import Form
    from llmplan.catalogues.toml_source import TomlSource

_TYPES: Mapping[type, tuple[tuple[type, ...], str]] = {
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "text in quotes"),
    bool: ((bool,), "true or false"),
}
"""Which values a field of a type takes: left alone, cattrs reads 8.5 as 8 and "8" as 8, an error in a plan."""
_PLAIN: Mapping[str, type] = {kind.__name__: kind for kind in _TYPES}
"""Words that say a type by themselves, as most do: to evaluate those of four records takes a millisecond."""


class _MisfitError(Exception):
    """A value is not of its field's type."""


def structure(source: TomlSource, values: dict[str, Any], form: Form, table: tuple[str, ...] = ()) -> Any:
    """The record that `values` describe; they stand in that table of the file."""
    try:
        completed = form.completed(values)
        return form.record(_built(form.cls, completed))
    except (_MisfitError, BadInputError) as error:
        problems = _problems(form, values, error)
        raise source.error((*table, *problems[0].split(":")[0].split(".")), "; ".join(problems)) from error


@cache
def _conversion_of(cls: Hashable, name: str) -> Callable[[Any], Any]:
    """What makes the value of a file that of this field; KeyError where there is none."""
    annotation = getattr(fields_dict(cls)[name], "type", None)  # type: ignore[arg-type]
    plain = _PLAIN.get(annotation.removesuffix(" | None")) if isinstance(annotation, str) else None
    return _conversion(plain or type_of(annotation, cls))


def type_of(annotation: Any, cls: Any) -> Any:
    """A type from its words, in its module; others are imported when they are needed."""
    if not isinstance(annotation, str):
        return annotation
    return eval(annotation, vars(sys.modules[cls.__module__]), _Names(cls))  # noqa: S307 - annotations of records


class _Names(dict[str, Any]):
    """What the package of a class and its module export, and all records."""

    def __init__(self, cls: Any) -> None:
        super().__init__()
        self._homes = (sys.modules[cls.__module__.partition(".")[0]], sys.modules[cls.__module__], records)

    def __missing__(self, name: str) -> Any:
        for home in self._homes:
            if name in getattr(home, "__all__", ()):
                return getattr(home, name)
        raise KeyError(name)


def _conversion(kind: Any) -> Callable[[Any], Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _conversion(next(one for one in inner if one is not type(None)))
    if origin is tuple:
        of_item = _conversion(inner[0])
        return lambda value: tuple([of_item(one) for one in _checked(value, (list,))])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        of_value = _conversion(inner[1])
        return lambda value: {key: of_value(one) for key, one in _checked(value, (dict,)).items()}
    if has(kind):
        return lambda value: _built(kind, _checked(value, (dict,)))
    types, _ = _TYPES[kind]
    return lambda value: kind(_checked(value, types))


def _checked(value: Any, types: tuple[type, ...]) -> Any:
    if type(value) not in types:
        raise _MisfitError
    return value


def _built(cls: Any, values: Mapping[str, Any]) -> Any:
    try:
        given = {key: _conversion_of(cls, key)(value) for key, value in values.items()}
        return cls(**given)
    except (KeyError, TypeError) as error:  # not a field, or one is missing
        raise _MisfitError from error


def _problems(form: Form, values: Mapping[str, Any], error: Exception) -> list[str]:
    """All that is wrong: of the fields, or else of the record that they make."""
    import cattrs

    for one in _classes(form.cls):
        resolve_types(one, localns=_Names(one))
    try:
        form.record(_converter().structure(form.completed(dict(values)), form.cls))
    except BadInputError as refusal:
        return [_without_name(str(refusal), _known(form.cls, ""))]
    except cattrs.BaseValidationError as wrong:
        lines = cattrs.transform_error(wrong, format_exception=_reason)
        return [_problem(line, form) for line in lines]
    raise error


def _classes(cls: Any) -> Iterator[Any]:
    """A class and those of the tables in it."""
    yield cls
    for field in fields(cls):
        for inner in get_args(kind := type_of(field.type, cls)) or (kind,):
            yield from _classes(inner) if _is_attrs(inner) else ()


def _known(cls: Any, path: str) -> list[str]:
    """The fields of the table at a path; none where its keys are free."""
    for word in filter(None, path.split(".")):
        kinds = {field.name: type_of(field.type, cls) for field in fields(cls)} if _is_attrs(cls) else {}
        kind = kinds.get(word, cls)
        cls = next((inner for inner in (kind, *get_args(kind)) if _is_attrs(inner)), kind)
    return [field.name for field in fields(cls)] if _is_attrs(cls) else []


def _is_attrs(kind: Any) -> bool:
    return isinstance(kind, type) and has(kind)


def near_miss(word: str, known: list[str]) -> str:
    """The field that was probably meant, or all that there are."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]}?)" if near else f"; there are {', '.join(known)}"


def _converter() -> cattrs.Converter:
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    for target, (types, words) in _TYPES.items():
        converter.register_structure_hook(target, _strictly(target, types, words))
    converter.register_structure_hook_factory(has, lambda cls: _table(cls, converter))
    return converter


def _table(cls: Any, converter: cattrs.Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn

    from_table: Any = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)

    def convert(value: Any, kind: type) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError(f"{value!r} is not a table")
        return from_table(value, kind)

    return convert


def _strictly(target: type, types: tuple[type, ...], words: str) -> Any:
    def convert(value: Any, _type: type) -> Any:
        if type(value) not in types:
            raise TypeError(f"{value!r} is not {words}")
        return target(value)

    return convert


def _reason(error: BaseException, _type: type | None) -> str:
    import cattrs

    if isinstance(error, KeyError):
        return "missing"
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return "unknown " + " ".join(sorted(error.extra_fields))
    return str(error)


def _problem(line: str, form: Form) -> str:
    """The error says ``missing @ $.layers``; a person wants ``layers: missing``."""
    reason, _, path = line.rpartition(" @ ")
    where = re.sub(r"\['?(.*?)'?\]", r".\1", path.removeprefix("$")).removeprefix(".")
    known = _known(form.cls, where)
    if reason == "missing" and where in form.why_missing:
        return f"{where}: {form.why_missing[where]}"
    prefix = f"{where}." if where else ""
    if reason.startswith("unknown "):
        field = reason.removeprefix("unknown ").partition(" ")[0]
        return f"{prefix}{field or repr(field)}: not a field{near_miss(field, known)}"
    names_field = re.split("[:.]", reason)[0] in known
    return prefix + reason if names_field else f"{where}: {reason}" if where else _without_name(reason, known)


def _without_name(message: str, known: list[str]) -> str:
    """A record's own checks say ``my-model: layers: …``; in its file the field is enough."""
    first, _, rest = message.partition(": ")
    return rest if first not in known and rest.partition(":")[0] in known else message
