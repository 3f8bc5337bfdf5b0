"""Reads back another micro-batch than it was given."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_launchers():
    from llmplan.estimate import Launcher, LaunchFile, LaunchOptions

    return [
        Launcher(
            name="planted",
            command="train",
            description="planted",
            write=lambda _: LaunchFile("planted --batch 1\n"),
            read=lambda _: LaunchOptions({"micro_batch": 1}),
            recognises=lambda text: text.startswith("planted"),
        )
    ]
