"""A sound cost model and a sound accelerator, from which each file here differs by one mistake."""

from __future__ import annotations

from attrs import frozen

from llmplan.arrays.quantities import maximum
from llmplan.estimate import InferenceEstimate, Kind, Line, TrainingEstimate
from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    Efficiency,
    GemmCurve,
    HardwareProfile,
    KernelCurves,
    NetworkCurve,
)
from llmplan.records.cluster import two_levels

COMPUTE = Line("compute", Kind.COMPUTE)
READING = Line("reading", Kind.MEMORY)
WEIGHTS, CACHE, STATES = (Line(name, Kind.TENSORS) for name in ("weights", "kv_cache", "states"))
NUMBERS = {
    "memory_bytes": 80e9,
    "memory_bytes_per_second": 3e12,
    "peak_flops": {"fp16": 5e14, "bf16": 5e14, "fp8": 1e15},
}


def accelerator(*, scale_up=4e11, scale_out=5e10, link="", **changed):
    """One with a source for each number."""
    numbers = {**NUMBERS, **changed}
    named = [*(f"peak_flops.{name}" for name in numbers["peak_flops"]), "memory_bytes", "memory_bytes_per_second",
             "scale_up_bytes_per_second", "scale_up_domain", "scale_out_bytes_per_second"]  # fmt: skip
    stated = [name for name in changed if name not in ("kernels", "efficiency", "aliases", "peak_flops")]
    sources = dict.fromkeys([*named, *stated, *(["scale_up_link"] if link else [])], "datasheet")
    cluster = two_levels(scale_up, 8, name=link, beyond=scale_out)
    return HardwareProfile(name="planted", cluster=cluster, sources=sources, **numbers)


def curves(*, gemm=None, attention=None, reduce=None, reduced="all_reduce", **more):
    """Of a sound accelerator."""
    fused = attention or AttentionCurve(plateau=0.6)
    return KernelCurves(
        gemm={"fp16": gemm or GemmCurve(plateau=0.8)},
        attention={"flash-2": AttentionKernel(forward=fused, backward=fused)},
        collectives={reduced: reduce or CollectiveCurve(plateau=0.8)},
        network=NetworkCurve(plateau=0.8),
        source="timed",
        **{"hbm": 0.9, **more},
    )


@frozen
class Sound:
    """FLOPs, weights, states and caches; every mistake overrides one of the methods below."""

    name: str = "planted"
    description: str = "planted"
    default: bool = False

    def efficiency(self, hardware, gemm, phase):
        """Half of the peak."""
        return Efficiency(flops=0.5, hbm=0.8, source="assumed")

    def check(self, plan):
        """All plans will do."""
        return ()

    def remarks(self, plan):
        """None."""
        return ()

    def train(self, plan):
        """By FLOPs."""
        flops, layout = self.training_flops(plan), plan.layout
        seconds = flops / self.rate(plan) / (layout.dp * layout.cp)
        return TrainingEstimate(
            plan=plan,
            time_breakdown={COMPUTE: self.seconds(seconds)},
            forward_breakdown=None,
            memory_breakdown=self.training_memory(plan),
            model_flops=self.model_flops(flops),
            hardware_flops=flops,
        )

    def infer(self, plan):
        """By FLOPs, and by reading weights."""
        reading = self.weights(plan) / (plan.hardware.memory_bytes_per_second * plan.efficiency.hbm)
        multiplying = plan.model.lower(plan.batch, 1).flops / self.rate(plan)
        return InferenceEstimate(
            plan=plan,
            prefill_breakdown={
                COMPUTE: self.seconds(plan.model.lower(plan.batch, plan.prompt_tokens).flops / self.rate(plan))
            },
            decode_breakdown=self.decode(reading, maximum(multiplying - reading, 0.0)),
            memory_breakdown=self.serving_memory(plan),
            memory_bytes_per_sequence=self.cache(plan) / plan.batch,
        )

    def training_flops(self, plan):
        """Of an iteration: three forward passes."""
        return 3 * plan.model.lower(plan.global_batch, plan.seq_len).flops

    def model_flops(self, flops):
        """Those of the model among them: all."""
        return flops

    def seconds(self, seconds):
        """In seconds."""
        return seconds

    def decode(self, reading, multiplying):
        """Both parts."""
        return {READING: self.seconds(reading), COMPUTE: self.seconds(multiplying)}

    def rate(self, plan):
        """FLOP/s of a replica."""
        return plan.layout.tp * plan.layout.pp * plan.gemm.peak_flops * plan.efficiency.flops

    def weights(self, plan):
        """Bytes on a device."""
        parameters = sum(plan.model.parameters_by_part().values())
        return parameters * plan.dtype.weight_bits / 8 / (plan.layout.tp * plan.layout.pp)

    def cache(self, plan):
        """Bytes of keys and values."""
        tokens = plan.prompt_tokens + plan.output_tokens
        return plan.model.kv_cache(plan.batch, tokens).elements * plan.kv_bits / 8 / (plan.layout.tp * plan.layout.pp)

    def serving_memory(self, plan):
        """Weights and caches."""
        return {WEIGHTS: self.weights(plan), CACHE: self.cache(plan)}

    def training_memory(self, plan):
        """Weights, gradients and states."""
        return {WEIGHTS: self.weights(plan), STATES: 8 * self.weights(plan) + 0.0 * plan.micro_batch}
