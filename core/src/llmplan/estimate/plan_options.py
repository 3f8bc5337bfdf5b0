"""Options of plans that a plugin adds, what a plan carries of them, and the figures that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, frozen

from llmplan.errors import BadInputError
from llmplan.records.checks import lookup_name

if TYPE_CHECKING:
    from llmplan.estimate.figure import Figure
    from llmplan.records.hardware import HardwareProfile


class Settled(NamedTuple):
    """What given options come to."""

    parts: Mapping[str, Any]
    """What the plan carries, by name. A part may have `words` for the report, `warnings`, `concerns(estimate)`
    with more of them, and `replaces`: options that its `table`, in place of its own, says all of.
    """
    price_per_gpu_hour: float | None = None
    """None where these options say nothing of it."""


def _nothing(_request: Any, _hardware: HardwareProfile) -> Settled:
    return Settled(parts={})


def _described(_record: Any, of: Any, options: Any) -> None:
    """Every command line would be refused for an option that is none."""
    for name, option in options.items():
        if not (isinstance(option, Mapping) and "convert" in option):
            raise BadInputError(f"{of.name}.{name}: is not made by llmplan.request.options.described")


@frozen(kw_only=True, eq=False, repr=False)
class PlanOptions:
    """Options that a plugin adds to requests, for the command line, plan files and Python alike."""

    name: str = field(validator=lookup_name)
    options: Mapping[str, Mapping[str, Any]] = field(factory=dict, validator=_described)
    """Of training and serving, each by `llmplan.request.options.described`."""
    train: Mapping[str, Mapping[str, Any]] = field(factory=dict, validator=_described)
    """Of training alone."""
    infer: Mapping[str, Mapping[str, Any]] = field(factory=dict, validator=_described)
    """Of serving alone."""
    settle: Callable[[Any, HardwareProfile], Settled] = _nothing
    """Asked where any of them is given, with the request and the accelerator in its cluster."""
    figures: Callable[[], Iterable[Figure]] = tuple
    """Of the table of figures, each computed by its `of`."""
    keys: Callable[[Any], Mapping[str, Any]] = lambda _plan: {}
    """What the JSON says of a plan, by key; None where something does not apply."""
    description: str = ""

    def of(self, command: str) -> Mapping[str, Mapping[str, Any]]:
        """Those of a command: ``train``, ``infer``, or nothing for what both have."""
        return {**self.options, **({"train": self.train, "infer": self.infer}.get(command, {}))}
