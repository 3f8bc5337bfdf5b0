"""What makes two runs alike, as far as prediction errors go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmplan.arrays.quantities import Number, Truth

OTHER = "other"
"""Any program that no published run names: it is priced with the profile of another."""
DATASHEET = "datasheet"
"""The trait of accelerators without timed kernels."""
ARCHITECTURE = "architecture"
"""The trait of accelerators of whose architecture no run is published."""

ESSENTIAL = frozenset({"lora", "qlora"})
"""Traits that make another program of one that no run is published of with them."""


class Kind(NamedTuple):
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

    def distinct(self) -> tuple[Kind, Any]:
        """Each kind that occurs among plans of arrays, once, and which of them each plan is of; None for one plan.

        A million plans are of a few dozen kinds.
        """
        flags = [has for has in (*self.traits.values(), self.sharded) if getattr(has, "ndim", 0)]
        if not flags and not getattr(self.scale, "ndim", 0):
            return self, None
        from llmplan_costing.combinations import numbered

        scale: Any = self.scale
        sizes, codes = ([scale], 0) if not getattr(scale, "ndim", 0) else _codes(scale)
        for flag in flags:
            codes = codes * 2 + flag
        found = numbered(codes, len(sizes) << len(flags))

        def first(value: Any) -> Any:
            return value.take(found.rows) if getattr(value, "ndim", 0) else value

        traits = {name: first(has) for name, has in self.traits.items()}
        return self._replace(traits=traits, scale=first(scale), sharded=first(self.sharded)), found.numbers


def _codes(values: Any) -> tuple[Any, Any]:
    """The distinct values, and for each value its number."""
    distinct, codes = values.__array_namespace__().unique_inverse(values)
    return distinct, codes
