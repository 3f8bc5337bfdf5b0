"""What these tests share, and the way to their helpers, which ``--import-mode=importlib`` does not open."""

import sys
from pathlib import Path

import pytest

from llmplan import registry
from llmplan_validation import validate

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def checked(published_training):
    """Every published run, priced once."""
    assert not published_training.skipped
    return published_training.checked


@pytest.fixture(scope="session")
def served():
    """Every published figure of inference, priced once."""
    result = validate(registry().validation_sets["inference"])
    assert not result.skipped
    return result.checked
