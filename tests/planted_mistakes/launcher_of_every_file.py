"""Takes the files of all others for its own."""

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
            write=lambda _: LaunchFile("x\n"),
            read=lambda _: LaunchOptions({"tp": 1}),
            recognises=lambda _: True,
        )
    ]
