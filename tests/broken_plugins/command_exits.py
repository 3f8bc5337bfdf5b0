"""A command that ends the process, and calls it a success."""

from __future__ import annotations

import sys

from llmplan import hookimpl

ASKS = ("broken",)
CODE = 1
SAID = "plugin command-exits failed: SystemExit: 0 (command_exits.py, line 1"


@hookimpl
def llmplan_commands(app):
    @app.command()
    def broken():
        sys.exit(0)
