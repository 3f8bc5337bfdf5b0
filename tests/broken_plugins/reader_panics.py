"""A reader of models that panics."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import ModelReader

ASKS = ("--model", "model.broken")
CODE = 1
SAID = "model-reader: broken of reader-panics failed: BaseException: no such thing (reader_panics.py"


@hookimpl
def llmplan_model_readers():
    return [ModelReader(name="broken", claims=panic, read=panic)]


def panic(*_):
    raise BaseException("no such thing")  # noqa: TRY002 - the point
