"""A pipeline schedule that ends the process."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.records import Schedule

ASKS = ("--schedule", "broken", "--pp", "2")
SAID = "schedule: broken of schedule-exits"


def leave(*_):
    sys.exit(0)


@hookimpl
def llmplan_schedules():
    return [Schedule(name="broken", in_flight=leave)]
