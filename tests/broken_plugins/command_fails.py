"""A command that fails."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("broken",)
CODE = 1
SAID = "plugin command-fails failed: ZeroDivisionError: integer division or modulo by zero (command_fails.py, line 1"


@hookimpl
def llmplan_commands(app):
    @app.command()
    def broken():
        return 1 // 0
