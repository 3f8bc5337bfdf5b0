"""An option that stands for one that there is not."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("--broken", "x")
CODE = 1
SAID = "command-option: broken of option-reads-what-there-is-not read: returned the option 'nonsense'"


@hookimpl
def llmplan_command_options():
    from llmplan.estimate import CommandOption

    return [CommandOption(name="broken", metavar="X", help="broken", read=lambda *_: {"nonsense": 1})]
