"""Seconds by line of the breakdown and by what was waited for."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from llmplan.arrays.quantities import Number, total


@define(eq=False)
class Tally:
    """Of one layer, an end of the model, a stage or a pass."""

    lines: dict[str, Number] = field(factory=dict)
    """By line of the breakdown."""
    bounds: dict[str, Number] = field(factory=dict)
    """By resource: ``compute``, ``weights``, ``kv_cache``, ``activations``, ``communication``, ``launch``, ``host``."""

    def add(self, line: str, resources: Mapping[str, Number]) -> None:
        """A kernel or a message."""
        self.lines[line] = self.lines.get(line, 0.0) + total(resources.values())
        for resource, seconds in resources.items():
            self.bounds[resource] = self.bounds.get(resource, 0.0) + seconds

    def add_times(self, times: Number, other: Tally) -> None:
        """So many of another."""
        for mine, theirs in ((self.lines, other.lines), (self.bounds, other.bounds)):
            for name, seconds in theirs.items():
                mine[name] = mine.get(name, 0.0) + times * seconds

    @property
    def seconds(self) -> Number:
        """All lines."""
        return total(self.lines.values())
