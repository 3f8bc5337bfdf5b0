"""A command by the name of one that exists."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin command-takes-a-name 1.0 ignored: llmplan_commands: the command train exists already"


@hookimpl
def llmplan_commands(app):
    app.command("train")(lambda: None)
