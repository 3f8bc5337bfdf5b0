"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.records import ModelReader

LLMPLAN_API = 1


@hookimpl
def llmplan_model_readers() -> Iterable[ModelReader]:
    """A config.json, a folder that holds one, or the id of a checkpoint on the Hugging Face hub."""
    from llmplan_models_huggingface.reader import READER

    yield READER
