"""A server whose steps cost a + b x tokens + c x keys: for tests of what holds whatever the steps."""

from __future__ import annotations

from math import ceil

from attrs import evolve, frozen

from llmplan.estimate import InferenceEstimate, Kind, Line
from llmplan.records import Efficiency, InferencePlan, Layout, Lengths, NumberFormat, ServerPlan, Step, Workload
from llmplan.testing import SAMPLE_DTYPE, SAMPLE_HARDWARE, SAMPLE_MODEL
from llmplan_serving_load.queueing.server import make_server

BLOCK = 16


@frozen(kw_only=True)
class AffineSteps:
    """Of 10 ms, 20 us a token and 10 ns a key; on stages in a row each takes its part."""

    base: float = 0.010
    per_token: float = 20e-6
    per_key: float = 10e-9
    kv_bytes_per_token: float = 1e5
    weight_bytes: float = 10e9
    stages: int = 1
    transfer_bytes_per_second: float = 50e9

    @property
    def batches_in_flight(self):
        """One a stage."""
        return self.stages

    def step_seconds(self, step):
        """a + b x tokens + c x keys."""
        keys = step.prompt_tokens * step.prompt_context
        keys += step.sequences * step.tokens_per_sequence * step.context
        return self.base + self.per_token * step.tokens + self.per_key * keys

    def step_interval_seconds(self, step):
        """The part of a stage."""
        return self.step_seconds(step) / self.stages

    def kv_bytes(self, tokens):
        """In blocks of 16 tokens."""
        return ceil(tokens / BLOCK) * BLOCK * self.kv_bytes_per_token

    def fixed_memory(self, step_tokens):
        """Weights, and 10 kB a token of a step."""
        return {Line("weights", Kind.TENSORS): self.weight_bytes, Line("workspace", Kind.TENSORS): 1e4 * step_tokens}

    def kv_transfer_seconds(self, tokens):
        """Over one link."""
        return self.kv_bytes(tokens) / self.transfer_bytes_per_second


def inference_plan(**layout):
    """A replica, or several, of the sample model."""
    sizes = {"tp": 1, "pp": 1, "dp": 1, **layout}
    return InferencePlan(
        model=SAMPLE_MODEL,
        hardware=SAMPLE_HARDWARE,
        dtype=SAMPLE_DTYPE,
        gemm=NumberFormat(name="fp16", peak_flops=4e14),
        layout=Layout(gpus=sizes["tp"] * sizes["pp"] * sizes["dp"], **sizes),
        efficiency=Efficiency(flops=1.0),
        cost_model="affine",
        batch=1,
        prompt_tokens=1,
        output_tokens=1,
        kv_bits=16,
        price_per_gpu_hour=2.0,
    )


def server_plan(*, prompt=1024, output=256, layout=None, **options):
    """One replica that cuts prompts to steps of 2,048 tokens, unless told otherwise."""
    load = {name: options.pop(name) for name in ("rate", "concurrency", "trace", "requests", "seed") if name in options}
    lengths = {
        name: length if isinstance(length, Lengths) else Lengths(length)
        for name, length in (("prompt", prompt), ("output", output))
    }
    return ServerPlan(
        plan=inference_plan(**(layout or {})),
        workload=Workload(**load, **lengths),
        **{"step_tokens": 2048, "chunked": True, "max_sequences": 256, **options},
    )


def affine_server(steps=None, **options):
    """The server of such a plan."""
    return make_server(server_plan(**options), lambda _: steps or AffineSteps())


@frozen
class AffineCostModel:
    """A cost model whose servers make such steps, and whose batches are such steps."""

    name: str = "affine"
    description: str = "a + b x tokens + c x keys"
    default: bool = False
    steps: AffineSteps = AffineSteps()

    def efficiency(self, _hardware, _gemm, _phase):
        """None is needed."""
        return Efficiency(flops=1.0, source="none")

    def check(self, _plan):
        """Every layout is as good."""
        return ()

    def remarks(self, _plan):
        """Nothing to say."""
        return ()

    def train(self, plan):
        """Not what these tests are about."""
        raise NotImplementedError(plan)

    def serving(self, plan):
        """On as many stages as the plan has."""
        return evolve(self.steps, stages=int(plan.layout.pp))

    def infer(self, plan):
        """Two steps: all prompts, and one token of each sequence."""
        prompts = Step(
            prompt_tokens=plan.batch * plan.prompt_tokens, prompt_context=plan.prompt_tokens / 2, prompts=plan.batch
        )
        decode = Step(sequences=plan.batch, context=plan.prompt_tokens + plan.output_tokens / 2)
        kv_bytes = self.steps.kv_bytes(plan.prompt_tokens + plan.output_tokens)
        return InferenceEstimate(
            plan=plan,
            prefill_breakdown={Line("all", Kind.COMPUTE): self.steps.step_seconds(prompts)},
            decode_breakdown={Line("all", Kind.COMPUTE): self.steps.step_seconds(decode)},
            memory_breakdown={
                Line("weights", Kind.TENSORS): self.steps.weight_bytes,
                Line("kv_cache", Kind.TENSORS): plan.batch * kv_bytes,
            },
            memory_bytes_per_sequence=kv_bytes,
        )


SAMPLE = {"model": SAMPLE_MODEL, "gpu": SAMPLE_HARDWARE, "dtype": SAMPLE_DTYPE, "cost_model": AffineCostModel()}
"""Options of `infer` for a server of the sample model with affine steps."""
