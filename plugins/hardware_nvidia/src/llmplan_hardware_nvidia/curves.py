"""What kernels and links of every NVIDIA accelerator reach by shape: `measured_*` and `stand_ins`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from attrs import evolve

from llmplan.records import AttentionCurve, AttentionKernel, GemmCurve, KernelCurves, ServingCurves
from llmplan_hardware_nvidia.measured_kernels import MEASURED_KERNELS
from llmplan_hardware_nvidia.measured_serving import MEASURED_SERVING
from llmplan_hardware_nvidia.stand_ins import ENGINES_KERNELS, FORMATS, PCIE, RELATIVES, WIDENING, Relative, said
from llmplan_hardware_nvidia.sustained import SUSTAINED

_Curve = TypeVar("_Curve", AttentionCurve, GemmCurve)


def _complete(name: str) -> KernelCurves:
    """A measured accelerator, with the formats that nobody timed on it."""
    measured = MEASURED_KERNELS[name]
    taken = {untimed: measured.gemm[timed] for timed, formats in FORMATS[name].items() for untimed in formats}
    gemm = dict(sorted({**measured.gemm, **taken}.items()))
    source = f"{measured.source}; GEMMs in {said(name)}"
    return evolve(measured, gemm=gemm, serving=_serving(name), source=source)


def _serving(name: str) -> ServingCurves:
    """Of engines' kernels; what was not timed on this accelerator is that of a relative, links of its own."""
    timed = MEASURED_SERVING.get(name)
    widening = MEASURED_SERVING[WIDENING].widening_seconds
    if timed is None:
        lacking = f"no engine's kernels timed: the fractions of {ENGINES_KERNELS}"
        nearest = MEASURED_SERVING[ENGINES_KERNELS]
        return evolve(nearest, all_reduce=None, source=f"{lacking}; {nearest.source}")
    if timed.widening_seconds:
        return timed
    return evolve(timed, widening_seconds=widening, source=f"{timed.source}; narrow weights widened as on {WIDENING}")


_TIMED = {name: _complete(name) for name in MEASURED_KERNELS}


def _slowed(curve: _Curve, clock: float) -> _Curve:
    """A curve of which `clock` is left."""
    return evolve(curve, plateau=curve.plateau * clock)


def _at_clock(curves: KernelCurves, clock: float) -> KernelCurves:
    """GEMMs and attention of a chip whose clock is a fraction of the timed one's."""
    return evolve(
        curves,
        gemm={name: _slowed(curve, clock) for name, curve in curves.gemm.items()},
        attention={
            name: AttentionKernel(forward=_slowed(kernel.forward, clock), backward=_slowed(kernel.backward, clock))
            for name, kernel in curves.attention.items()
        },
    )


def _serving_of(nearest: KernelCurves, relative: Relative) -> ServingCurves | None:
    """Engines' kernels at this clock; over PCIe no all-reduce of their own was timed."""
    curves = nearest.serving
    if curves is None:
        return None
    all_reduce = None if relative.link == "pcie" else curves.all_reduce
    return evolve(curves, prefill=_slowed(curves.prefill, relative.clock), all_reduce=all_reduce)


def _taken(relative: Relative) -> KernelCurves:
    """The nearest relative's curves, but for links of another kind; those of NVLink hold across a bridge as well."""
    nearest = _TIMED[relative.nearest]
    whose = [f"those of {relative.nearest}"]
    if relative.link == "pcie":
        whose.append(f"collectives as among {PCIE} over PCIe")
    if not relative.nic:
        whose.append(f"network as between two {PCIE} over PCIe")
    if relative.clock != 1.0:
        whose.append(f"GEMMs and attention times {relative.clock:.3f}, assuming that power grows with the clock's cube")
    return evolve(
        _at_clock(nearest, relative.clock) if relative.clock != 1.0 else nearest,
        collectives=_TIMED[PCIE].collectives if relative.link == "pcie" else nearest.collectives,
        network=nearest.network if relative.nic else _TIMED[PCIE].network,
        serving=_serving_of(nearest, relative),
        source=f"no timings of its own: {', '.join(whose)}; {nearest.source}",
    )


def _sustained(name: str, curves: KernelCurves) -> KernelCurves:
    """With what training runs keep of the timed GEMMs, on this accelerator or on its nearest relative."""
    relative = RELATIVES.get(name)
    kept = SUSTAINED.get(name) or SUSTAINED.get(relative.nearest if relative else "")
    if kept is None:
        return curves
    said = ", ".join(f"{share:.2f} in {number_format}" for number_format, share in kept.fractions.items())
    return evolve(
        curves, sustained=kept.fractions, source=f"{curves.source}; GEMMs in training keep {said}: {kept.runs}"
    )


CURVES: Mapping[str, KernelCurves] = {
    name: _sustained(name, curves)
    for name, curves in {**_TIMED, **{name: _taken(relative) for name, relative in RELATIVES.items()}}.items()
}
"""By profile name, every NVIDIA accelerator."""
