"""An option that would stand in the place of one of ours."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "option: --gpus is llmplan's own"


@hookimpl
def llmplan_command_options():
    from llmplan.estimate import CommandOption

    return [CommandOption(name="gpus", metavar="N", help="broken", read=lambda *_: {"gpus": 1})]
