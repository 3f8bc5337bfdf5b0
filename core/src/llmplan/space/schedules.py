"""Pipeline schedules in rows of a space, which are numbers: each schedule has a place among all that there are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from llmplan.catalogues import SCHEDULES, registry
from llmplan.records import Schedule, Schedules
from llmplan.records.schedule import PLAIN
from llmplan.space.choice import default_record, find_record

if TYPE_CHECKING:
    from llmplan.catalogues import Registry


def _all() -> list[Schedule]:
    """Those of the plugins that are installed now, and then those given as records."""
    return known(registry())


@cache
def known(plugins: Registry) -> list[Schedule]:
    """Those that plugins offer, the default first, the plain one where they offer none."""
    offered = plugins.schedules
    if not offered:
        return [PLAIN]
    usual = default_record(offered, "schedule")
    return sorted(offered.values(), key=lambda schedule: schedule is not usual)


def schedules() -> Schedules:
    """All of them, of a plan whose own is still to come."""
    return Schedules(tuple(_all()), 0.0)


def schedule_names() -> tuple[str, ...]:
    """In the order of their places."""
    return tuple(schedule.name for schedule in _all())


def open_schedules() -> tuple[str, ...]:
    """Those that are tried where none is given: what came with the default, so that another plugin changes no plan, and
    most programs have.
    """
    names, offered = schedule_names(), registry().schedules
    if not offered:
        return names
    provider = offered.providers(names[0])[0]
    return tuple(
        name
        for name, schedule in offered.items()
        if name in names and provider in offered.providers(name) and not schedule.on_request
    )


def adopt(given: Schedules) -> None:
    """Have those that a case of another process brought along."""
    for schedule in given.among:
        place_of(schedule)


def place_of(given: Schedule | str | None) -> int:
    """Of a schedule, by name or as a record; the first where none is given. BadInputError where there is none."""
    if given is None:
        return 0
    names = schedule_names()
    name = given.name if isinstance(given, Schedule) else given
    if name in names:
        return names.index(name)
    if isinstance(given, Schedule):
        _all().append(given)
        return len(names)
    found: Schedule = find_record(given, "schedule", SCHEDULES)
    return _all().index(found)
