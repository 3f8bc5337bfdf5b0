"""What ZeRO divides for good and what stays whole for an iteration, by plan."""

from __future__ import annotations

from llmplan.arrays.quantities import Truth
from llmplan.records import TrainingPlan


def divides_gradients(plan: TrainingPlan) -> Truth:
    """ZeRO 2 reduces and divides gradients in every micro-batch, but not under a pipeline: there they accumulate whole
    and are reduced once (DeepSpeed's pipeline engine refuses ZeRO above 1: deepspeed/runtime/pipe/engine.py).
    """
    return plan.layout.shards_gradients & (plan.layout.pp == 1)


def gradients_follow(plan: TrainingPlan) -> Truth:
    """Gradients wait on the host for an optimizer that steps there: with weights that wait there (PyTorch's FSDP,
    CPUOffloadPolicy), and under ZeRO 2 and 3 where the program has it so (deepspeed/runtime/zero/stage_1_and_2.py).
    """
    return plan.offload_parameters | (
        plan.offload_optimizer & plan.framework.offloads_gradients & divides_gradients(plan)
    )


def divides_weights(plan: TrainingPlan) -> Truth:
    """ZeRO 3 gives gathered weights up after each use, but not under a pipeline: there they stay for the iteration
    (torchtitan reshards after the forward pass where pp is 1: torchtitan/models/llama3/infra/parallelize.py).
    """
    return plan.layout.shards_weights & (plan.layout.pp == 1)
