"""A reporter by the name of the one that everybody uses."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.estimate import Reporter

ASKS = ("--reporter", "table")
CODE = 0
SAID = "reporter: table is that of llmplan-report; there is reporter-named-table:table, too"


@hookimpl
def llmplan_reporters():
    return [Reporter(name="table", render=lambda _: "mine")]
