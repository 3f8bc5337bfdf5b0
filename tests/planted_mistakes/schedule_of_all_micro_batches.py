"""The bubble of every micro-batch, where a pipeline waits once."""

from __future__ import annotations

from llmplan import hookimpl


def bubble_seconds(times):
    return times.others * times.m


def in_flight(_p, _v, m):
    return m


@hookimpl
def llmplan_schedules():
    from llmplan.records import Schedule

    return [Schedule(name="planted", bubble_seconds=bubble_seconds, in_flight=in_flight, source="paper")]
