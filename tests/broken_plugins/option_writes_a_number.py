"""An option that writes what is no text."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("--broken", "x")
CODE = 1
SAID = "command-option: broken of option-writes-a-number begin: wrote a int, not text"


@hookimpl
def llmplan_command_options():
    from llmplan.estimate import CommandOption

    return [CommandOption(name="broken", metavar="X", help="broken", begin=lambda *_: lambda _: lambda: 7)]
