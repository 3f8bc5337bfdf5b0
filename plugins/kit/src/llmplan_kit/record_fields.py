"""The fields of a record as its class states them: type, default and meaning, read from the class itself."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from attrs import NOTHING, fields, frozen, has

from llmplan_kit.field_words import meaning_of, unit_of


@frozen
class RecordField:
    """One field of a record, with its type, unit, default and meaning."""

    name: str
    type: str
    """As the class writes it."""
    default: str
    """As Python writes it; empty where it has to be given."""
    meaning: str
    unit: str
    """Of a number that has one: bytes, s, FLOP/s."""


def record_fields(record: type) -> Iterator[RecordField]:
    """What a class of records is made with, in its order; the text under a field is its meaning.

    Of a protocol its members, each with what it says of itself.
    """
    if getattr(record, "_is_protocol", False):
        yield from _members(record)
        return
    said: dict[str, tuple[str, str]] = {}
    for owner in reversed(record.__mro__):
        if owner is not object:
            said |= _said(owner)
    for name, default, annotation in _given(record):
        written, meaning = said.get(name, (annotation, ""))
        meaning = meaning_of(record.__name__, name, meaning)
        yield RecordField(name, written, default, meaning, unit_of(name, written, meaning))


def _members(protocol: type) -> Iterator[RecordField]:
    for owner in reversed(protocol.__mro__):
        for name, member in vars(owner).items() if getattr(owner, "_is_protocol", False) else ():
            asked = member.fget if isinstance(member, property) else member
            if name.startswith("_") or not inspect.isfunction(asked):
                continue
            signature = inspect.signature(asked)
            written = str(signature.return_annotation)
            given = ", ".join(list(signature.parameters)[1:])
            called = name if isinstance(member, property) else f"{name}({given})"
            meaning = meaning_of(protocol.__name__, name, " ".join((inspect.getdoc(asked) or "").split()))
            yield RecordField(called, written, "", meaning, unit_of(name, written, meaning))


def _given(record: type) -> Iterator[tuple[str, str, str]]:
    """What the class is made with, each with its default and, where it takes no fields, its type."""
    if has(record):
        for attribute in fields(record):
            if attribute.init and not attribute.name.startswith("_"):
                yield attribute.name, _default(attribute.default), "str"
        return
    made = vars(record).get("__new__", vars(record).get("__init__"))
    if made is None:
        return
    for parameter in list(inspect.signature(made).parameters.values())[1:]:
        written = "str" if parameter.annotation is parameter.empty else str(parameter.annotation)
        yield parameter.name, "" if parameter.default is parameter.empty else repr(parameter.default), written


def _default(default: Any) -> str:
    if default is NOTHING:
        return ""
    made = default.factory() if hasattr(default, "factory") and not default.takes_self else default
    return repr(made) if isinstance(made, (str, int, float, bool, tuple, dict, type(None))) else "its own"


def _said(owner: type) -> dict[str, tuple[str, str]]:
    """By field, its type and the text that stands under it."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    except (OSError, TypeError):  # a class without a file
        return {}
    found: dict[str, tuple[str, str]] = {}
    last = ""
    for statement in getattr(body, "body", ()):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            last = statement.target.id
            found[last] = (ast.unparse(statement.annotation), "")
        elif last and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            found[last] = (found[last][0], " ".join(str(statement.value.value).split()))
            last = ""
        else:
            last = ""
    return found
