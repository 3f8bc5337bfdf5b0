"""A module that ends the process when it is imported."""

from __future__ import annotations

import sys

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin exits-at-import 1.0 ignored: SystemExit: 0"


@hookimpl
def llmplan_commands(app):
    del app


sys.exit(0)
