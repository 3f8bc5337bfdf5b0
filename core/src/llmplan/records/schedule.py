"""Pipeline schedules: in which order a stage works on its micro-batches, and what its bubble and memory come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from attrs import field, frozen

from llmplan.arrays.quantities import Number, minimum, where
from llmplan.records.checks import lookup_name


class PipelineTimes(NamedTuple):
    """What a schedule may fill its bubble with: seconds of one micro-batch, numbers or arrays of them."""

    others: Number
    """Of all stages but the slowest, forward and backward together."""
    others_weights: Number
    """The part of them that gradients of weights take, which can wait."""
    own_weights: Number
    """The same of the slowest stage."""
    p: Number
    """Stages."""
    v: Number
    """Chunks of layers on each stage."""
    m: Number
    """Micro-batches."""


def _whole_bubble(times: PipelineTimes) -> Number:
    return times.others


def _as_many_as_stages(p: Number, _v: Number, m: Number) -> Number:
    return minimum(p, m)


@frozen(kw_only=True, eq=False, repr=False)
class Schedule:
    """One schedule. Its formulas take numbers and arrays alike, so they are made of `llmplan.arrays.quantities`; and
    they are functions of a module, which can be sent to the workers of a search.

    A search passes over plans by what none falls below: `bubble_seconds` with gradients of weights that take all of the
    time, so it must not rise where those become longer, nor fall where `others` become longer.
    """

    name: str = field(validator=lookup_name)
    default: bool = False
    """Whether it is meant where the user names none."""
    description: str = ""
    bubble_seconds: Callable[[PipelineTimes], Number] = field(default=_whole_bubble, repr=False)
    """How long the slowest stage waits in an iteration, transfers aside."""
    in_flight: Callable[[Number, Number, Number], Number] = field(default=_as_many_as_stages, repr=False)
    """Micro-batches whose activations the first stage holds, of p stages, v chunks and m micro-batches."""
    interleaves: bool = False
    """Whether a stage may hold several chunks."""
    both_ways: bool = False
    """Micro-batches enter at both ends: a rank holds the layers of two stages, and tokens travel to experts and back
    behind the computation of those that come the other way.
    """
    on_request: bool = False
    """Tried only where it is named: few programs have it."""
    source: str = ""

    def of(self, figure: Callable[[Schedule], Any]) -> Any:
        """A figure that depends on the schedule; `Schedules` has the same of many plans."""
        return figure(self)

    def at(self, _which: Any) -> Schedule:
        """The same: there is no other to choose."""
        return self

    @property
    def among(self) -> tuple[Schedule, ...]:
        """The schedules that plans may have: this one."""
        return (self,)

    @property
    def which(self) -> Number:
        """The place of a schedule among these."""
        return 0.0


PLAIN = Schedule(name="none", description="that of a plan where no plugin offers one", default=True)


@frozen(eq=False, repr=False)
class Schedules:
    """Those of an array of plans: several, and which of them each plan has."""

    among: Sequence[Schedule]
    which: Number
    """By place, one number a plan."""

    def of(self, figure: Callable[[Schedule], Any]) -> Any:
        """A figure that depends on the schedule, plan by plan."""
        value = figure(self.among[0])
        for place, schedule in enumerate(self.among[1:], start=1):
            value = where(self.which == place, figure(schedule), value)
        return value

    def at(self, which: Any) -> Schedule | Schedules:
        """The same with others chosen; one schedule where that is a number."""
        return self.among[int(which)] if isinstance(which, (int, float)) else Schedules(self.among, which)
