"""Seconds by line of the breakdown and by what was waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field

from llmplan.arrays.quantities import Number, dot, total
from llmplan_parallelism_megatron.serving.kernels import Waits
from llmplan_parallelism_megatron.stages import repeated_seconds, stage_seconds


@define(eq=False, repr=False)
class Tally:
    """Of one layer, an end of the model, a stage or a pass."""

    lines: dict[str, Number] = field(factory=dict)
    """By line of the breakdown."""
    bounds: dict[str, Number] = field(factory=dict)
    """By resource: ``compute``, ``weights``, ``kv_cache``, ``activations``, ``communication``, ``launch``, ``host``."""

    @classmethod
    def of(cls, counts: Sequence[Number], tallies: Sequence[Tally]) -> Tally:
        """So many of each, one after the other."""
        lines = _columns(counts, [tally.lines for tally in tallies])
        bounds = _columns(counts, [tally.bounds for tally in tallies])
        return cls(
            {line: stage_seconds(*of_line) for line, of_line in lines.items()},
            {resource: dot(*of_resource) for resource, of_resource in bounds.items()},
        )

    def add(self, line: str, waits: Waits) -> None:
        """Add the seconds of a kernel to its line."""
        self._add(line, waits.seconds, waits.by)

    def add_for(self, line: str, resource: str, seconds: Number) -> None:
        """Time in which nothing but one resource is waited for: a message, the host."""
        self._add(line, seconds, {resource: seconds})

    def _add(self, line: str, seconds: Number, by: Mapping[str, Number]) -> None:
        self.lines[line] = self.lines[line] + seconds if line in self.lines else seconds
        for resource, waited in by.items():
            self.bounds[resource] = self.bounds.get(resource, 0.0) + waited

    def repeated(self, times: Number) -> Tally:
        """The same lines, so many times over."""
        return Tally(
            {line: repeated_seconds(times, seconds) for line, seconds in self.lines.items()},
            {resource: times * seconds for resource, seconds in self.bounds.items()},
        )

    def weighted(self, weight: Number) -> Tally:
        """All of it where the weight is 1, none where it is 0."""
        of_lines = {line: weight * seconds for line, seconds in self.lines.items()}
        return Tally(of_lines, {resource: weight * seconds for resource, seconds in self.bounds.items()})

    def join(self, other: Tally) -> None:
        """Add another tally, which runs behind this one."""
        for mine, theirs in ((self.lines, other.lines), (self.bounds, other.bounds)):
            for name, seconds in theirs.items():
                mine[name] = mine[name] + seconds if name in mine else seconds

    @property
    def seconds(self) -> Number:
        """The seconds of all lines of the breakdown together."""
        return total(self.lines.values())


def _columns(
    counts: Sequence[Number], rows: Sequence[Mapping[str, Number]]
) -> Mapping[str, tuple[list[Number], list[Number]]]:
    """By name: how many, and what each of them takes."""
    columns: dict[str, tuple[list[Number], list[Number]]] = {}
    for count, row in zip(counts, rows, strict=True):
        for name, value in row.items():
            numbers, values = columns.setdefault(name, ([], []))
            numbers.append(count)
            values.append(value)
    return columns
