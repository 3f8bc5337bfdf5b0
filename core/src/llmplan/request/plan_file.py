"""Plans in TOML, or in the JSON of a result: options by name, and tables for records that they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from llmplan.catalogues import KINDS, Kind, registry
from llmplan.catalogues.record_file import form_of, record_of
from llmplan.catalogues.structure import near_miss
from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError, shown
from llmplan.records import HardwareProfile
from llmplan.request import TrainRequest, given_options, options_of
from llmplan.request.changes import several
from llmplan.request.options import Options, joined_options, words_of
from llmplan.text_file import read_text

_IN_FILES: Mapping[str, Kind] = {kind.singular: kind for kind in KINDS if kind.in_files}


_JSON = ".json"


def read_plan(path: str, *requests: type[Any]) -> dict[str, Any]:
    """The options of these requests that a plan file gives, checked.

    Tables like [model] and [gpu] become records; files that it names are looked for beside it. Of a result in JSON they
    are what was asked for it. Of a search that is its space for another search, and else what asks for its best plan.
    """
    return plan_options(_asked_in(path, requests) if Path(path).suffix == _JSON else TomlSource.read(path), *requests)


def plan_options(source: TomlSource, *requests: type[Any]) -> dict[str, Any]:
    """The same of what a file of another kind says."""
    known = {name: request for request in requests for name in options_of(request)}
    for key in source.values:
        if key not in known:
            raise source.error((key,), f"{key or shown(key)} is not an option{near_miss(key, list(known))}")
    return {key: _option(source, key, value, known[key]) for key, value in source.values.items()}


def _asked_in(path: str, requests: tuple[type[Any], ...]) -> TomlSource:
    """The request of a result."""
    text = read_text(path)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # of thousands of digits, or of brackets, too
        raise BadInputError(f"{path}: is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadInputError(f"{path}: is no result of llmplan train, infer or search")
    best, searched = found.get("best"), found.get("command")
    if isinstance(best, list) and len(requests) == 1:
        if not best:
            raise BadInputError(f"{path}: the search found no plan")
        found = best[0]
    asked, schema = found.get("request"), str(found.get("schema", ""))
    if not isinstance(asked, dict):
        raise BadInputError(
            f"{path}: holds no request, as results of llmplan train, infer and search do from schema 2 on"
        )
    command = schema.removeprefix("llmplan.").partition("/")[0]
    command = str(searched) if command == "search" else command
    if command != ("train" if any(issubclass(request, TrainRequest) for request in requests) else "infer"):
        raise BadInputError(f"{path}: is a result of llmplan {command}, which has other options")
    return TomlSource(path, text, asked)


def asked_in_full(request: Options, records: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, as a plan file would say it: a record that no plugin offers by its name stands there in full.

    `records` are those that were found for the request, by option.
    """
    words = given_options(request)
    for name, part in records.get("parts", {}).items():
        if replaced := getattr(part, "replaces", ()):
            words = {option: value for option, value in words.items() if option not in replaced} | {name: part.table}
    if (hardware := records.get("gpu")) is not None:
        records = {**records, "gpu": _as_stated(hardware), "cluster": hardware.cluster}
    for option, kind in _IN_FILES.items():
        record = records.get(option)
        if option in words and record is not None and not _is_known(getattr(request, option), record, kind):
            form = form_of(kind, "").for_record(record)
            if isinstance(record, form.made):
                words[option] = form.values(record)
    return words


def _as_stated(hardware: HardwareProfile) -> HardwareProfile:
    """Without the curves of others that it was completed with: whoever reads its record borrows them, and says so."""
    borrowed = hardware.kernels is not None and hardware.kernels.borrowed
    return evolve(hardware, kernels=None, efficiency=None) if borrowed else hardware


def space_in_full(
    cases: Iterable[tuple[Options, Mapping[str, Any]]], several: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """The same of a search: of its cases, each with its records, what any was given, and options of several values."""
    found: dict[str, list[Any]] = {}
    for request, records in cases:
        for name, words in asked_in_full(request, records).items():
            values = found.setdefault(name, [])
            if words not in values:
                values.append(words)
    added = joined_options(type(request))
    if any(len(found.get(name, ())) > 1 for name in added):  # of several accelerators: they are looked up again
        given = {name: value for name, value in given_options(request).items() if name in added}
        found = {name: values for name, values in found.items() if name not in added}
        found |= {name: [_absolute(type(request), name, value)] for name, value in given.items()}
    found |= {name: [words_of(value) for value in values] for name, values in several.items()}
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _absolute(request: type[Any], option: str, value: Any) -> Any:
    """The path of a file, which nobody says where from it will be read."""
    return str(Path(value).absolute()) if _is_path(request, option, value) else value


def _is_path(request: type[Any], option: str, value: Any) -> bool:
    """Whether a value of an option names a file."""
    ending = (".toml", _JSON) if option in _IN_FILES else options_of(request)[option]["path"]
    return ending is not None and isinstance(value, str) and value.endswith(ending)


def _is_known(given: Any, record: Any, kind: Kind) -> bool:
    """Whether a plugin offers this record by the name that stands in words; what other options make of it, they say."""
    catalogue = registry().catalogue(kind)
    if isinstance(given, str):
        return given in catalogue
    return record.name in catalogue and catalogue[record.name] is record


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
        raise source.error((key,), f"{key}: {shown(value)} is not a name" + (" or a table" if key in _IN_FILES else ""))
    if _is_path(request, key, value):
        return str(Path(source.path).parent / value)
    try:
        return getattr(request(**{key: value}), key)
    except BadInputError as error:
        raise source.error((key,), str(error)) from error
