"""A formula that no worker of a search can be sent."""

from __future__ import annotations

from llmplan import hookimpl


def bubble_seconds(times):
    return times.others


def in_flight(_p, _v, m):
    return m


@hookimpl
def llmplan_schedules():
    from llmplan.records import Schedule

    return [Schedule(name="planted", bubble_seconds=lambda times: times.others, in_flight=in_flight, source="paper")]
