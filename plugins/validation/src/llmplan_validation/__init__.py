"""Holding llmplan against published figures: rows become plans, plans are priced, errors are summed up by source."""

from llmplan_validation.result import Checked, Validation
from llmplan_validation.run import validate

__all__ = ["Checked", "Validation", "validate"]
