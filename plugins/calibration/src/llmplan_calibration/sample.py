"""One measured figure, and what llmplan would predict of it at any rates."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate, TrainingEstimate
from llmplan.estimate.spread import Spread
from llmplan.records import ValidationRow
from llmplan.search.infer import infer
from llmplan.search.train import train
from llmplan.space.asked import cost_model_of, inferred, trained
from llmplan_calibration.at_site import with_rates
from llmplan_calibration.site import NORMAL, RATES, Factor, Fitted, MeasuredSite, Phases

SCATTER = {"train": 0.110, "infer": 0.106}
"""Of the logarithms of measured over predicted times, between runs of one source: the root of the mean of the sources'
variances, each with constants that were fitted without it (``*_residuals.csv`` of the cost model, sources of at least
three figures; `tests/test_sites.py` counts again).
"""
LEAST_SHARED = 0.13
"""Of the variance, where the program and the accelerator are as well known as any: what training runs of one source
share, priced with constants that were fitted without it.
"""
MOST_SHARED = 0.9
_WITHOUT_RANGE = 0.4
"""In place of a range that a cost model does not state: the deviation of runs on accelerators that nobody has timed."""
MEMORY_METRICS = ("peak_memory_gb", "memory_gb", "max_batch")
UNCHANGED = (1.0,) * len(RATES)
_ROOM = 100.0
Rates = tuple[float, ...]
"""Over the published ones, in the order of `RATES`."""


@frozen(kw_only=True, eq=False, repr=False)
class Sample:
    """A measured figure, with the plan that it belongs to."""

    id: str
    file: str
    metric: str
    gpu: str
    phases: tuple[str, ...]
    """That it tells of: ``train``, ``infer``, or both where it is of a kernel or a link alone."""
    measured: float
    predict: Callable[[Rates], float]
    deviation: float
    """Of the logarithm of measured over predicted, by published runs of its kind."""
    shared: float
    """Of the square of that, the part that all runs of one place have in common."""
    whole: bool = True
    """Whether it is of a whole run, not of a kernel or a link alone."""
    plan: tuple[Any, ...] = ()
    """What was run: figures of the same plan do not count as several runs."""

    @property
    def scatter(self) -> float:
        """Variance that is this run's own."""
        return self.deviation**2 * (1.0 - self.shared)


def sample_of(row: ValidationRow, file: str) -> Sample:
    """Of a measured run; BadInputError where it tells nothing of rates."""
    if row.metric in MEMORY_METRICS:
        raise BadInputError(f"{row.metric} tells nothing of rates")
    if not row.measured > 0:
        raise BadInputError(f"{row.metric}: {row.measured:g} is not above 0")
    estimate = _priced(row)
    plan = estimate.plan
    if plan.efficiency.by_user:
        raise BadInputError("efficiencies are stated: there is nothing to calibrate")
    spread = None if row.spread is None else row.spread(estimate)
    deviation = _WITHOUT_RANGE if spread is None else deviation_of(spread)
    return Sample(
        id=row.id,
        file=file,
        metric=row.metric,
        gpu=plan.hardware.name,
        phases=(row.command,),
        measured=row.measured,
        predict=_predictions(row, estimate),
        deviation=deviation,
        shared=shared_of(deviation, row.command),
        plan=tuple(sorted((name, _words(value)) for name, value in row.options.items())),
    )


def shared_of(deviation: float, phase: str) -> float:
    """What is left of the variance of published runs of a kind without that between runs of one source."""
    return min(max(1.0 - (SCATTER[phase] / deviation) ** 2, LEAST_SHARED), MOST_SHARED)


def deviation_of(spread: Spread) -> float:
    """The mean of both sides, in standard deviations of the logarithm."""
    return max(log(float(spread.high) / float(spread.low)) / (2.0 * NORMAL), 1e-3)


def _words(value: Any) -> str:
    return str(getattr(value, "name", value))


def _priced(row: ValidationRow) -> Any:
    """By published rates; a run that was run did fit: what it leaves open is chosen as if memory were enough."""
    options = {name: value for name, value in row.options.items() if name != "site"}
    estimate: Any = _ASKED[row.command](**options)
    if isinstance(estimate, TrainingEstimate) and not estimate.fits:
        roomy = evolve(estimate.plan.hardware, memory_bytes=_ROOM * estimate.memory_bytes_per_gpu)
        again = train(**{**options, "gpu": roomy, **dict.fromkeys(_WIRED)})
        estimate = evolve(again, plan=evolve(again.plan, hardware=estimate.plan.hardware))
    return estimate


_ASKED: dict[str, Callable[..., Any]] = {"train": train, "infer": infer}
_WIRED = ("cluster", "nic_gbits", "gpus_per_node", "oversubscription")
"""Options that the accelerator of an estimate has heeded already."""


def _predictions(row: ValidationRow, estimate: Any) -> Callable[[Rates], float]:
    """The figure at other rates, with the layout of the estimate."""
    if isinstance(estimate, ServerEstimate):
        return _served(row, estimate)
    plan, cost_model = estimate.plan, cost_model_of(estimate.plan)
    price: Callable[..., Any] = trained if isinstance(estimate, TrainingEstimate) else inferred

    def predict(by: Rates) -> float:
        priced = price(cost_model, with_rates(plan, by))
        return float(row.predict(evolve(priced, plan=plan, request=estimate.request)))

    return predict


def _served(row: ValidationRow, estimate: ServerEstimate) -> Callable[[Rates], float]:
    layout, name = estimate.plan.layout, estimate.plan.hardware.name
    sizes = {size: int(getattr(layout, size)) for size in ("tp", "pp", "dp")}
    options = {key: value for key, value in row.options.items() if key != "gpus"}

    def predict(by: Rates) -> float:
        site = trial_site(name, "infer", by)
        return float(row.predict(infer(**{**options, **sizes, "site": site})))

    return predict


def trial_site(gpu: str, phase: str, by: Rates) -> MeasuredSite:
    """A site of which nothing but its rates is known."""
    factors: dict[str, Any] = {name: Factor(factor=one) for name, one in zip(RATES, by, strict=True)}
    return MeasuredSite(name="trial", gpus={gpu: Phases(**{phase: Fitted(runs=0, shared=0.0, **factors)})})
