"""A module that panics when it is imported."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin panics-at-import 1.0 ignored: BaseException: panic"


@hookimpl
def llmplan_commands(app):
    del app


raise BaseException("panic")  # noqa: TRY002 - the point
