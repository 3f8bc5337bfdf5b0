"""A command whose failure has control codes of a terminal in it."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("broken",)
SAID = "command-prints-controls failed: ValueError: ?[31mred? (command_prints_controls.py, line 1"


@hookimpl
def llmplan_commands(app):
    @app.command("broken")
    def broken():
        raise ValueError("\x1b[31mred\x07")
