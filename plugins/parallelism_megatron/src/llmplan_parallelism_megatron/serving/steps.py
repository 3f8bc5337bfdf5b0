"""What a server's steps take: prompts, or chunks of them, beside sequences that decode."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from llmplan.arrays.quantities import Number
from llmplan.records import InferencePlan, Step
from llmplan_parallelism_megatron import lines
from llmplan_parallelism_megatron.serving import memory
from llmplan_parallelism_megatron.serving.extent import of_step
from llmplan_parallelism_megatron.serving.kernels import serving_kernels
from llmplan_parallelism_megatron.serving.passes import Pass, forward
from llmplan_parallelism_megatron.serving.traffic import links_of


@frozen(eq=False)
class Steps:
    """Of one replica of a plan."""

    plan: InferencePlan

    @property
    def batches_in_flight(self) -> int:
        """One on each pipeline stage."""
        return int(self.plan.layout.pp)

    def step_seconds(self, step: Step) -> Number:
        """Through all pipeline stages."""
        return self._forward(step).whole.seconds

    def step_interval_seconds(self, step: Step) -> Number:
        """Of the slowest stage."""
        return self._forward(step).stage.seconds

    def _forward(self, step: Step) -> Pass:
        return forward(self.plan, of_step(step))

    def kv_bytes(self, tokens: Number) -> Number:
        """In whole pages."""
        return memory.sequence_bytes(self.plan, tokens)

    def fixed_memory(self, step_tokens: Number) -> Mapping[str, Number]:
        """Weights, what a step holds, what the engine keeps."""
        plan = self.plan
        fixed = {
            "weights": memory.weight_bytes(plan),
            **memory.pass_bytes(plan, step_tokens, 1.0),
            **memory.engine_bytes(plan),
        }
        return lines.held(fixed, plan.hardware)

    def kv_transfer_seconds(self, tokens: Number) -> Number:
        """Every rank sends its part of the cache to its counterpart over the network, or the link of the domain."""
        links = links_of(self.plan.layout, serving_kernels(self.plan))
        return links.transfer_between_replicas_seconds(self.kv_bytes(tokens), self.plan.layout)
