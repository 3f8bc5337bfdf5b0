"""A cost model at the rates of a site: plans are priced with rates changed, and shown as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from llmplan.records import TrainingPlan
from llmplan_calibration.narrowing import Narrowed, narrowest
from llmplan_calibration.site import RATES, Fitted, MeasuredSite

if TYPE_CHECKING:
    from llmplan.estimate import CostModel, InferenceEstimate, TrainingEstimate
    from llmplan.records import Cluster, HardwareProfile, InferencePlan

_HOST_SECONDS = {
    "framework": (
        "host_seconds_per_layer",
        "host_seconds_per_routed_layer",
        "host_seconds_per_adapter",
        "host_seconds_per_step",
    ),
    "engine": (
        "launch_share",
        "launch_seconds_per_layer",
        "host_seconds_per_launch",
        "host_seconds_per_step",
        "host_seconds_per_sequence",
        "first_call_seconds",
    ),
}
"""Of the program that a plan runs: what grows as its host gets slower."""
_PRICED = ("bounds", "serving", "explain")
"""Beside training and inference, what a cost model may offer that depends on rates."""
_STATED = {"flops": "compute", "hbm": "memory", "scale_up": "scale_up", "scale_out": "scale_out"}
"""Efficiencies that the user states hold as they are: the rate that each is of."""
_AT_ONCE = 64
"""Records that are kept as changed: cost models keep what they make of each."""


class AtSite:
    """Another cost model, asked for the same plans with the rates of the site."""

    def __init__(self, inner: CostModel, site: MeasuredSite) -> None:
        self.inner, self.site = inner, site
        self._changed: dict[tuple[int, tuple[float, ...]], tuple[Any, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """For workers of a search, which change records of their own."""
        return {"inner": self.inner, "site": self.site, "_changed": {}}

    def __getattr__(self, name: str) -> Any:
        """Whatever else the cost model offers, and nothing that it does not."""
        if name.startswith("__") or "inner" not in self.__dict__:
            raise AttributeError(name)
        found = getattr(self.inner, name)
        if name in _PRICED:
            return lambda plan: found(self.at(plan))
        return self._narrowest(found) if name == "spreads" else found

    def train(self, plan: TrainingPlan) -> TrainingEstimate:
        """A training run at the rates of the site; utilisation stays that of the printed peak."""
        fitted = self._fitted(plan)
        estimate = self.inner.train(self.at(plan))
        spreads = estimate.spreads
        if fitted is not None and fitted.runs and spreads is not None:
            spreads = Narrowed(spreads, fitted, (estimate.time_breakdown,))
        return evolve(estimate, plan=plan, spreads=spreads)

    def infer(self, plan: InferencePlan) -> InferenceEstimate:
        """A batch at the rates of the site."""
        fitted = self._fitted(plan)
        estimate = self.inner.infer(self.at(plan))
        spreads = estimate.spreads
        if fitted is not None and fitted.runs and spreads is not None:
            phases = (
                estimate.prefill_bounds or estimate.prefill_breakdown,
                estimate.decode_bounds or estimate.decode_breakdown,
            )
            spreads = Narrowed(spreads, fitted, phases)
        return evolve(estimate, plan=plan, spreads=spreads)

    def at(self, plan: Any) -> Any:
        """The plan with the rates of the site; what the user states, and a stated MFU, hold as they are."""
        fitted = self._fitted(plan)
        if fitted is None:
            return plan
        stated = {_STATED[name] for name in plan.efficiency.stated}
        by = tuple(1.0 if name in stated else one.factor for name, one in zip(RATES, fitted.factors, strict=True))
        return with_rates(plan, by, self._kept)

    def _fitted(self, plan: Any) -> Fitted | None:
        phase = "train" if isinstance(plan, TrainingPlan) else "infer"
        return self.site.fitted(plan.hardware, phase)

    def _kept(self, record: Any, by: tuple[float, ...], change: Callable[[Any, tuple[float, ...]], Any]) -> Any:
        """A changed record, the same one for the same record."""
        key = (id(record), by)
        if key not in self._changed:
            if len(self._changed) >= _AT_ONCE:
                self._changed.clear()
            self._changed[key] = (record, change(record, by))
        return self._changed[key][1]

    def _narrowest(self, spreads: Any) -> Any:
        """Of plans that are not priced yet: no range is narrower."""

        def found(plan: Any) -> Any:
            fitted = self._fitted(plan)
            return spreads(plan) if fitted is None or not fitted.runs else narrowest(spreads(plan), fitted)

        return found


_Keep = Callable[[Any, tuple[float, ...], Callable[[Any, tuple[float, ...]], Any]], Any]


def _anew(record: Any, by: tuple[float, ...], change: Callable[[Any, tuple[float, ...]], Any]) -> Any:
    return change(record, by)


def with_rates(plan: Any, by: tuple[float, ...], keep: _Keep = _anew) -> Any:
    """A plan whose rates are so many times the published ones, in the order of `RATES`."""
    if all(one == 1.0 for one in by):
        return plan
    program = "framework" if isinstance(plan, TrainingPlan) else "engine"
    return evolve(
        plan,
        hardware=keep(plan.hardware, by, hardware_at),
        gemm=evolve(plan.gemm, peak_flops=plan.gemm.peak_flops * by[0]),
        **{program: keep(getattr(plan, program), by, _program_at)},
    )


def hardware_at(hardware: HardwareProfile, by: tuple[float, ...]) -> HardwareProfile:
    """An accelerator whose rates, links included, are so many times the published ones."""
    compute, memory, *_ = by
    return evolve(
        hardware,
        peak_flops={name: peak * compute for name, peak in hardware.peak_flops.items()},
        memory_bytes_per_second=hardware.memory_bytes_per_second * memory,
        cluster=_cluster_at(hardware.cluster, by),
    )


def _cluster_at(cluster: Cluster, by: tuple[float, ...]) -> Cluster:
    _, _, first, beyond, host = by
    levels = tuple(
        evolve(
            level,
            bytes_per_second=level.bytes_per_second and level.bytes_per_second * (first if place == 0 else beyond),
            smaller_groups={size: link * first for size, link in level.smaller_groups.items()},
        )
        for place, level in enumerate(cluster.levels)
    )
    link = cluster.host_bytes_per_second
    return evolve(cluster, levels=levels, host_bytes_per_second=link and link * host)


def _program_at(program: Any, by: tuple[float, ...]) -> Any:
    """A program on a host that is so many times as fast."""
    names = next(names for names in _HOST_SECONDS.values() if all(hasattr(program, name) for name in names))
    return evolve(program, **{name: getattr(program, name) / by[-1] for name in names})
