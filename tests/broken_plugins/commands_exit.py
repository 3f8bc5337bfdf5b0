"""A plugin that ends the process when it adds its commands."""

from __future__ import annotations

import sys

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin commands-exit 1.0 ignored: llmplan_commands: SystemExit: 0"


@hookimpl
def llmplan_commands(app):
    print("adding", app)
    sys.exit(0)
