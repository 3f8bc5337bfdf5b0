"""A hook that ends the process when it is asked."""

from __future__ import annotations

import sys

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin hook-exits 1.0 ignored: llmplan_hardware_profiles: SystemExit: 0"


@hookimpl
def llmplan_hardware_profiles():
    sys.exit(0)
