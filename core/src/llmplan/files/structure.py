"""From the values of a TOML file to a record, every wrong field named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, get_args

import cattrs
from attrs import fields, has, resolve_types
from cattrs.gen import make_dict_structure_fn

from llmplan.errors import BadInputError
from llmplan.files.toml_source import TomlSource


class RecordFile(Protocol):
    """The fields of a file, and the record that they make."""

    def record(self) -> Any:
        """In SI, with what was left out filled in."""


F = TypeVar("F", bound=RecordFile)


def structure(source: TomlSource, values: Mapping[str, Any], cls: type[F], table: tuple[str, ...] = ()) -> Any:
    """The record that `values` describe; they stand in that table of the file."""
    known = _fields_by_table(cls)
    try:
        return _converter().structure(values, cls).record()
    except BadInputError as error:
        problems = [_without_name(str(error), known[""])]
        cause: Exception = error
    except cattrs.BaseValidationError as error:
        problems = [_problem(line, known) for line in cattrs.transform_error(error, format_exception=_reason)]
        cause = error
    raise source.error((*table, *problems[0].split(":")[0].split(".")), "; ".join(problems)) from cause


def _fields_by_table(cls: Any) -> dict[str, list[str]]:
    """The fields of a file, and those of each table inside it."""
    resolve_types(cls)
    tables = {
        field.name: [inner.name for inner in fields(kind)]
        for field in fields(cls)
        for kind in get_args(field.type)
        if has(kind)
    }
    return {"": [field.name for field in fields(cls)], **tables}


def near_miss(word: str, known: list[str]) -> str:
    """The field that was probably meant, or all that there are."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]}?)" if near else f"; there are {', '.join(known)}"


def _converter() -> cattrs.Converter:
    """Strict: left alone, cattrs reads 8.5 as 8 and "8" as 8; in a plan worth millions that is an error."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    accepted: tuple[tuple[type, tuple[type, ...], str], ...] = (
        (int, (int,), "a whole number"),
        (float, (int, float), "a number"),
        (str, (str,), "text in quotes"),
        (bool, (bool,), "true or false"),
    )
    for target, types, words in accepted:
        converter.register_structure_hook(target, _strictly(target, types, words))
    converter.register_structure_hook_factory(has, lambda cls: _table(cls, converter))
    return converter


def _table(cls: Any, converter: cattrs.Converter) -> Any:
    from_table: Any = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)

    def convert(value: Any, kind: type) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError(f"{value!r} is not a table")
        return from_table(value, kind)

    return convert


def _strictly(target: type, types: tuple[type, ...], words: str) -> Any:
    def convert(value: Any, _type: type) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and target is not bool):
            raise TypeError(f"{value!r} is not {words}")
        return target(value)

    return convert


def _reason(error: BaseException, _type: type | None) -> str:
    if isinstance(error, KeyError):
        return "missing"
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return "unknown " + " ".join(sorted(error.extra_fields))
    return str(error)


def _problem(line: str, known: Mapping[str, list[str]]) -> str:
    """The error says ``missing @ $.layers``; a person wants ``layers: missing``."""
    reason, _, path = line.rpartition(" @ ")
    where = path.removeprefix("$").removeprefix(".")
    if where not in known:
        return f"{where}: {reason}"
    prefix = f"{where}." if where else ""
    if reason.startswith("unknown "):
        field = reason.split()[1]
        return f"{prefix}{field}: not a field{near_miss(field, known[where])}"
    names_field = reason.partition(":")[0] in known[where]
    return prefix + reason if names_field else f"{where}: {reason}" if where else _without_name(reason, known[""])


def _without_name(message: str, known: list[str]) -> str:
    """A record's own checks say ``my-model: layers: …``; in its file the field is enough."""
    first, _, rest = message.partition(": ")
    return rest if first not in known and rest.partition(":")[0] in known else message
