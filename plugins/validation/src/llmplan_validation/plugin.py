"""The hooks that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.records import RunReader, ValidationSet

LLMPLAN_API = 1


@hookimpl
def llmplan_validation_sets() -> Iterable[ValidationSet]:
    """Contribute the validation set that reads public dumps of InferenceX."""
    from llmplan_validation.inferencex import INFERENCEX

    return [INFERENCEX]


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """Contribute ``llmplan validate``, which holds predictions against published figures."""
    from llmplan_validation.command import add_validate

    add_validate(app, "Published figures beside llmplan's own.")


@hookimpl
def llmplan_run_readers() -> Iterable[RunReader]:
    """Contribute tables in the columns of ``llmplan validate``."""
    from llmplan_validation.reader import TableReader

    yield TableReader()
