"""Plans, models and accelerators in TOML files of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import fields

from llmplan.catalogues import GPUS, MODELS, Kind
from llmplan.errors import BadInputError
from llmplan.files.hardware_file import HardwareFile
from llmplan.files.model_file import ModelFile
from llmplan.files.structure import near_miss, structure
from llmplan.files.toml_source import TomlSource
from llmplan.request import options_of
from llmplan.request.changes import several

_FILES: Mapping[str, type[ModelFile | HardwareFile]] = {
    MODELS.singular: ModelFile,
    GPUS.singular: HardwareFile,
}


def read_record(path: str, kind: Kind) -> Any:
    """The model or accelerator that a file holds; BadInputError names file, line and field."""
    if kind.singular not in _FILES:
        raise BadInputError(f"{kind.singular}: {path}: only models and gpus can be given as files")
    source = TomlSource.read(path)
    return structure(source, source.values, _FILES[kind.singular])


def read_plan(path: str, *requests: type[Any]) -> dict[str, Any]:
    """The options of these requests that a plan file gives, checked.

    [model] and [gpu] tables become records; files that it names are looked for beside it.
    """
    return plan_options(TomlSource.read(path), *requests)


def plan_options(source: TomlSource, *requests: type[Any]) -> dict[str, Any]:
    """The same of what a file of another kind says."""
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
    if isinstance(value, dict) and key in _FILES:
        return structure(source, value, _FILES[key], (key,))
    named = isinstance(options_of(request)[key]["names"], str)
    if named and not isinstance(value, str):
        raise source.error((key,), f"{key}: {value!r} is not a name" + (" or a table" if key in _FILES else ""))
    if key in _FILES and value.endswith(".toml"):
        return str(Path(source.path).parent / value)
    try:
        return getattr(request(**{key: value}), key)
    except BadInputError as error:
        raise source.error((key,), str(error)) from error
