"""Timings of single kernels and links as samples, on an accelerator in its cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from llmplan.catalogues import COST_MODELS, DTYPES, GPUS, Kind, registry
from llmplan.errors import BadInputError
from llmplan.estimate import CostModel
from llmplan.records import Efficiency, HardwareProfile, NumberFormat
from llmplan.request import TrainRequest
from llmplan.space.asked import asking, completed, efficiency_of
from llmplan.space.choice import default_record, find_record, in_cluster
from llmplan_calibration.at_site import hardware_at
from llmplan_calibration.sample import Rates, Sample

DEVIATION = {"gemm": 0.15, "copy": 0.1, "attention": 0.2}
"""Of timings, about the curves that were fitted to published ones: assumed. Links differ more from place to place."""
_OF_LINKS = 0.3
_SHARED, _SHARED_OF_LINKS = 0.5, 0.8
BOTH = ("train", "infer")
_ASKED = ("gpu", "dtype", "cost_model", "cluster", "nic_gbits", "gpus_per_node", "oversubscription", "host_memory")


def _or_default(wanted: Any, option: str, kind: Kind) -> Any:
    return default_record(registry().catalogue(kind), option) if wanted is None else find_record(wanted, option, kind)


@frozen(eq=False, repr=False)
class Bench:
    """The accelerator, and the others beside it, on which kernels were timed."""

    hardware: HardwareProfile
    gemm: NumberFormat
    efficiency: Efficiency
    cost_model: CostModel
    _at: dict[Rates, HardwareProfile] = field(factory=dict, init=False)
    """The accelerator at rates, of which all its samples are asked about the same few."""

    @classmethod
    def of(cls, options: Mapping[str, Any], **facts: Any) -> Bench:
        """By options of the command line, which go before what a file says; BadInputError where there is no GPU."""
        known = {name: value for name, value in {**facts, **options}.items() if name in _ASKED and value is not None}
        request = TrainRequest(**known)
        hardware = find_record(request.gpu, "gpu", GPUS)
        hardware, _ = in_cluster(hardware, request)
        dtype = _or_default(request.dtype, "dtype", DTYPES)
        cost_model = _or_default(request.cost_model, "cost-model", COST_MODELS)
        hardware, _ = completed(cost_model, hardware)
        if not hasattr(cost_model, "kernel_seconds"):
            raise BadInputError(f"cost-model: {cost_model.name} prices no kernels by themselves")
        gemm = dtype.gemm_format(hardware)
        return cls(hardware, gemm, efficiency_of(cost_model, hardware, gemm, "train"), cost_model)

    def sample(self, name: str, file: str, kernel: str, sizes: Mapping[str, float], seconds: float) -> Sample:
        """A kernel that took so long."""
        link = kernel not in DEVIATION
        return Sample(
            id=name,
            file=file,
            metric="us",
            gpu=self.hardware.name,
            phases=BOTH,
            measured=seconds * 1e6,
            predict=lambda by: 1e6 * self.seconds(kernel, sizes, by),
            deviation=DEVIATION.get(kernel, _OF_LINKS),
            shared=_SHARED_OF_LINKS if link else _SHARED,
            whole=False,
            plan=(file, kernel, str(sizes.get("ranks", ""))),
        )

    def seconds(self, kernel: str, sizes: Mapping[str, float], by: Rates) -> float:
        """What the kernel is predicted to take at these rates."""
        published = all(one == 1.0 for one in by)
        if not published and by not in self._at:
            self._at[by] = hardware_at(self.hardware, by)
        hardware = self.hardware if published else self._at[by]
        gemm = NumberFormat(self.gemm.name, self.gemm.peak_flops * by[0])
        with asking(self.cost_model):
            found = self.cost_model.kernel_seconds(kernel, sizes, hardware, gemm, self.efficiency)  # type: ignore[attr-defined]
        return float(found)
