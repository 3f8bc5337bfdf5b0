"""A pipeline schedule that holds no number of micro-batches."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import Schedule

ASKS = ("--schedule", "broken", "--pp", "2")
SAID = "schedule: broken of schedule-nan"


@hookimpl
def llmplan_schedules():
    return [Schedule(name="broken", bubble_seconds=lambda times: times.others * float("nan"))]
