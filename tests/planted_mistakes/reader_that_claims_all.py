"""Claims whatever is no registered name."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_model_readers():
    from llmplan.records import ModelReader

    return [ModelReader(name="planted", claims=lambda _: True, read=lambda *_: None)]
