"""The dimensions of a training plan, one entry each: all that the enumerator, the chooser and the reports know of them.

Nothing else lists them: rows of plans, the order of ties, what is idle, what is said are loops over `DIMENSIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from math import inf
from typing import Any

from attrs import evolve, field, fields_dict, frozen

from llmplan.arrays.quantities import Truth
from llmplan.records import Layout, ModelArchitecture, Recompute, TrainingPlan
from llmplan.request import OFFLOADS, option_name
from llmplan.space.schedules import open_schedules, place_of, schedule_names

MOST_GPUS = 65_536
WIDEST_TENSOR = 1_024
"""Ranks that share a tensor; heads are fewer."""

Row = Mapping[str, Any]
"""Fields of a plan by name: of one plan, or arrays of many."""


@frozen(eq=False, repr=False)
class Scope:
    """What decides on the values that a dimension may have."""

    model: ModelArchitecture
    domain: int
    """Accelerators of a scale-up domain."""
    seq_len: int
    experts: int
    offloads: Sequence[str]
    """What the framework can keep in host memory."""
    judged_in_arrays: bool
    """Whether the cost model judges arrays of plans; else it is asked about one after the other, so about few."""


@frozen(eq=False, kw_only=True, repr=False)
class Dimension:
    """One thing that a plan decides on."""

    name: str
    """The option, and the field of the layout or the plan."""
    step: str
    """Where the enumerator adds it: with the ``sizes`` that make the GPUs, as these are ``shared``, in ``chunks``, with
    the ``batch``, or last, as the run ``goes``. Plans that differ in the last alone lie side by side, which is how cost
    models price them fastest.
    """
    plainest: Any
    """What no cost model refuses where it takes anything else; in words and without arrays what needs no mention."""
    values: Callable[[Scope], Sequence[Any]] = lambda _: ()
    """All that could be legal where nothing is given, the plainest first; none where they follow from other sizes."""
    few: Callable[[Scope], Sequence[Any]] | None = None
    """The same for a cost model that judges plans one by one."""
    usual: Callable[[], Sequence[Any]] | None = None
    """What most runs do about it, which is looked at first; None where that is no matter of custom."""
    idle: Callable[[Row], Truth] | None = None
    """Where it changes nothing, so that its first value stands for all."""
    tie: int | None = None
    """Its place among those by which equal plans are told apart, the smaller value first; None where others tell."""
    fields: Mapping[str, Callable[[Any], Any]] = field(factory=dict)
    """The fields that a value stands for, where they are not the value itself."""
    read: Callable[[Row], Any] | None = None
    """The value that fields of numbers stand for, the way back."""
    places: Callable[[], Sequence[Any]] | None = None
    """What the numbers of a column stand for, by place, where these are no numbers."""
    word: Callable[[Any], Any] = lambda value: value
    """A value as options write it."""
    heading: str = ""
    """In tables, where the name is too long."""
    always_said: bool = False
    """Whether a report states it at its plainest too."""

    @property
    def is_flag(self) -> bool:
        """Whether it is on or off."""
        return self.plainest is False

    @property
    def modes(self) -> Sequence[Any]:
        """Of a dimension that is a mode of the core's, all of them by number; none of others."""
        return tuple(type(self.plainest)) if isinstance(self.plainest, IntEnum) else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields of a row that hold it."""
        return tuple(self.fields) or (self.name,)

    def of(self, row: Row) -> Any:
        """The value that a row of numbers has, as options have it."""
        return row[self.name] if self.read is None else self.read(row)

    @property
    def unsaid(self) -> Any:
        """The value that needs no mention, as options have it."""
        return self.usual()[0] if self.plainest is None and self.usual is not None else self.word(self.plainest)


def _divisors_of_domain(scope: Scope) -> Sequence[int]:
    return divisors(scope.domain)


def _offloads(scope: Scope) -> Sequence[str]:
    """What the framework has, alone and together."""
    has = {"none": True, **{name: name in scope.offloads for name in ("optimizer", "activations")}}
    return [word for word in OFFLOADS if has.get(word, all(has.values()))]


def _offload_of(row: Row) -> str:
    both = row["offload_optimizer"] and row["offload_activations"]
    one = "optimizer" if row["offload_optimizer"] else "activations" if row["offload_activations"] else "none"
    return "all" if both else one


def _one(_scope: Scope) -> Sequence[int]:
    return (1,)


DIMENSIONS = (
    Dimension(name="gpus", step="sizes", plainest=1, tie=1, always_said=True),
    Dimension(
        name="tp", step="sizes", plainest=1, always_said=True, few=_divisors_of_domain,
        values=lambda scope: range(1, max(scope.domain, WIDEST_TENSOR) + 1),
    ),
    Dimension(name="cp", step="sizes", plainest=1, tie=4, values=lambda scope: divisors(scope.seq_len), few=_one),
    Dimension(
        name="pp", step="sizes", plainest=1, tie=3, always_said=True,
        values=lambda scope: range(1, scope.model.layers + 1),
    ),
    Dimension(
        name="vpp", step="chunks", plainest=1, tie=6, idle=lambda row: row["pp"] == 1, few=_one,
        values=lambda scope: range(1, scope.model.layers + 1),
    ),
    Dimension(name="dp", step="sizes", plainest=1, always_said=True),
    Dimension(
        name="ep", step="sizes", plainest=1, tie=5, values=lambda scope: divisors(scope.experts), few=_one,
        idle=lambda row: row["dp"] * row["cp"] == 1,
    ),
    Dimension(
        name="sequence_parallel", step="shared", plainest=False, tie=13, usual=lambda: (True,), heading="sp",
        values=lambda _: (False, True), idle=lambda row: row["tp"] == 1,
    ),
    Dimension(
        name="zero", step="shared", plainest=0, tie=8, usual=lambda: (1, 3), heading="ZeRO", always_said=True,
        values=lambda _: (0, 1, 2, 3), idle=lambda row: row["dp"] * row["cp"] == 1,
    ),
    Dimension(
        name="zero_group", step="shared", plainest=None, tie=14, heading="over",
        values=lambda _: (inf,), idle=lambda row: row["dp"] * row["cp"] == 1,
    ),
    Dimension(
        name="schedule", step="shared", plainest=None, tie=7, usual=lambda: schedule_names()[:1],
        values=lambda _: open_schedules(), few=lambda _: schedule_names()[:1], idle=lambda row: row["pp"] == 1,
        fields={"schedule": place_of}, read=lambda row: schedule_names()[int(row["schedule"])], places=schedule_names,
    ),
    Dimension(name="micro_batch", step="batch", plainest=1, tie=12, heading="batch", always_said=True),
    Dimension(name="gradient_accumulation", step="batch", plainest=1, tie=15),
    Dimension(
        name="recompute", step="goes", plainest=Recompute(0), tie=11, always_said=True,
        values=lambda _: tuple(Recompute), word=lambda value: Recompute(value).label,
    ),
    Dimension(
        name="offload", step="goes", plainest="none", tie=9, usual=lambda: ("none",), values=_offloads,
        few=lambda _: ("none",),
        fields={
            "offload_optimizer": lambda word: word in ("optimizer", "all"),
            "offload_activations": lambda word: word in ("activations", "all"),
        },
        read=_offload_of,
    ),
)  # fmt: skip
"""In the order of reports."""
BY_NAME: Mapping[str, Dimension] = {dimension.name: dimension for dimension in DIMENSIONS}
NAMES = tuple(BY_NAME)
BY_COLUMN: Mapping[str, Dimension] = {column: one for one in DIMENSIONS for column in one.columns}
COLUMNS = tuple(BY_COLUMN)
"""The fields of a plan that a search decides on."""
_OF_LAYOUT = tuple(name for name in COLUMNS if name in fields_dict(Layout))
TIES = (
    "worded", "case",
    *(
        column
        for dimension in sorted((one for one in DIMENSIONS if one.tie is not None), key=lambda one: one.tie or 0)
        for column in (*dimension.columns, *(("model_parallel",) if dimension.name == "gpus" else ()))
    ),
)  # fmt: skip
"""Which of equal plans comes first, column by column, the smaller before the larger: without words against its layout,
in the order of the records given, on fewer GPUs, with less model parallelism (tp x cp x pp), then by `Dimension.tie`.
"""


def of_step(step: str) -> tuple[Dimension, ...]:
    """The dimensions that the enumerator adds together, in their order."""
    return tuple(dimension for dimension in DIMENSIONS if dimension.step == step)


def columns_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row for values of dimensions."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        fields = BY_NAME[name].fields
        row |= {column: of(value) for column, of in fields.items()} if fields else {name: value}
    return row


SIZE_COLUMNS = tuple(name for one in DIMENSIONS if one.step in ("sizes", "chunks", "batch") for name in one.columns)
"""The fields that say how large everything is; the others say how it goes."""
SIZES = tuple(one.name for one in DIMENSIONS if one.step in ("sizes", "chunks") and one.name != "gpus")
"""How the work is divided, in the order of reports."""
PLAINEST: Row = columns_of({dimension.name: dimension.plainest for dimension in DIMENSIONS})


def laid_out(template: TrainingPlan, row: Row) -> TrainingPlan:
    """The template with the fields of a row, of numbers or arrays, and the plainest of what the row leaves out."""
    chosen = {**PLAINEST, **{name: row[name] for name in COLUMNS if name in row}}
    chosen["schedule"] = template.schedule.at(chosen["schedule"])
    layout = evolve(template.layout, **{name: chosen[name] for name in _OF_LAYOUT})
    return evolve(template, layout=layout, **{name: chosen[name] for name in COLUMNS if name not in _OF_LAYOUT})


def row_of(plan: TrainingPlan) -> dict[str, Any]:
    """The fields of a plan."""
    held = {name: getattr(plan.layout if name in _OF_LAYOUT else plan, name) for name in COLUMNS}
    return {**held, "schedule": place_of(plan.schedule_name)}


def described(plan: TrainingPlan) -> dict[str, Any]:
    """What a plan decides on, by option and in the words of options."""
    row = row_of(plan)
    return {option_name(one.name): one.word(one.of(row)) for one in DIMENSIONS}


def is_idle(dimension: Dimension, row: Row) -> Truth:
    """Where it changes nothing."""
    return dimension.idle is not None and dimension.idle(row)


@frozen(eq=False, repr=False)
class Values:
    """The values of every dimension that has any, each in order, the plainest first."""

    of: Mapping[str, Sequence[Any]]
    given: frozenset[str]
    """Those that the user gave: their values are not thinned out."""

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.of[name]

    def only(self, name: str) -> Any:
        """The one value that there is; None where there are several, or none."""
        values = self.of.get(name, ())
        return values[0] if len(values) == 1 else None


def values_of(given: Mapping[str, Sequence[Any]], scope: Scope) -> Values:
    """What is given, and all values that could be legal of what is not."""
    return Values({**dict(_open(scope)), **given}, frozenset(given))


def _open(scope: Scope) -> Iterator[tuple[str, Sequence[Any]]]:
    for dimension in DIMENSIONS:
        few = None if scope.judged_in_arrays else dimension.few
        values = (few or dimension.values)(scope)
        if values:
            yield dimension.name, values


def divisors(number: int) -> tuple[int, ...]:
    """In order."""
    small = [size for size in range(1, int(number**0.5) + 1) if number % size == 0]
    return tuple(dict.fromkeys([*small, *(number // size for size in reversed(small))]))


def micro_batches(most: int) -> tuple[int, ...]:
    """Powers of two and three times those, where a batch is only about what was asked."""
    doubled = [1 << power for power in range(most.bit_length())]
    return tuple(sorted(size for size in {*doubled, *(3 * size for size in doubled)} if size <= most))
