"""A command whose error chain is longer than one."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("broken",)
SAID = "command-raises-from-its-own-error failed: RuntimeError: second"


@hookimpl
def llmplan_commands(app):
    @app.command("broken")
    def broken():
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise RuntimeError("second") from error
