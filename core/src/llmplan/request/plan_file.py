"""Plans in TOML: options by name, and tables for records that they hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import fields

from llmplan.catalogues import KINDS, Kind
from llmplan.catalogues.record_file import record_of
from llmplan.catalogues.structure import near_miss
from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError
from llmplan.request import options_of
from llmplan.request.changes import several

_IN_FILES: Mapping[str, Kind] = {kind.singular: kind for kind in KINDS if kind.in_files}


def read_plan(path: str, *requests: type[Any]) -> dict[str, Any]:
    """The options of these requests that a plan file gives, checked.

    Tables like [model] and [gpu] become records; files that it names are looked for beside it.
    """
    source = TomlSource.read(path)
    known = {field.name: request for request in requests for field in fields(request)}
    for key in source.values:
        if key not in known:
            raise source.error((key,), f"{key} is not an option{near_miss(key, list(known))}")
    return {key: _option(source, key, value, known[key]) for key, value in source.values.items()}


def _option(source: TomlSource, key: str, value: Any, request: type[Any]) -> Any:
    """Checked; a list of them where the file gives several values."""
    given = _several(source, key, value, request)
    return _one(source, key, value, request) if given is None else [_one(source, key, one, request) for one in given]


def _several(source: TomlSource, key: str, value: Any, request: type[Any]) -> tuple[Any, ...] | None:
    try:
        return several(request, key, value)
    except BadInputError as error:
        raise source.error((key,), str(error)) from error


def _one(source: TomlSource, key: str, value: Any, request: type[Any]) -> Any:
    if isinstance(value, dict) and key in _IN_FILES:
        return record_of(source, value, _IN_FILES[key], (key,))
    named = isinstance(options_of(request)[key]["names"], str)
    if named and not isinstance(value, str):
        raise source.error((key,), f"{key}: {value!r} is not a name" + (" or a table" if key in _IN_FILES else ""))
    if key in _IN_FILES and value.endswith((".toml", ".json")):
        return str(Path(source.path).parent / value)
    try:
        return getattr(request(**{key: value}), key)
    except BadInputError as error:
        raise source.error((key,), str(error)) from error
