"""Training runs of one model on one accelerator in one dtype: how plans are listed, judged, priced and written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

import numpy as np
from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.estimate import Kind, Line, TrainingEstimate
from llmplan.records import Recompute, Schedule, TrainingPlan
from llmplan.request import TrainRequest
from llmplan.search.arrays import Columns, length
from llmplan.search.batches import ABOUT, Batch, batch_of
from llmplan.search.dimensions import OFFLOADS, Dimensions, dimensions_of
from llmplan.search.enumeration import Masks
from llmplan.search.space import TrainingSpace
from llmplan.search.training_listing import Listing
from llmplan.space.choice import Choice, choose, failing_as
from llmplan.space.layout import Sizes
from llmplan.space.training import at_mfu, price_all_given, refuse_two_micro_batches
from llmplan.space.training_plan import make_plan, sequence_length

_OF_LAYOUT = ("gpus", "tp", "pp", "dp", "cp", "ep", "vpp", "sequence_parallel", "zero", "zero_group")
_FLAGS = ("sequence_parallel", "offload_optimizer", "offload_activations")
_OF_PLAN = ("micro_batch", "gradient_accumulation", "recompute", "schedule", *_FLAGS[1:])
PLAIN_ZERO = 1
COLUMNS = (*_OF_LAYOUT, *_OF_PLAN)
"""The fields of a plan that a search decides on."""
_PLAINEST: Mapping[str, Any] = {
    **dict.fromkeys(("ep", "vpp", "micro_batch", "gradient_accumulation"), 1),
    **dict.fromkeys(("zero", "recompute", "schedule"), 0),
    **dict.fromkeys(_FLAGS, False),
    "zero_group": None,
}
"""What no cost model refuses where it takes anything else."""
_BOUND, _HELD = Line("bound", Kind.WAITING), Line("bound", Kind.TENSORS)
"""The only lines of a bound: time in which as little power as possible is drawn, and memory."""


@frozen(eq=False)
class TrainingCase:
    """All that a worker needs to list and price its share of the plans."""

    index: int
    request: TrainRequest
    choice: Choice
    template: TrainingPlan
    """A plan whose numbers are still to come."""
    dimensions: Dimensions
    batch: Batch

    @property
    def listing(self) -> Listing:
        """The plans, in order."""
        limit = self.request.max_micro_batch
        return Listing(
            dimensions=self.dimensions,
            batch=self.batch,
            layers=self.choice.model.layers,
            seq_len=int(self.template.seq_len),
            tokens=self.template.tokens,
            most_micro_batch=float(limit) if isinstance(limit, int) else inf,
            refused=self.refused,
        )

    def refused(self, columns: Columns) -> Masks:
        """By constraint, where the cost model refuses plans."""
        illegal = getattr(self.choice.cost_model, "illegal", None)
        with failing_as(self.choice.cost_model):
            masks: Masks = self._refused_one_by_one(columns) if illegal is None else illegal(self.plan(columns))
        return masks

    def _refused_one_by_one(self, columns: Columns) -> Masks:
        broken: dict[str, Any] = {}
        for at, plan in enumerate(self._scalars(columns)):
            try:
                self.choice.cost_model.check(plan)
            except BadInputError as error:
                words = f"{str(error).partition(':')[0]}, as {self.choice.cost_model.name} takes it"
                broken.setdefault(words, np.zeros(length(columns), dtype=bool))[at] = True
        return broken

    def worded(self, columns: Columns) -> Any:
        """Where the cost model has words against the layout."""
        said, check = getattr(self.choice.cost_model, "worded", None), self.choice.cost_model.check
        with failing_as(self.choice.cost_model):
            if said is None:
                return np.array([bool(check(plan)) for plan in self._scalars(columns)], dtype=bool)
            return np.broadcast_to(np.asarray(said(self.plan(columns)), dtype=bool), length(columns))

    def plain(self, columns: Columns) -> Any:
        """Which plans somebody would begin with: at most ZeRO 1."""
        return columns["zero"] <= PLAIN_ZERO

    def plan(self, columns: Columns) -> TrainingPlan:
        """One plan that holds them all, and the plainest of what is not decided yet."""
        chosen = {**_PLAINEST, **{name: columns[name] for name in COLUMNS if name in columns}}
        if "zero_group" not in columns or not (columns["zero_group"] < inf).any():
            chosen["zero_group"] = None
        layout = evolve(self.template.layout, **{name: chosen[name] for name in _OF_LAYOUT})
        return evolve(self.template, layout=layout, **{name: chosen[name] for name in _OF_PLAN})

    def _scalars(self, columns: Columns) -> Iterator[TrainingPlan]:
        """Plans of numbers, one by one."""
        for at in range(length(columns)):
            row = {**_PLAINEST, **row_of(columns, at)}
            layout = evolve(self.template.layout, **{name: row[name] for name in _OF_LAYOUT})
            yield evolve(self.template, layout=layout, **{name: row[name] for name in _OF_PLAN})

    def price(self, plan: TrainingPlan) -> TrainingEstimate:
        """In full."""
        with failing_as(self.choice.cost_model):
            estimate = self.choice.cost_model.train(plan)
        mfu = plan.efficiency.mfu
        return estimate if mfu is None else at_mfu(estimate, mfu)

    def bound(self, plan: TrainingPlan) -> TrainingEstimate | None:
        """An estimate that no figure of the plan's own is below; None where the cost model has no bounds.

        All of its time counts as waiting, so that its energy is a bound too; a stated MFU is another time.
        """
        bounds = getattr(self.choice.cost_model, "bounds", None)
        if bounds is None:
            return None
        with failing_as(self.choice.cost_model):
            seconds, memory = bounds(plan)
        return TrainingEstimate(
            plan=plan,
            time_breakdown={_BOUND: seconds if plan.efficiency.mfu is None else 0.0 * seconds},
            forward_breakdown=None,
            memory_breakdown={_HELD: memory},
            model_flops=0.0,
            hardware_flops=0.0,
        )

    def fixed(self, row: dict[str, Any]) -> TrainRequest:
        """The options of `llmplan train` that ask for this plan alone."""
        waits = row["offload_optimizer"], row["offload_activations"]
        given = {name: value for name, value in row.items() if name not in _FLAGS[1:]}
        return evolve(
            self.request,
            **given,
            offload=next(word for word, meant in OFFLOADS.items() if meant == waits),
            seq_len=int(self.template.seq_len),
            tokens=self.template.tokens,
            global_batch=None,
            global_batch_tokens=None,
            max_micro_batch=None,
        )

    def record(self, columns: Columns, at: int) -> TrainingEstimate:
        """The estimate of one plan, as `llmplan train` prints it."""
        row = row_of({name: columns[name] for name in COLUMNS}, at)
        sizes = Sizes(*(row[name] for name in ("tp", "pp", "dp", "cp")))
        estimate = price_all_given(self.fixed(row), self.choice, sizes)
        said = (*self.template.assumptions, *self._said_of_batch(estimate))
        return evolve(estimate, plan=evolve(estimate.plan, assumptions=said))

    def _said_of_batch(self, estimate: TrainingEstimate) -> Iterator[str]:
        """What became of a batch that was given in tokens, or not at all."""
        tokens, asked = int(estimate.tokens_per_iteration), self.request.global_batch_tokens
        made = f"global batch {estimate.plan.global_batch:,} sequences = {tokens:,} tokens"
        if asked is not None and tokens != asked:
            yield f"{made} (asked: {asked:,.0f})"
        elif asked is None and not self.batch.exact:
            yield f"{made}, near the common 4M"


def row_of(columns: Columns, at: int) -> dict[str, Any]:
    """The fields of one plan as options have them."""
    row: dict[str, Any] = {}
    for name in (name for name in COLUMNS if name in columns):
        value = columns[name][at].item()
        row[name] = value if name in _FLAGS else int(value) if value < inf else None
    meanings = {"recompute": Recompute, "schedule": Schedule}
    return row | {name: meaning(row[name]) for name, meaning in meanings.items() if name in row}


def training_cases(space: TrainingSpace, tolerance: float = ABOUT) -> list[TrainingCase]:
    """One of each model, accelerator and dtype."""
    return [_case(index, space, request, tolerance) for index, request in enumerate(space.requests())]


def _case(index: int, space: TrainingSpace, request: TrainRequest, tolerance: float) -> TrainingCase:
    for option in ("micro_batch", "gradient_accumulation"):
        for value in space.values.get(option, ())[:1]:
            refuse_two_micro_batches(evolve(request, **{option: value}))
    choice = choose(request, "train")
    seq_len = sequence_length(request, choice, [])
    judges = hasattr(choice.cost_model, "illegal")
    dimensions = dimensions_of(space.values, choice, seq_len, judges_arrays=judges)
    plainest = evolve(
        request, recompute=Recompute.NONE, micro_batch=1, gradient_accumulation=1, zero=0, sequence_parallel=False,
        global_batch=None, global_batch_tokens=None,
    )  # fmt: skip
    return TrainingCase(
        index=index,
        request=request,
        choice=choice,
        template=make_plan(plainest, choice, Sizes(1, 1, 1, 1)),
        dimensions=dimensions,
        batch=batch_of(
            request, seq_len, accumulation_is_given="gradient_accumulation" in space.values, tolerance=tolerance
        ),
    )
