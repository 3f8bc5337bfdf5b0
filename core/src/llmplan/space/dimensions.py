"""The dimensions of a plan, one entry each: all that the enumerators, the choosers and the reports know of them.

Nothing else lists them: rows of plans, the order of ties, what is idle, what is said are loops over `DIMENSIONS`, those
of training, and `SERVED`, those of servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields_dict, frozen

from llmplan.records import OFFLOADS, Layout, Recompute
from llmplan.request import option_name
from llmplan.space.dimension import Dimension, Served
from llmplan.space.schedules import open_schedules, place_of, schedule_names

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Truth
    from llmplan.records import ServerPlan, TrainingPlan
    from llmplan.space.dimension import Row, Scope

MOST_GPUS = 65_536
WIDEST_TENSOR = 1_024
"""Ranks that share a tensor; heads are fewer."""
_WIDEST_REPLICA = 8
"""Ranks that share a tensor of a server where the scale-up domain is smaller, as the last resort."""
_MOST_STAGES = 64
"""Of a server's pipeline."""


def _divisors_of_domain(scope: Scope) -> Sequence[int]:
    return divisors(scope.domain)


def _offloads(scope: Scope) -> Sequence[str]:
    """What the framework has, alone and together."""
    has = {*scope.offloads, *(("optimizer",) if "parameters" in scope.offloads else ())}
    alone = "optimizer" in scope.offloads
    return [
        word
        for word, parts in OFFLOADS.items()
        if has.issuperset(parts) and (alone or "parameters" in parts or "optimizer" not in parts)
    ]


def _offload_of(row: Row) -> str:
    waiting = tuple(part for part in OFFLOADS["everything"] if row[f"offload_{part}"])
    return next(word for word, parts in OFFLOADS.items() if parts == waiting)


def _waits(part: str, word: str) -> bool:
    return part in OFFLOADS[word]


def _one(_scope: Scope) -> Sequence[int]:
    return (1,)


def _of_layout(name: str) -> Callable[[ServerPlan], Any]:
    return lambda server: int(getattr(server.plan.layout, name))


def _of_prefill(name: str) -> Callable[[ServerPlan], Any]:
    return lambda server: 0 if server.prefill_pool is None else int(getattr(server.prefill_pool.layout, name))


def _draft_model(server: ServerPlan) -> str:
    draft = None if server.speculation is None else server.speculation.draft
    return "none" if draft is None else draft.model.name


def _draft_tokens(server: ServerPlan) -> int:
    return 0 if server.speculation is None else server.speculation.draft_tokens


TABLE = (
    Dimension(
        name="gpus", step="sizes", plainest=1, tie=1, always_said=True,
        served=Served(decides="total", read=_of_layout("gpus")),
    ),
    Dimension(
        name="tp", step="sizes", plainest=1, always_said=True, few=_divisors_of_domain,
        values=lambda scope: range(1, max(scope.domain, WIDEST_TENSOR) + 1),
        served=Served(
            decides="replica", read=_of_layout("tp"), left_open="powers of two inside the scale-up domain",
            values=lambda scope: powers_of_two(scope.domain),
            further=lambda scope: powers_of_two(max(_WIDEST_REPLICA, scope.domain)),
        ),
    ),
    Dimension(name="cp", step="sizes", plainest=1, tie=4, values=lambda scope: divisors(scope.seq_len), few=_one),
    Dimension(
        name="pp", step="sizes", plainest=1, tie=3, always_said=True,
        values=lambda scope: range(1, scope.model.layers + 1),
        served=Served(
            decides="replica", read=_of_layout("pp"),
            left_open="powers of two, to twice the shortest pipeline that fits",
            values=lambda scope: powers_of_two(min(scope.model.layers, _MOST_STAGES)),
            further=lambda scope: range(1, scope.model.layers + 1),
        ),
    ),
    Dimension(
        name="vpp", step="chunks", plainest=1, tie=6, idle=lambda row: row["pp"] == 1, few=_one,
        values=lambda scope: range(1, scope.model.layers + 1),
    ),
    Dimension(
        name="dp", step="sizes", plainest=1, always_said=True,
        served=Served(
            decides="group", read=_of_layout("dp"), values=lambda scope: powers_of_two(scope.domain),
            left_open="under a load the fewest replicas that hold it, else one, or what gpus makes",
        ),
    ),
    Dimension(
        name="ep", step="sizes", plainest=1, tie=5, values=lambda scope: divisors(scope.experts), few=_one,
        idle=lambda row: row["dp"] * row["cp"] == 1,
        served=Served(
            decides="group", read=_of_layout("ep"), values=lambda scope: divisors(scope.experts),
            left_open="experts over the replicas of a scale-up domain, and over some of their tensor parallel ranks",
        ),
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
        fields={f"offload_{part}": partial(_waits, part) for part in OFFLOADS["everything"]},
        read=_offload_of,
    ),
    Dimension(name="concurrency", served=Served(decides="load", read=lambda server: server.workload.concurrency)),
    Dimension(name="kv_bits", served=Served(decides="case", read=lambda server: server.plan.kv_bits)),
    Dimension(name="prefill_replicas", served=Served(decides="pool", read=_of_prefill("dp"), unsaid=0)),
    Dimension(name="prefill_tp", served=Served(decides="pool", read=_of_prefill("tp"), unsaid=0)),
    Dimension(name="prefill_pp", served=Served(decides="pool", read=_of_prefill("pp"), unsaid=0)),
    Dimension(name="step_tokens", served=Served(decides="case", read=lambda server: server.step_tokens)),
    Dimension(name="max_sequences", served=Served(decides="case", read=lambda server: server.max_sequences)),
    Dimension(name="chunked_prefill", served=Served(decides="case", read=lambda server: server.chunked)),
    Dimension(name="speculative_tokens", served=Served(decides="case", read=_draft_tokens, unsaid=0)),
    Dimension(name="draft_model", served=Served(decides="case", read=_draft_model, unsaid="none")),
)  # fmt: skip
"""In the order of reports."""
DIMENSIONS = tuple(one for one in TABLE if one.step)
"""Those of training."""
SERVED: Mapping[str, Served] = {one.name: one.served for one in TABLE if one.served is not None}
"""Those of servers, by name."""
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
    """The fields of a plan, one for each dimension."""
    held = {name: getattr(plan.layout if name in _OF_LAYOUT else plan, name) for name in COLUMNS}
    return {**held, "schedule": place_of(plan.schedule_name)}


def described(plan: TrainingPlan) -> dict[str, Any]:
    """What a plan decides on, by option and in the words of options."""
    row = row_of(plan)
    return {option_name(one.name): one.word(one.of(row)) for one in DIMENSIONS}


def is_idle(dimension: Dimension, row: Row) -> Truth:
    """Whether a dimension changes nothing in these plans."""
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


def served(*decides: str) -> tuple[str, ...]:
    """The dimensions of servers that decide one of these, in their order."""
    return tuple(name for name, one in SERVED.items() if one.decides in decides)


def without_layout(options: Mapping[str, Any], command: str) -> dict[str, Any]:
    """What is given beside a layout, which a search chooses; of serving a batch means nothing to it either."""
    if command == "train":
        chosen = (*(name for name in NAMES if name != "gpus"), "gradient_accumulation", "max_micro_batch")
    else:
        from llmplan.request.searches import NOT_OF_SERVERS

        chosen = (*NOT_OF_SERVERS, "gpus", "tp", "pp", "dp", "ep")
    return {name: value for name, value in options.items() if name not in chosen}


def divisors(number: int) -> tuple[int, ...]:
    """The divisors of a number in ascending order."""
    small = [size for size in range(1, int(number**0.5) + 1) if number % size == 0]
    return tuple(dict.fromkeys([*small, *(number // size for size in reversed(small))]))


def powers_of_two(most: int) -> tuple[int, ...]:
    """The powers of two up to a number in ascending order."""
    return tuple(1 << power for power in range(most.bit_length()))


def micro_batches(most: int) -> tuple[int, ...]:
    """Powers of two and three times those, where a batch is only about what was asked."""
    doubled = powers_of_two(most)
    return tuple(sorted(size for size in {*doubled, *(3 * size for size in doubled)} if size <= most))
