"""Training runs of one model on one accelerator in one dtype: the space of their plans, and how each is priced.

A space of one plan is priced without arrays; numpy is imported where there are several.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.estimate import Kind, Line, TrainingEstimate
from llmplan.space.asked import asking, bounds_of, illegal_of, trained, worded_of
from llmplan.space.batch import Reach, choose_batch, said_of_batch, wanted_batch, warned_of_batch
from llmplan.space.choice import choose
from llmplan.space.dimension import Scope
from llmplan.space.dimensions import DIMENSIONS, NAMES, columns_of, laid_out, values_of
from llmplan.space.experts import experts_of
from llmplan.space.fill import priced, template
from llmplan.space.schedules import place_of, schedule_names
from llmplan.space.sizes import missing_size

if TYPE_CHECKING:
    from llmplan.records import TrainingPlan
    from llmplan.request import TrainRequest
    from llmplan.space.batch import Wanted
    from llmplan.space.choice import Choice
    from llmplan.space.dimensions import Values
    from llmplan.space.training_space import TrainingSpace

_BOUND, _HELD = Line("bound", Kind.WAITING), Line("bound", Kind.TENSORS)
"""The only lines of a bound: time in which as little power as possible is drawn, and memory."""
Masks = Mapping[str, Any]
"""By constraint, in words: where plans break it."""


@frozen(eq=False, repr=False)
class TrainingCase:
    """All that a worker needs to list and price its share of the plans."""

    index: int
    request: TrainRequest
    choice: Choice
    template: TrainingPlan
    """A plan whose dimensions are still to come."""
    values: Values
    """Of its dimensions."""
    batch: Wanted

    @property
    def most_micro_batch(self) -> float:
        """The largest micro-batch that is tried."""
        limit = self.request.max_micro_batch
        return float(limit) if isinstance(limit, int) else inf

    def only(self) -> dict[str, Any] | None:
        """The row of the one plan that there is, by dimension; None where something is left open."""
        given = {name: value for name in NAMES if (value := self.values.only(name)) is not None}
        if any(len(self.values.of.get(name, ())) > 1 for name in self.values.given):
            return None
        row = missing_size(given)
        if row is None:
            return None
        for dimension in DIMENSIONS:
            if dimension.name in row or dimension.step == "batch":
                continue
            if dimension.idle is None or not dimension.idle(row):
                return None
            row[dimension.name] = self.values[dimension.name][0]
        return self.with_batch(row) if self._has_one_batch(row["dp"]) else None

    def _has_one_batch(self, dp: int) -> bool:
        """Whether micro-batch and accumulation are given, or follow."""
        total = self.request.global_batch
        if self.values.only("micro_batch") is not None:
            return True
        return total is not None and (total == dp or self.values.only("gradient_accumulation") is not None)

    def with_batch(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """With micro-batch and accumulation, as given or as they follow, micro-batches of 1 where nothing tells."""
        micro, accumulation = self.values.only("micro_batch"), self.values.only("gradient_accumulation")
        known = evolve(self.request, micro_batch=micro, gradient_accumulation=accumulation)
        rounds = row["pp"] if row["vpp"] > 1 else 1
        batch = choose_batch(known, int(self.template.seq_len), row["dp"], rounds)
        return {**row, "micro_batch": batch.micro_batch, "gradient_accumulation": batch.gradient_accumulation}

    def fixed(self, row: Mapping[str, Any]) -> TrainRequest:
        """The options of `llmplan train` that ask for the plan of this row of dimensions alone."""
        given: dict[str, Any] = {name: None if value == inf else value for name, value in row.items()}
        return evolve(
            self.request,
            **given,
            seq_len=int(self.template.seq_len),
            tokens=self.template.tokens if self.template.data is None else None,
            global_batch=None,
            global_batch_tokens=None,
            max_micro_batch=None,
        )

    def price(self, row: Mapping[str, Any]) -> TrainingEstimate:
        """The plan of a row of dimensions, as `llmplan train` prints it; BadInputError where it is refused."""
        given = {name: None if value == inf else value for name, value in row.items()}
        estimate = priced(laid_out(self.template, columns_of(given)), self.choice, self.request.mfu)
        plan, seq_len = estimate.plan, int(self.template.seq_len)
        sequences, dp = int(plan.global_batch), int(plan.layout.dp)
        said = said_of_batch(self.request, self.batch, sequences, seq_len)
        warned = warned_of_batch(self.request, self.batch, sequences, seq_len, dp)
        return evolve(
            estimate,
            plan=evolve(plan, assumptions=(*plan.assumptions, *said), warnings=(*plan.warnings, *warned)),
        )

    def plans(self, columns: Mapping[str, Any]) -> TrainingPlan:
        """One plan that holds all of these columns, and the plainest of what is not decided yet."""
        if "zero_group" in columns and not (columns["zero_group"] < inf).any():
            columns = {**columns, "zero_group": None}
        return laid_out(self.template, columns)

    def price_all(self, plan: TrainingPlan) -> TrainingEstimate:
        """A plan of arrays, by the cost model whatever MFU is stated."""
        return trained(self.choice.cost_model, plan)

    def bound(self, plan: TrainingPlan) -> TrainingEstimate | None:
        """An estimate that no figure of the plan's own is below; None where the cost model has no bounds.

        All of its time counts as waiting, so that its energy is a bound too.
        """
        bounds = bounds_of(self.choice.cost_model, plan)
        if bounds is None:
            return None
        seconds, memory = bounds
        return TrainingEstimate(
            plan=plan,
            time_breakdown={_BOUND: seconds},
            forward_breakdown=None,
            memory_breakdown={_HELD: memory},
            model_flops=0.0,
            hardware_flops=0.0,
            spreads=getattr(self.choice.cost_model, "spreads", None),
        )

    def refused(self, columns: Mapping[str, Any]) -> Masks:
        """By constraint, where the cost model refuses plans."""
        masks: Masks | None = illegal_of(self.choice.cost_model, self.plans(columns), len(columns["gpus"]))
        if masks is None:
            with asking(self.choice.cost_model):
                masks = self._refused_one_by_one(columns)
        return masks

    def _refused_one_by_one(self, columns: Mapping[str, Any]) -> Masks:
        import numpy as np

        broken: dict[str, Any] = {}
        plans = self._scalars(columns)
        for at, plan in enumerate(plans):
            try:
                self.choice.cost_model.check(plan)
            except BadInputError as error:
                words = f"{str(error).partition(':')[0]}, as {self.choice.cost_model.name} takes it"
                broken.setdefault(words, np.zeros(len(plans), dtype=bool))[at] = True
        return broken

    def worded(self, columns: Mapping[str, Any]) -> Any:
        """Where the cost model has words against the layout."""
        import numpy as np

        cost_model, many = self.choice.cost_model, len(columns["gpus"])
        if getattr(cost_model, "worded", None) is not None:
            return np.broadcast_to(np.asarray(worded_of(cost_model, self.plans(columns), many), dtype=bool), many)
        with asking(cost_model):
            return np.array([bool(cost_model.check(plan)) for plan in self._scalars(columns)], dtype=bool)

    def _scalars(self, columns: Mapping[str, Any]) -> list[TrainingPlan]:
        """Plans of numbers, one by one."""
        fields = {name: column.tolist() for name, column in columns.items()}
        many = len(fields["tp"])
        rows = ({name: _number(values[at]) for name, values in fields.items()} for at in range(many))
        return [laid_out(self.template, row) for row in rows]


def dimensions_at(columns: Mapping[str, Any], at: int) -> dict[str, Any]:
    """The dimensions of one plan of columns, as options have them."""
    row = {name: _number(column[at].item()) for name, column in columns.items()}
    found = {one: one.of(row) for one in DIMENSIONS if one.columns[0] in row}
    return {one.name: one.modes[value] if one.modes else value for one, value in found.items()}


def _number(value: Any) -> Any:
    """Whole numbers where arrays hold floats; None for all ranks."""
    if isinstance(value, float):
        return int(value) if value < inf else None
    return value


def training_cases(space: TrainingSpace, reach: Reach = Reach.CLOSE) -> list[TrainingCase]:
    """One of each model, accelerator and dtype, with batches that are so near to what is wanted."""
    return [training_case(space, request, index, reach) for index, request in enumerate(space.requests())]


def training_case(
    space: TrainingSpace, request: TrainRequest, index: int = 0, reach: Reach = Reach.CLOSE
) -> TrainingCase:
    """Of one request: what has one value or none; the space holds all values."""
    _refuse_two_micro_batches(request, space)
    if request.max_context:
        raise BadInputError("max-context: is asked of llmplan train; a search takes seq-len")
    choice = choose(request, "train")
    plan = template(request, choice)
    scope = Scope(
        model=choice.model,
        domain=choice.hardware.scale_up_domain,
        seq_len=int(plan.seq_len),
        experts=experts_of(choice.model),
        offloads=plan.framework.offloads,
        judged_in_arrays=hasattr(choice.cost_model, "illegal"),
    )
    made = {"micro_batch", "gradient_accumulation"} <= set(space.values)
    batch = wanted_batch(request, scope.seq_len, reach, made=made)
    return TrainingCase(index, request, choice, plan, values_of(_known(space.values), scope), batch)


def _known(values: Mapping[str, tuple[Any, ...]]) -> Mapping[str, tuple[Any, ...]]:
    """With schedules by the names that plugins give them; BadInputError where there is none of a name."""
    if "schedule" not in values:
        return values
    places = sorted({place_of(given) for given in values["schedule"]})
    return {**values, "schedule": tuple(schedule_names()[place] for place in places)}


def _refuse_two_micro_batches(request: TrainRequest, space: TrainingSpace) -> None:
    """The largest that is tried beside one that is given."""
    given = space.values.get("micro_batch")
    if request.max_micro_batch is not None and given:
        raise BadInputError(
            f"max-micro-batch: {request.max_micro_batch} contradicts micro-batch {given[0]}; give one of them"
        )
