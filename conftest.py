"""What tests of several packages share: answers that take a second, asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llmplan_validation.result import Validation


@pytest.fixture(scope="session")
def published_training() -> Validation:
    """Every published training run, priced."""
    from llmplan import registry
    from llmplan_validation import validate

    return validate(registry().validation_sets["training"])
