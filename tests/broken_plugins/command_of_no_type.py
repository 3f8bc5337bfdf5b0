"""A command with an argument that no command line can hold."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin command-of-no-type 1.0 ignored: llmplan_commands: "


@hookimpl
def llmplan_commands(app):
    @app.command("broken")
    def broken(one: object):
        print(one)
