"""The dimensions of a training run: the values of each, as given or all that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from attrs import frozen

from llmplan.records import Recompute, Schedule
from llmplan.space.choice import Choice
from llmplan.space.experts import experts_of

MOST_GPUS = 65_536
_WIDEST_TENSOR = 1_024
"""Ranks that share a tensor; heads are fewer."""
OFFLOADS = {"none": (False, False), "optimizer": (True, False), "activations": (False, True), "all": (True, True)}
"""Of optimizer states and activations."""


@frozen(eq=False)
class Dimensions:
    """The values of every dimension, each in order, the plainest first."""

    of: Mapping[str, Sequence[Any]]
    given: frozenset[str]
    """Those that the user gave: their values are not thinned out."""

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.of[name]


def dimensions_of(
    values: Mapping[str, Sequence[Any]], choice: Choice, seq_len: int, *, judges_arrays: bool
) -> Dimensions:
    """What is given, and all values that could be legal of what is not.

    A cost model that cannot judge arrays of plans is asked about one after the other, so only the usual ones.
    """
    of = _all(choice, seq_len) | ({} if judges_arrays else _usual(choice)) | dict(values)
    return Dimensions(of, frozenset(values))


def _all(choice: Choice, seq_len: int) -> dict[str, Sequence[Any]]:
    domain, layers = choice.hardware.scale_up_domain, choice.model.layers
    return {
        "tp": range(1, max(domain, _WIDEST_TENSOR) + 1),
        "pp": range(1, layers + 1),
        "cp": divisors(seq_len),
        "ep": divisors(experts_of(choice.model)),
        "vpp": range(1, layers + 1),
        "sequence_parallel": (False, True),
        "zero": (0, 1, 2, 3),
        "zero_group": (inf,),
        "recompute": tuple(Recompute),
        "schedule": tuple(Schedule),
        "offload": tuple(OFFLOADS),
    }


def _usual(choice: Choice) -> dict[str, Sequence[Any]]:
    alone = dict.fromkeys(("cp", "ep", "vpp"), (1,))
    usual = {"schedule": (Schedule.ONE_F_ONE_B,), "offload": ("none",)}
    return {**alone, **usual, "tp": divisors(choice.hardware.scale_up_domain)}


def divisors(number: int) -> tuple[int, ...]:
    """In order."""
    small = [size for size in range(1, int(number**0.5) + 1) if number % size == 0]
    return tuple(dict.fromkeys([*small, *(number // size for size in reversed(small))]))


def micro_batches(most: int) -> tuple[int, ...]:
    """Powers of two and three times those, where a batch is only about what was asked."""
    doubled = [1 << power for power in range(most.bit_length())]
    return tuple(sorted(size for size in {*doubled, *(3 * size for size in doubled)} if size <= most))
