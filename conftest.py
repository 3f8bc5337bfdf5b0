"""What tests of several packages share: answers that take a second, asked once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llmplan_validation.result import Validation


def pytest_configure() -> None:
    """A shell has its jobs in the background ignore Ctrl-C, which the commands that tests start would inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def published_training() -> Validation:
    """Every published training run, priced."""
    from llmplan import registry
    from llmplan_validation import validate

    return validate(registry().validation_sets["training"])
