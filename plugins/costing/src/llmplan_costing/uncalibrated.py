"""What accelerators without timings reach: what the slower ones of those with timings do, never a whole peak."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, fields, frozen

from llmplan.arrays.quantities import Number, minimum
from llmplan.catalogues import registry
from llmplan.records import CalibratedEfficiency, CollectiveCurve, KernelCurves, NetworkCurve, ServingCurves

if TYPE_CHECKING:
    from llmplan.catalogues import Registry
    from llmplan.records import HardwareProfile

Curve = TypeVar("Curve")
_BORROWED = re.compile(r"\bas [\w.-]+: ")
"""How a source says that a number is another accelerator's."""
_SIDE, _TOKENS, _HEAD, _MESSAGE, _RANKS = 4096.0, 4096.0, 128.0, 2.0**26, 8.0
"""The shapes by which curves are compared."""
_THROUGH_HOST = 64e9
"""Bytes a second of PCIe 5.0 x16: links that are no faster go through the host (PCI-SIG, PCI Express Base 5.0)."""


def borrowing(hardware: HardwareProfile) -> tuple[HardwareProfile, tuple[str, ...]]:
    """An accelerator with the curves of others, and one loud line about them."""
    found = _of_installed(registry())
    if found is None:
        return hardware, ()
    curves, reached, many = found
    curves = _linked(curves, registry(), through_host=_goes_through_host(hardware))
    said = (
        f"{hardware.name.upper()} IS NOT CALIBRATED: nobody timed its kernels and links; priced with those of the "
        f"lower quartile of {many} accelerators that were timed"
    )
    return evolve(hardware, kernels=curves, efficiency=reached), (said,)


@lru_cache(maxsize=4)
def _of_installed(_registry: Registry) -> tuple[KernelCurves, CalibratedEfficiency, int] | None:
    profiles = [profile for _, _, profile in _registry.gpus.entries()]
    timed = distinct(profiles)
    known = [one.kernels for one in timed if one.kernels]
    reached = [one.efficiency for one in timed if one.efficiency]
    return (lower_quartile(known), _reached(reached), len(known)) if known else None


def _goes_through_host(hardware: HardwareProfile) -> bool:
    return (hardware.cluster.levels[0].bytes_per_second or 0.0) <= _THROUGH_HOST


@lru_cache(maxsize=4)
def _linked(curves: KernelCurves, _registry: Registry, *, through_host: bool) -> KernelCurves:
    """With the collectives of accelerators whose links go through the host as well, or do not, where there are any:
    what does is slower than its bandwidth says, and engines have no sums of their own there. Both kinds have one curve
    each, and what does not go through the host is no slower than what does at its fastest, so that a faster link never
    is.
    """
    timed = [profile for _, _, profile in _registry.gpus.entries() if profile.kernels and not profile.kernels.borrowed]
    alike = [one for one in timed if _goes_through_host(one) is through_host]
    tables: dict[tuple[float, ...], list[KernelCurves]] = {}
    for one in alike or timed:
        if one.kernels is not None and one.kernels.collectives:
            tables.setdefault(tuple(map(_collective, one.kernels.collectives.values())), []).append(one.kernels)
    collectives = _by_name([of[0].collectives for of in tables.values()], _collective) or curves.collectives
    sums = [any(one.serving is not None and one.serving.all_reduce for one in of) for of in tables.values()]
    if not through_host:
        slower = _linked(curves, _registry, through_host=True).collectives
        collectives = {name: _direct(curve, slower.get(name)) for name, curve in collectives.items()}
    serving = curves.serving
    if serving is not None and sums and not _quartile(sums, bool):
        serving = evolve(serving, all_reduce=None)
    return evolve(curves, collectives=collectives, serving=serving)


@frozen(kw_only=True, eq=False, repr=False)
class DirectCurve(CollectiveCurve):
    """Of links that do not go through the host."""

    through_host: CollectiveCurve
    """Of those that do."""

    def seconds(self, volume: Number, n: Number, link: Number) -> Number:
        """Small messages may take longer than through the host, where they were timed on other machines."""
        slower = self.through_host.seconds(volume, n, minimum(link, _THROUGH_HOST))
        return minimum(super().seconds(volume, n, link), slower)

    def of_steps(self, seconds: float) -> CollectiveCurve:
        """The same of both."""
        return evolve(self, step_seconds=seconds, through_host=self.through_host.of_steps(seconds))


def _direct(curve: CollectiveCurve, through_host: CollectiveCurve | None) -> CollectiveCurve:
    own = {of.name: getattr(curve, of.name) for of in fields(CollectiveCurve)}
    return curve if through_host is None else DirectCurve(**own, through_host=through_host)


def distinct(profiles: Iterable[HardwareProfile]) -> list[HardwareProfile]:
    """Those with timings of their own, and one of all that share them."""
    timed = [one for one in profiles if one.kernels and one.efficiency and not _BORROWED.search(one.kernels.source)]
    return list({_shapes(one.kernels): one for one in timed if one.kernels}.values())


def _shapes(curves: KernelCurves) -> tuple[float, ...]:
    """What relatives have in common that take each other's curves, at another clock perhaps."""
    return tuple(
        half
        for _, curve in sorted(curves.gemm.items())
        for half in (curve.half_tile, curve.half_m, curve.half_n, curve.half_k)
    )


def lower_quartile(known: Sequence[KernelCurves]) -> KernelCurves:
    """Of each kind of kernel and link the curve that a quarter of the accelerators are below, latencies above."""
    serving = [one.serving for one in known if one.serving is not None]
    return KernelCurves(
        gemm=_by_name([one.gemm for one in known], _gemm),
        attention=_by_name([one.attention for one in known], _attention),
        sustained=_by_name([one.sustained for one in known], float),
        hbm=_quartile([one.hbm for one in known], float),
        launch_seconds=-_quartile([-one.launch_seconds for one in known], float),
        collectives=_by_name([one.collectives for one in known], _collective),
        network=NetworkCurve(
            plateau=_quartile([one.network.plateau for one in known], float),
            step_seconds=-_quartile([-one.network.step_seconds for one in known], float),
        ),
        serving=_serving(serving) if serving else None,
        borrowed=True,
        source=f"not timed: the lower quartile of {len(known)} accelerators that were",
    )


def _serving(known: Sequence[ServingCurves]) -> ServingCurves:
    own = [one.all_reduce for one in known if one.all_reduce is not None]
    widening = _by_name([one.widening_seconds for one in known], lambda seconds: -seconds)
    return ServingCurves(
        prefill=_quartile([one.prefill for one in known], lambda one: one.flops_per_second(_TOKENS, _HEAD, 1.0)),
        decode=_quartile([one.decode for one in known], lambda one: -one.seconds(_MESSAGE, 1e12)),
        all_reduce=_quartile(own, _collective) if own else None,
        widening_seconds=widening,
        source=f"not timed: the lower quartile of {len(known)} accelerators that were",
    )


def _reached(known: Sequence[CalibratedEfficiency]) -> CalibratedEfficiency:
    runs = [one.training_run for one in known if one.training_run is not None]
    return CalibratedEfficiency(
        flops=_by_name([one.flops for one in known], float),
        hbm=_quartile([one.hbm for one in known], float),
        scale_up=_quartile([one.scale_up for one in known], float),
        scale_out=_quartile([one.scale_out for one in known], float),
        training_run=_quartile(runs, lambda run: run.median) if runs else None,
        source=f"not timed: the lower quartile of {len(known)} accelerators that were",
    )


def _by_name(tables: Iterable[Mapping[str, Curve]], rate: Callable[[Curve], float]) -> dict[str, Curve]:
    tables = list(tables)
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: _quartile([table[name] for table in tables if name in table], rate) for name in names}


def _quartile(values: Sequence[Curve], rate: Callable[[Curve], float]) -> Curve:
    """The one that a quarter of the others reach less than."""
    return sorted(values, key=rate)[(len(values) - 1) // 4]


def _gemm(curve: Any) -> float:
    return float(curve.flops_per_second(_SIDE, _SIDE, _SIDE, 1.0))


def _attention(kernel: Any) -> float:
    return float(kernel.forward.flops_per_second(_TOKENS, _HEAD, 1.0))


def _collective(curve: Any) -> float:
    return -float(curve.seconds(_MESSAGE, _RANKS, 1e11))
