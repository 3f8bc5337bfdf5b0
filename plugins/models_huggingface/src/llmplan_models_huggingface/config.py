"""The values of a config.json, structured, with what nobody reads refused or said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin

import cattrs
from attrs import Factory, define

from llmplan.errors import BadInputError
from llmplan_models_huggingface.fields import ALIASES, NAMES, Shape, shapes_nothing

T = TypeVar("T")


@define(eq=False)
class Config:
    """A config.json, or the table of it that describes the language model."""

    path: str
    values: Mapping[str, Any]
    assume: bool
    """Whether what is not known may be taken as a plain transformer's."""
    assumed: list[str] = Factory(list)
    """What was taken so, and what is not counted, in words."""
    left_out: list[str] = Factory(list)
    """Fields that nobody reads, where that was allowed."""

    @property
    def model_type(self) -> str:
        """The family that the model says it belongs to."""
        return str(self.values.get("model_type", ""))

    def nested(self, key: str) -> Config | None:
        """The configuration in a table of this one."""
        table = self.values.get(key)
        return (
            Config(self.path, table, self.assume, self.assumed, self.left_out) if isinstance(table, Mapping) else None
        )

    def refuse(self, field: str, words: str) -> NoReturn:
        """One line that names the file and the field."""
        raise BadInputError(f"model: {self.path}: {field}: {words}")

    def refuse_unless_assumed(self, field: str, words: str, instead: str) -> None:
        """Refuse, unless --assume-transformer was given; then say what was taken instead."""
        if not self.assume:
            self.refuse(field, f"{words}; --assume-transformer takes {instead}")
        self.assumed.append(f"{field}: {words}: {instead} is assumed")

    def shape(self, reads: frozenset[str], aliases: Mapping[str, str], defaults: Mapping[str, Any]) -> Shape:
        """What the file says of shape, of the fields that a family reads."""
        known = {**ALIASES, **aliases}
        found: dict[str, Any] = dict(defaults)
        words: dict[str, str] = {}
        for key, value in self.values.items():
            name = known.get(key, key)
            if _says_nothing(value) and not isinstance(value, bool):
                continue
            if name in reads:
                if name == key or name not in words:
                    found[name], words[name] = value, key
            elif not (_says_nothing(value) or shapes_nothing(key)):
                self._refuse_unread(key, value)
        return self._structured(found, words)

    def _refuse_unread(self, key: str, value: Any) -> None:
        if self.assume:
            self.left_out.append(key)
            return
        shown = str(value) if len(str(value)) < _LONGEST else f"{str(value)[:_LONGEST]}…"
        known = ALIASES.get(key, key) in NAMES
        of = self.model_type or "it"
        words = f"is not priced in {of}" if known else f"is not known to be a field of {of}"
        self.refuse(key, f"{shown} {words}; --assume-transformer takes a model without it")

    def _structured(self, found: Mapping[str, Any], words: Mapping[str, str]) -> Shape:
        try:
            return _converter().structure(found, Shape)
        except cattrs.BaseValidationError as error:
            line = cattrs.transform_error(error, format_exception=lambda wrong, _type: str(wrong))[0]
            reason, _, where = line.rpartition(" @ $.")
            name = where.split("[")[0]
            self.refuse(words.get(name, name), reason)


_LONGEST = 60


def _says_nothing(value: Any) -> bool:
    return value is None or value is False or value in ("", 0, [], {})


def _plain(wanted: type, words: str) -> Callable[[Any, Any], Any]:
    def convert(value: Any, _type: Any) -> Any:
        fits = isinstance(value, (int, float) if wanted is float else wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise TypeError(f"{value!r} is not {words}")
        return value

    return convert


def _is_table(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return bool(origin is Mapping)


def _table(value: Any, _type: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not a table")
    return value


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _one_of(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """The first member of a union that a value fits."""
    members = [member for member in get_args(kind) if member is not type(None)]

    def convert(value: Any, _type: Any) -> Any:
        if value is None:
            return None
        for member in members[:-1]:
            try:
                return converter.structure(value, member)
            except (TypeError, cattrs.BaseValidationError):
                continue
        return converter.structure(value, members[-1])

    return convert


@cache
def _converter() -> cattrs.Converter:
    """Strict: left alone, cattrs reads 8.5 as 8."""
    converter = cattrs.Converter()
    kinds: tuple[tuple[type, str], ...] = (
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (bool, "true or false"),
    )
    for kind, words in kinds:
        converter.register_structure_hook(kind, _plain(kind, words))
    converter.register_structure_hook_func(_is_table, _table)
    converter.register_structure_hook_factory(_is_union, lambda kind: _one_of(kind, converter))
    return converter
