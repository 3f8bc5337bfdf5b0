"""As many micro-batches as stages, where there are fewer."""

from __future__ import annotations

from llmplan import hookimpl


def bubble_seconds(times):
    return times.others


def in_flight(p, _v, m):
    return (p + m) / 2


@hookimpl
def llmplan_schedules():
    from llmplan.records import Schedule

    return [Schedule(name="planted", bubble_seconds=bubble_seconds, in_flight=in_flight, source="paper")]
