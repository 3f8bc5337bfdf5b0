"""Holding llmplan against published figures: rows become plans, plans are priced, errors are summed up by source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan_validation.result import Checked as Checked, Validation as Validation
    from llmplan_validation.run import validate as validate

__getattr__, __all__ = lazily(__name__, {"result": "Checked Validation", "run": "validate"})
