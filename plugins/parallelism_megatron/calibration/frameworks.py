"""Constants of frameworks and of accelerators in long runs, from all published rows of each together.

They are moved as `descent` says, against the mean of their sources' mean absolute errors. What comes out is rounded and
written into frameworks/*.toml, and as `sustained` into files of hardware_nvidia, by hand:
``python plugins/parallelism_megatron/calibration/frameworks.py`` prints it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from attrs import evolve, frozen

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from calibration.descent import descend
from llmplan import registry
from llmplan.errors import BadInputError
from llmplan.records import FrameworkProfile, HardwareProfile, ValidationRow
from llmplan_validation import validate
from llmplan_validation.run import priced

LIMITS = {
    "elementwise_traffic": (1.0, 3.0),
    "kernel_rate": (0.6, 1.0),
    "tensor_overlap": (0.0, 0.9),
    "data_overlap": (0.0, 1.0),
    "expert_overlap": (0.0, 1.0),
    "data_bandwidth": (0.02, 1.0),
}
SET = "training"
SUSTAINED_LIMITS = (0.6, 1.0)


@frozen
class Constant:
    """One number of a framework, or the sustained fraction of an accelerator in one format."""

    owner: str
    name: str
    formats: tuple[str, ...] = ()
    """Of an accelerator: the formats that share it."""

    @property
    def limits(self) -> tuple[float, float]:
        """Between which it makes sense."""
        return SUSTAINED_LIMITS if self.formats else LIMITS.get(self.name, (0.0, float("inf")))


Values = Mapping[Constant, float]


def of(owner: str, *names: str) -> list[Constant]:
    """Constants of a framework."""
    return [Constant(owner, name) for name in names]


def sustained(owner: str, *formats: str) -> list[Constant]:
    """What long runs keep of timed GEMMs on an accelerator."""
    return [Constant(owner, "sustained", formats)]


SIXTEEN_BIT = ("bf16", "fp16", "tf32")
STAGES: Sequence[tuple[Sequence[Constant], Sequence[str]]] = (
    (
        [*sustained("a100-sxm-80gb", *SIXTEEN_BIT), *of("megatron-lm-2022", "elementwise_traffic", "data_overlap"),
         *of("deepspeed-zero3", "data_bandwidth")],
        ("Korthikanti2022", "Narayanan2021", "vTrain"),
    ),
    (
        [*of("megatron-deepspeed", "kernel_rate", "elementwise_traffic", "host_seconds_per_layer",
             "host_seconds_per_step"), *sustained("v100-sxm2-32gb", *SIXTEEN_BIT)],
        ("vTrain", "BigScience-BLOOM", "MT-NLG", "BigScience-tr3m-V100"),
    ),
    (
        [*of("llm-foundry", "kernel_rate", "elementwise_traffic", "data_overlap", "host_seconds_per_layer",
             "host_seconds_per_step"), *sustained("h100-sxm-80gb", *SIXTEEN_BIT)],
        ("llm-foundry", "Megatron-LM-README-H100", "Llama-3-paper"),
    ),
    (
        [*of("megatron-core", "tensor_overlap", "data_overlap", "expert_overlap", "elementwise_traffic",
             "host_seconds_per_layer", "host_seconds_per_routed_layer"), *sustained("h100-sxm-80gb", "fp8")],
        ("Megatron-LM-README-H100", "NeMo-long-seq", "Megatron-Bridge", "Llama-3-paper"),
    ),
    (
        [*sustained("b200-sxm", *SIXTEEN_BIT), *of("megatron-core-no-overlap", "kernel_rate", "elementwise_traffic")],
        ("SimuMax-B200",),
    ),
    (of("megatron-core-deterministic", "kernel_rate"), ("Megatron-LM-CI",)),
    (of("fsdp", "kernel_rate"), ("LLaMA-1", "Meta-model-cards", "TinyLlama")),
)  # fmt: skip
"""Constants that are moved together, and the sources that say something of them."""


def current(constant: Constant) -> float:
    """As the profile has it now."""
    if constant.formats:
        kernels = registry().gpus[constant.owner].kernels
        return kernels.sustained.get(constant.formats[0], 1.0) if kernels is not None else 1.0
    value: float = getattr(registry().frameworks[constant.owner], constant.name)
    return value


_RATE = {"fsdp": ("kernel_rate",)}
_NEMO = (
    *("tensor_overlap", "data_overlap", "elementwise_traffic"),
    *("host_seconds_per_layer", "host_seconds_per_routed_layer"),
)
SHARED: Mapping[str, Mapping[str, Sequence[str]]] = {
    "megatron-core-bridge": {"megatron-core": (*_NEMO, "expert_overlap")},
    "megatron-core-nemo": {"megatron-core": _NEMO},
    "megatron-core-deterministic": {"megatron-core": ("elementwise_traffic", "host_seconds_per_layer")},
    **dict.fromkeys(
        ("meta-2023", "lit-gpt", "nanotron", "torchtitan", "torchtitan-eager", "torchtitan-async-tp"), _RATE
    ),
    "megatron-deepspeed-2023": {
        "megatron-lm-2022": ("elementwise_traffic", "data_overlap"),
        "megatron-deepspeed": ("host_seconds_per_layer", "host_seconds_per_step"),
    },
}
"""Programs that take constants of others, and which."""


def framework_with(profile: FrameworkProfile, values: Values) -> FrameworkProfile:
    """A profile with the constants that are its own, or that it shares with its relatives."""
    shared = SHARED.get(profile.name, {})
    return evolve(profile, **{one.name: value for one, value in values.items()
                              if one.owner == profile.name or one.name in shared.get(one.owner, ())})  # fmt: skip


def hardware_with(profile: HardwareProfile, values: Values) -> HardwareProfile:
    """An accelerator with the sustained fractions that are its own."""
    own = {name: value for constant, value in values.items() if constant.owner == profile.name
           for name in constant.formats}  # fmt: skip
    if not own or profile.kernels is None:
        return profile
    return evolve(profile, kernels=evolve(profile.kernels, sustained={**profile.kernels.sustained, **own}))


def with_values(options: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The options of a row with other constants."""
    changed = {**options, "gpu": hardware_with(options["gpu"], values)}
    if "framework" in options:
        changed["framework"] = framework_with(options["framework"], values)
    return changed


def mean_error(rows: Sequence[ValidationRow], values: Values) -> float:
    """The mean of the sources' mean absolute errors of time."""
    errors: dict[str, list[float]] = {}
    for row in rows:
        try:
            predicted = priced(evolve(row, options=with_values(row.options, values)), SET).predicted
        except BadInputError:
            continue
        errors.setdefault(row.source, []).append(abs(predicted / row.measured - 1.0))
    return fmean(fmean(of_source) for of_source in errors.values())


def calibrate() -> None:
    """Print what each stage would change."""
    rows = [checked.row for checked in validate(registry().validation_sets[SET]).checked]
    for constants, sources in STAGES:
        own = [row for row in rows if row.source in sources and row.counts and row.metric != "peak_memory_gb"]
        start = {constant: current(constant) for constant in constants}
        found = descend(start, lambda constant: constant.limits, partial(mean_error, own))
        print(f"{', '.join(sources)}: {mean_error(own, start):.2%} -> {mean_error(own, found):.2%}")
        for constant, value in found.items():
            print(f"  {constant.owner} {constant.name} {'/'.join(constant.formats)}: {start[constant]:g} -> {value:g}")


if __name__ == "__main__":
    calibrate()
