"""A launcher that ends the process over the files of others."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.estimate import Launcher

ASKS = ("train", "--from", "FOLDER/run.sh")
SAID = "launcher: broken of launcher-recognises-exits failed: SystemExit: 0"


@hookimpl
def llmplan_launchers():
    leave = {"write": lambda _: None, "read": lambda _: None, "recognises": lambda _: sys.exit(0)}
    return [Launcher(name="broken", command="train", **leave)]
