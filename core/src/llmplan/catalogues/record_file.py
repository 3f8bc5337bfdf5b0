"""A record in a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmplan.catalogues.forms import IN_FILES, Form, form_called
from llmplan.catalogues.likeness import resolve
from llmplan.catalogues.structure import structure
from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError

if TYPE_CHECKING:
    from llmplan.catalogues.kinds import Kind


def read_record(path: str, kind: Kind, find: Callable[[str], Any] | None = None, *, in_folder: bool = False) -> Any:
    """The record that a file holds, called as the file is unless it says another name, which one in a folder may not.

    `find` looks up the records that it is like, those of the registry by default. BadInputError names file, line, field
    and what would be right.
    """
    form_of(kind, path)
    source = TomlSource.read(path)
    if in_folder and (name := source.values.get("name", Path(path).stem)) != Path(path).stem:
        raise source.error(("name",), f"name: {name!r} is not the name of the file; leave it out")
    return record_of(source, {"name": Path(path).stem, **source.values}, kind, find=find)


def record_of(
    source: TomlSource,
    values: Mapping[str, Any],
    kind: Kind,
    table: tuple[str, ...] = (),
    find: Callable[[str], Any] | None = None,
) -> Any:
    """The record that these values describe; they stand in that table of the file."""
    form, like = form_of(kind, source.path), values.get("like")

    def values_of(name: str) -> dict[str, Any]:
        found = form.values(installed(kind, name) if find is None else find(name))
        displaced = {other for key, others in form.displaces.items() if key in values for other in others}
        displaced.add("default")  # nobody means both
        return {key: value for key, value in found.items() if key not in displaced}

    if form.others and isinstance(like, str):
        form = form.for_values({**values_of(like), **values})
    form = form.for_values(values)

    given = _with_sources(source, values, form, table)
    return structure(source, resolve(source, given, values_of, form.own_sources, table, form.worded), form, table)


def form_of(kind: Kind, path: str) -> Form:
    """How a kind is written; BadInputError where it is not."""
    if kind.singular not in IN_FILES:
        *kinds, last = (f"{singular}s" for singular in IN_FILES)
        raise BadInputError(f"{kind.singular}: {path}: only {', '.join(kinds)} and {last} can be given as files")
    return form_called(kind.singular)


def installed(kind: Kind, name: str) -> Any:
    """The record of that name that the installed plugins offer."""
    from llmplan.catalogues.offered import registry

    return registry().catalogue(kind)[name]


def _with_sources(source: TomlSource, values: Mapping[str, Any], form: Form, table: tuple[str, ...]) -> dict[str, Any]:
    """With a source of each value that stands here: its own, or else that of the whole file.

    A number that stands in for another record's has not that record's source.
    """
    if not form.has_sources:
        return dict(values)
    left = {key: value for key, value in values.items() if key not in ("source", "sources")}
    whole = values.get("source", Path(source.path).name if "like" in values else "")
    stated = values.get("sources", {})
    for key, value, kind, wanted in (("source", whole, str, "text in quotes"), ("sources", stated, dict, "a table")):
        if not isinstance(value, kind):
            raise source.error((*table, key), f"{key}: {value!r} is not {wanted}")
    every = dict.fromkeys(form.sourced(left), whole) if whole else {}
    return {**left, "sources": {**every, **stated}}
