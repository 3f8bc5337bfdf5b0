"""A pool by itself, which nobody closes."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_executors():
    from concurrent.futures import Future

    from llmplan.records import SearchExecutor

    return [SearchExecutor(name="planted", open=lambda *_: Future())]
