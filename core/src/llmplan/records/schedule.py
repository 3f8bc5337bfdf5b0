"""Pipeline schedules: in which order a stage works on its micro-batches, and what its bubble and memory come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from attrs import field, frozen

from llmplan.arrays.quantities import Number
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


@frozen(kw_only=True, eq=False, repr=False)
class PipelineSchedule:
    """One schedule. Its formulas take numbers and arrays alike, so they are made of `llmplan.arrays.quantities`.

    A search passes over plans by what none falls below: `bubble_seconds` with gradients of weights that take all of the
    time, so it must not rise where those become longer, nor fall where `others` become longer.
    """

    name: str = field(validator=lookup_name)
    default: bool = False
    """Whether it is meant where the user names none."""
    description: str = ""
    bubble_seconds: Callable[[PipelineTimes], Number]
    """How long the slowest stage waits in an iteration, transfers aside."""
    in_flight: Callable[[Number, Number, Number], Number]
    """Micro-batches whose activations the first stage holds, of p stages, v chunks and m micro-batches."""
    interleaves: bool = False
    """Whether a stage may hold several chunks."""
    source: str = ""
