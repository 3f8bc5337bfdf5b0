"""What a group of accelerators reaches on a level of a cluster that is no switch.

A group on a mesh or a torus uses the links between its own members only, so that its bandwidth depends on where it
lies: ranks are numbered along the first dimension first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmplan.arrays.quantities import Number, maximum, minimum, where
from llmplan.arrays.term import term

_SCALING_BOOK = "Austin et al. 2025, How to Scale Your Model, jax-ml.github.io/scaling-book, sharding"


@term(
    "link * (n - 1) / (size - 1)",
    unit="bytes/s",
    source="one link a peer: AMD Instinct MI300X platform, rocm.docs.amd.com; Intel Gaudi 3 white paper",
)
def mesh_bytes_per_second(link: Number, n: Number, size: Number) -> Number:
    """Of n accelerators in a full mesh each has links to n - 1 peers, and leaves its other ones idle."""
    return link * (n - 1) / (size - 1)


@term("link / axes * spanned", unit="bytes/s", source=_SCALING_BOOK)
def torus_bytes_per_second(link: Number, axes: Number, spanned: Number) -> Number:
    """A collective goes around all axes of a torus that its group spans at the same time."""
    return link / axes * spanned


@term("link / axes * 4 * (n - 1) / n / stretch", unit="bytes/s", source=_SCALING_BOOK)
def exchange_bytes_per_second(link: Number, axes: Number, n: Number, stretch: Number) -> Number:
    """In an all-to-all each byte goes a quarter of the way around a ring on average, both ways at once."""
    return link / axes * 4 * (n - 1) / n / stretch


class Spanned(NamedTuple):
    """How a group lies on a torus."""

    axes: Number
    """That it spans, as much of each as it has links of its own: all of a ring, half of a line."""
    stretch: Number
    """Members along the longest axis, each as often as its links are shared."""
    steps: Number
    """Hops to the farthest member, half around each ring."""


def spanned(dimensions: Sequence[Number], n: Number, stride: Number, wraps_every: float) -> Spanned:
    """Of n members, each `stride` after the last.

    An axis is a ring where the group fills it and its length is a multiple of `wraps_every`, else a line, which has
    half the bandwidth. Groups that lie between each other on an axis share its links.
    """
    axes: Number = 0.0
    stretch: Number = 0.0
    steps: Number = 0.0
    before: Number = 1.0
    for length in dimensions:
        after = before * length
        first, last = _between(stride, before, after), _between(stride * n, before, after)
        members, sharing = last / first, first / before
        ring = (last >= after) & (length % wraps_every == 0)
        usable = where(ring, 1.0, 0.5) / sharing
        several = members > 1
        axes = axes + where(several, usable, 0.0)
        stretch = maximum(stretch, where(several, members / usable, 0.0))
        steps = steps + where(several, members / where(ring, 2.0, 1.0), 0.0)
        before = after
    return Spanned(axes, stretch, steps)


def _between(value: Number, low: Number, high: Number) -> Number:
    return minimum(maximum(value, low), high)
