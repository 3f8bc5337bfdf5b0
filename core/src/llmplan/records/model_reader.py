"""Readers of models that no plugin registers: of a file, a folder, or a name on somebody's hub."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from llmplan.records.checks import lookup_name
from llmplan.records.model import ModelArchitecture


@frozen(kw_only=True, eq=False, repr=False)
class ModelReader:
    """What makes a model of a reference that is no registered name, like ``./config.json`` or ``owner/name``."""

    name: str = field(validator=lookup_name)
    description: str = ""
    claims: Callable[[str], bool]
    """Whether a reference is of the kind that it reads; the first reader that claims one is asked."""
    read: Callable[[str, bool], ModelArchitecture]
    """Makes the model, or raises BadInputError with the field that it cannot read.

    The second argument is ``--assume-transformer``: whether what the reader does not know may be taken as a plain
    transformer's. A model says what was so assumed in `assumed`.
    """
