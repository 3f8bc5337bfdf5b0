"""Advice as a mere string."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_advisers():
    from llmplan.estimate import Adviser

    return [Adviser(name="planted", refused=lambda error, _words: f"planted: {error}")]
