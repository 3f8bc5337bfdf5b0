"""What makes two runs alike, as far as prediction errors go."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from llmplan.arrays.quantities import Number, Truth

OTHER = "other"
"""Any program that no published run names: it is priced with the profile of another."""
DATASHEET = "datasheet"
"""The trait of accelerators without timed kernels."""
ARCHITECTURE = "architecture"
"""The trait of accelerators of whose architecture no run is published."""

ESSENTIAL = frozenset({"lora", "qlora"})
"""Traits that make another program of one that no run is published of with them."""


@frozen(kw_only=True, eq=False, repr=False)
class Kind:
    """A plan, or an array of plans that differ in traits and scale."""

    program: str
    architecture: str
    traits: Mapping[str, Truth]
    """What else a plan may have in common with published ones: whether it has it, by name. Traits of one sequence, such
    as experts inside and beyond the scale-up domain, exclude each other.
    """
    scale: Number
    """Accelerators of a run, or of one replica of a server."""
    essential: frozenset[str] = frozenset()
    """Those of its traits that are `ESSENTIAL`."""
    sharded: Truth = False
    """Whether weights or gradients are divided over replicas: these runs have a largest scale of their own."""
