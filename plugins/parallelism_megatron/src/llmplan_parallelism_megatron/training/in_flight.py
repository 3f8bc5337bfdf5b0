"""Micro-batches whose activations a stage holds, and whose layers it has."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, ceil, minimum, where
from llmplan.arrays.term import term
from llmplan.records import TrainingPlan
from llmplan_parallelism_megatron.training.schedules import last_in_flight

OFFLOADED_LAYERS = 2.0
"""Layers whose activations stay while the others' wait in host memory."""


def stages_held(plan: TrainingPlan) -> Number:
    """Whose layers a rank has: its own stage's, and the other end's where micro-batches come from both."""
    return where(plan.layout.pp > 1, plan.schedule.of(lambda schedule: 2.0 if schedule.both_ways else 1.0), 1.0)


def micro_batches_in_flight(plan: TrainingPlan) -> Number:
    """Micro-batches whose activations the first stage holds."""
    layout, m = plan.layout, plan.gradient_accumulation
    held: Number = plan.schedule.of(lambda schedule: schedule.in_flight(layout.pp, layout.vpp, m))
    return held


def micro_batches_on_last(plan: TrainingPlan, on_first: Number) -> Number:
    """The same of the last stage; as many as on the first where it is that, or micro-batches come from both ends."""
    layout, both = plan.layout, plan.schedule.of(lambda schedule: 1.0 if schedule.both_ways else 0.0)
    few = last_in_flight(plan.gradient_accumulation, layout.pp, layout.vpp)
    return where((layout.pp == 1) | (both > 0), on_first, few)


def held_activations(plan: TrainingPlan, kept: Number, in_flight: Number) -> Number:
    """What layers keep of the micro-batches in flight; of those that wait in host memory two layers stay: the one at
    work, and the one on its way.
    """
    return activation_bytes(where(plan.offload_activations, staying(plan, in_flight), in_flight), kept)


def staying(plan: TrainingPlan, in_flight: Number) -> Number:
    """Of the micro-batches in flight, what stays where the others' activations wait in host memory."""
    return minimum(in_flight, OFFLOADED_LAYERS / ceil(plan.model.layers / plan.layout.pp))


@term("in_flight * kept", unit="bytes", source="Korthikanti et al. 2022, arXiv:2205.05198, section 4.2.3")
def activation_bytes(in_flight: Number, kept: Number) -> Number:
    """A stage keeps the activations of every micro-batch that has gone forward and not yet come back; most on the first
    stage.
    """
    return in_flight * kept
