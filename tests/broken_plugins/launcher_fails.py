"""A launcher that returns a mere text."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.estimate import Launcher

ASKS = ("--export", "broken")
CODE = 1
SAID = "launcher: broken of launcher-fails returned a str, not a LaunchFile"


@hookimpl
def llmplan_launchers():
    return [Launcher(name="broken", command="train", write=lambda _: "#!/bin/sh")]
