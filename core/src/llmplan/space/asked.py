"""What cost models and server models answer: asked inside the boundary around plugins, and looked at first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf
from sys import float_info
from typing import TYPE_CHECKING, Any, TypeAlias

from llmplan.catalogues import COST_MODELS, SERVER_MODELS, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.cost_model import IGNORABLE, Command
from llmplan.records import Efficiency
from llmplan.space.suspects import check_schedules

if TYPE_CHECKING:
    from llmplan.estimate import CostModel, InferenceEstimate, ServerEstimate, ServerModel
    from llmplan.records import (
        HardwareProfile,
        InferencePlan,
        NumberFormat,
        ServerPlan,
        ServingSteps,
        TrainingPlan,
    )

StepsOf: TypeAlias = "Callable[[InferencePlan], ServingSteps]"
"""Prices passes of a replica of a plan."""


def cost_model_of(plan: TrainingPlan | InferencePlan) -> CostModel:
    """What a plan was priced by, its site included."""
    cost_model = registry().cost_models[plan.cost_model]
    return cost_model if plan.site is None else plan.site.at(cost_model)


def asking(cost_model: CostModel, plan: TrainingPlan | InferencePlan | None = None) -> Guard:
    """Around anything that a cost model is asked; where it fails over a plan, the plan's records are looked at."""
    if plan is None:
        return Guard(COST_MODELS, cost_model.name)
    return Guard(COST_MODELS, cost_model.name, suspects=partial(check_schedules, plan))


def trained(cost_model: CostModel, plan: TrainingPlan) -> TrainingEstimate:
    """A training run, or several side by side, as the cost model prices it."""
    with asking(cost_model, plan):
        estimate = cost_model.train(plan)
        _check_estimate("train", estimate, TrainingEstimate, plan)
        for name in ("time_breakdown", "memory_breakdown", "forward_breakdown"):
            _check_lines(f"train: {name}", getattr(estimate, name))
        for name in ("model_flops", "hardware_flops"):
            _check_number(f"train: {name}", getattr(estimate, name))
        if isinstance(plan.layout.tp, (int, float)) and isinstance(plan.micro_batch, (int, float)):
            _check_one("train", estimate.iteration_seconds, estimate.memory_bytes_per_gpu)
        if estimate.spreads is not None and isinstance(plan.layout.tp, (int, float)):
            for name, spread in zip(("time", "memory"), estimate.spreads(plan), strict=True):
                _check_number(f"train: spread of {name}", spread.high)
    return estimate


def inferred(cost_model: CostModel, plan: InferencePlan) -> InferenceEstimate:
    """A batch of prompts, or several side by side, as the cost model prices it."""
    with asking(cost_model, plan):
        from llmplan.estimate import InferenceEstimate

        estimate = cost_model.infer(plan)
        _check_estimate("infer", estimate, InferenceEstimate, plan)
        for name in ("prefill_breakdown", "decode_breakdown", "memory_breakdown"):
            _check_lines(f"infer: {name}", getattr(estimate, name))
        _check_number("infer: memory_bytes_per_sequence", estimate.memory_bytes_per_sequence)
        if isinstance(plan.layout.tp, (int, float)) and isinstance(plan.batch, (int, float)):
            _check_one("infer", estimate.prefill_seconds, estimate.memory_bytes_per_gpu)
    return estimate


def held(cost_model: CostModel, plan: InferencePlan) -> InferenceEstimate:
    """What a batch holds in memory, without its times where the cost model tells the one without the other."""
    told = getattr(cost_model, "serving_memory", None)
    if told is None:
        return inferred(cost_model, plan)
    with asking(cost_model, plan):
        from llmplan.estimate import InferenceEstimate

        memory = told(plan)
        _check_lines("serving_memory", memory)
        return InferenceEstimate(plan=plan, prefill_breakdown={}, decode_breakdown={}, memory_breakdown=memory)


def served(model: ServerModel, plan: ServerPlan, steps: StepsOf, cost_model: CostModel) -> ServerEstimate:
    """A server under its load, as the server model has it."""
    with Guard(SERVER_MODELS, model.name):
        from llmplan.estimate import ServerEstimate

        estimate = model.serve(plan, steps, partial(inferred, cost_model))
        _check_class("serve", estimate, ServerEstimate)
        if estimate.server is not plan:
            raise WrongAnswerError("serve: returned the estimate of another server")
    return estimate


class AskedPasses:
    """What prices passes of a replica of a plan, inside the boundary."""

    def __init__(self, cost_model: CostModel, price: StepsOf) -> None:
        self.cost_model, self._price = cost_model, price

    @property
    def in_arrays(self) -> bool:
        """Whether passes may be arrays: many of them, or of many replicas side by side."""
        return bool(getattr(self.cost_model, "serving_in_arrays", False))

    def __call__(self, plan: InferencePlan) -> Any:
        """Its passes, as `ServingSteps`."""
        with asking(self.cost_model):
            return AskedSteps(self._price(plan), self.cost_model)


class AskedSteps:
    """A cost model's passes of a server, each priced inside the boundary."""

    def __init__(self, steps: ServingSteps, cost_model: CostModel) -> None:
        self._steps, self._guard = steps, asking(cost_model)

    def __getattr__(self, name: str) -> Any:
        """A member of `ServingSteps`, whose methods are kept."""
        with self._guard:
            found = getattr(self._steps, name)
        if not callable(found):
            return found

        def asked(*given: Any) -> Any:
            with self._guard:
                return found(*given)

        self.__dict__[name] = asked
        return asked


def completed(cost_model: CostModel, hardware: HardwareProfile) -> tuple[HardwareProfile, tuple[str, ...]]:
    """With what the cost model prices it by where nobody measured it, which has to be said."""
    complete = getattr(cost_model, "completed", None)
    if complete is None or hardware.kernels is not None or hardware.efficiency is not None:
        return hardware, ()
    with asking(cost_model):
        found, said = complete(hardware)
        _check_class("completed", found, type(hardware))
    return found, _texts("completed", said)


def efficiency_of(cost_model: CostModel, hardware: HardwareProfile, gemm: NumberFormat, phase: Any) -> Efficiency:
    """The calibrated efficiency of an accelerator."""
    with asking(cost_model):
        found = cost_model.efficiency(hardware, gemm, phase)
        _check_class("efficiency", found, Efficiency)
    return found


def words_against(cost_model: CostModel, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """What `check` says of the layout; BadInputError where it refuses the plan."""
    return _words("check", cost_model, cost_model.check, plan)


def remarks_on(cost_model: CostModel, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """What the reader has to know of the plan."""
    return _words("remarks", cost_model, cost_model.remarks, plan)


def left_out(cost_model: CostModel, phase: Command) -> tuple[str, ...]:
    """A warning of what the figures of a command are without, as the cost model says."""
    with asking(cost_model):
        ignores = _texts("ignores", getattr(cost_model, "ignores", ()))
    words = [one for one in ignores if phase in IGNORABLE.get(one, (phase,))]
    if not words:
        return ()
    without = f"{', '.join(words[:-1])} and {words[-1]}" if words[1:] else words[0]
    return (f"cost model {cost_model.name} ignores {without}: its figures leave it out, and no plan is chosen by it",)


def bounds_of(cost_model: CostModel, plan: TrainingPlan) -> tuple[Any, Any] | None:
    """Seconds and bytes that no estimate is below; None where the cost model has none."""
    bounds: Callable[[TrainingPlan], Any] | None = getattr(cost_model, "bounds", None)
    if bounds is None:
        return None
    with asking(cost_model, plan):
        seconds, memory = bounds(plan)
        _check_number("bounds: seconds", seconds)
        _check_number("bounds: bytes", memory)
    return seconds, memory


def illegal_of(cost_model: CostModel, plan: TrainingPlan, many: int) -> Mapping[str, Any] | None:
    """By constraint, which of so many plans break it; None where the cost model does not judge arrays."""
    illegal: Callable[[TrainingPlan], Any] | None = getattr(cost_model, "illegal", None)
    if illegal is None:
        return None
    with asking(cost_model, plan):
        found = illegal(plan)
        _check_class("illegal", found, Mapping)
        for words, mask in found.items():
            _check_length(f"illegal: {words}", mask, many)
    checked: Mapping[str, Any] = found
    return checked


def worded_of(cost_model: CostModel, plan: TrainingPlan, many: int) -> Any:
    """Against which of so many plans it has words."""
    ask: Callable[[TrainingPlan], Any] = getattr(cost_model, "worded")  # noqa: B009 - not every cost model has it
    with asking(cost_model, plan):
        found = ask(plan)
        _check_length("worded", found, many)
    return found


def _check_length(what: str, mask: Any, many: int) -> None:
    shape = getattr(mask, "shape", () if isinstance(mask, (bool, int, float)) else None)
    if shape not in ((), (1,), (many,)):
        raise WrongAnswerError(f"{what}: is no truth of each of {many} plans")


def _words(method: str, cost_model: CostModel, ask: Callable[[Any], Iterable[str]], plan: Any) -> tuple[str, ...]:
    with asking(cost_model, plan):
        return _texts(method, ask(plan))


def _texts(what: str, said: Iterable[str]) -> tuple[str, ...]:
    if isinstance(said, str):
        raise WrongAnswerError(f"{what}: returned the text {said[:40]!r}, not a tuple of texts")
    words = tuple(said)
    for one in words:
        _check_class(what, one, str)
    return words


def _check_estimate(method: str, estimate: Any, wanted: type, plan: TrainingPlan | InferencePlan) -> None:
    _check_class(method, estimate, wanted)
    theirs = estimate.plan
    if theirs is not plan and (theirs.layout is not plan.layout or theirs.model is not plan.model):
        raise WrongAnswerError(f"{method}: returned the estimate of another plan")


def _check_class(method: str, found: Any, wanted: type) -> None:
    if not isinstance(found, wanted):
        article = "an" if wanted.__name__[0] in "EI" else "a"
        raise WrongAnswerError(f"{method}: returned a {type(found).__name__}, not {article} {wanted.__name__}")


def _check_lines(what: str, lines: Mapping[str, Any] | None) -> None:
    for line, value in (lines or {}).items():
        _check_number(f"{what}: {line}", value)


def _check_one(what: str, *figures: Any) -> None:
    """Of one plan, one number."""
    for figure in figures:
        if getattr(figure, "size", 1) != 1:
            raise WrongAnswerError(f"{what}: returned {figure.size} numbers for one plan")


def _check_number(what: str, value: Any) -> None:
    """A finite one, zero or more, or an array of such."""
    if isinstance(value, (int, float)):
        if 0 <= value <= float_info.max:
            return
        raise WrongAnswerError(f"{what}: is {value}, not a finite number of zero or more")
    if not hasattr(value, "dtype"):
        raise WrongAnswerError(f"{what}: is a {type(value).__name__}, not a number")
    if value.size and not (value.min() >= 0 and value.max() < inf):
        raise WrongAnswerError(f"{what}: holds what is not a finite number of zero or more")
