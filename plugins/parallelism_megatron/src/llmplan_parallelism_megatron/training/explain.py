"""Every line of an estimate as arithmetic: the formula, the numbers put in, the source.

The numbers are printed to five digits, so that the arithmetic gives the line to about one in a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmplan.estimate import Explained
from llmplan.records import Gemm, TrainingPlan
from llmplan_parallelism_megatron.kernels.reached import Kernels
from llmplan_parallelism_megatron.training import optimizer_step
from llmplan_parallelism_megatron.training.data_parallel import shards, traffic
from llmplan_parallelism_megatron.training.iteration import Step, offload_seconds, step_of, time_breakdown
from llmplan_parallelism_megatron.training.layer import joined, kernels_of, layer_times
from llmplan_parallelism_megatron.training.memory import kept_bytes, stage_memories, training_memory
from llmplan_parallelism_megatron.training.parameters import counts_of, stage_parameters

_NARAYANAN = "Narayanan et al. 2021, arXiv:2104.04473, section 2.2"
_KORTHIKANTI = "Korthikanti et al. 2022, arXiv:2205.05198, section 4"
_RAJBHANDARI = "Rajbhandari et al. 2020, arXiv:1910.02054, sections 3.1 and 5"


def explain(plan: TrainingPlan) -> tuple[Explained, ...]:
    """The operators of each kind of layer, then the lines of time and of memory."""
    step = step_of(plan)
    return (*_operators(plan, step), *_time(plan, step), *_memory(plan, step))


def _digits(value: float) -> str:
    return f"{value:.5g}"


def _operators(plan: TrainingPlan, step: Step) -> Iterator[Explained]:
    """Multiplications of a layer on one rank, forward."""
    for number, block in enumerate(step.rank.layers):
        for operators in kernels_of(block.operators):
            first = operators[0]
            if first.gemm is not None:
                name = " + ".join(operator.name for operator in operators)
                yield _gemm(f"layer kind {number + 1}: {name}", joined(operators, plan), plan, step.of)


def _gemm(name: str, gemm: Gemm, plan: TrainingPlan, of: Kernels) -> Explained:
    dtype, curve, peak = plan.dtype, of.narrow.curve, of.narrow.peak_flops
    m, n, k, groups = gemm.m, gemm.n, gemm.k, gemm.groups
    output = dtype.activation_bits / 8
    operand = min(dtype.weight_bits, dtype.activation_bits) / 8
    reached = curve.flops_per_second(m, n, k, 1.0)
    flops = f"2 * {_digits(groups)} * {_digits(m)} * {_digits(n)} * {_digits(k)}"
    moved = groups * ((m + n) * k * operand + m * n * output)
    return Explained(
        line=name,
        formula="launch + max(2 g m n k / (peak x reached), bytes / bandwidth)",
        numbers=f"{_digits(curve.launch_seconds)} + max({flops} / ({_digits(peak)} * {_digits(reached)}), "
        f"{_digits(moved)} / {_digits(of.bytes_per_second)})",
        value=of.narrow.forward_seconds(gemm, operand, output),
        unit="s",
        source=f"forward, m x k times k x n; {of.curves.source}",
    )


def _time(plan: TrainingPlan, step: Step) -> Iterator[Explained]:
    lines = time_breakdown(plan, step)
    yield from _passes(plan, step, lines)
    yield _bubble(plan, step, lines["pipeline_bubble"])
    yield _optimizer(plan, step, lines["optimizer"])
    yield _data_parallel(plan, step, lines["dp_comm"])
    rest = {
        "offload": ("m x max(0, 2 x activations / host link - stage)", "Ren et al. 2021, arXiv:2101.06840"),
        "host": ("of every iteration", f"framework {plan.framework.name}: {plan.framework.source}"),
    }
    for name, (formula, source) in rest.items():
        yield _line(name, formula, _digits(lines[name]), lines[name], source)


def _data_parallel(plan: TrainingPlan, step: Step, value: float) -> Explained:
    """What does not hide behind computation."""
    waiting = offload_seconds(plan, step.rank, step.work)
    moved = traffic(plan, step.parameters, step.work, waiting, step.of, step.groups)
    numbers = (
        f"max({_digits(moved.forward)} - {_digits(moved.hides_forward)}, 0) + "
        f"max({_digits(moved.backward)} - {_digits(moved.hides_backward)}, 0)"
    )
    overlap = f"framework {plan.framework.name} overlaps {plan.framework.data_overlap:.0%}"
    formula = (
        "gathering weights - overlap x forward, and reducing gradients (ZeRO 3: gathering too) - overlap x backward"
    )
    return _line("dp_comm", formula, numbers, value, f"{_RAJBHANDARI}; {overlap}")


def _line(name: str, formula: str, numbers: str, value: float, source: str, unit: str = "s") -> Explained:
    return Explained(line=name, formula=formula, numbers=numbers, value=value, unit=unit, source=source)


def _passes(plan: TrainingPlan, step: Step, lines: Mapping[str, float]) -> Iterator[Explained]:
    """Lines that are so many micro-batches of the slowest stage, whose time is that of its layers and of an end."""
    work = step.work
    m, stage = work.micro_batches, work.slowest
    layers = [
        (count, layer_times(block, plan, step.of, step.groups))
        for count, block in zip(work.counts, step.rank.layers, strict=True)
    ]  # fmt: skip
    said: tuple[tuple[str, str, str, Callable[[Any], float]], ...] = (
        ("forward", "Y = X W, attention, and what norms and residuals move", _NARAYANAN, lambda of: of.compute.forward),
        ("backward", "dX = dY W^T, dW = X^T dY, 1.5 x what else moves", _NARAYANAN, lambda of: of.compute.backward),
        ("recompute", "operators that run again", f"{_KORTHIKANTI}", lambda of: of.compute.recompute),
        ("tp_comm", "all-reduce, or all-gather and reduce-scatter", _KORTHIKANTI, lambda of: of.tensor.all),
        ("cp_comm", "(c - 1) max(0, K and V - attention / c)", "arXiv:2310.01889, 3", lambda of: of.context.all),
        ("ep_comm", "all-to-all of the top-k copies, there and back", "arXiv:2006.16668, 3", lambda of: of.expert.all),
    )  # fmt: skip
    for name, what, source, seconds in said:
        terms = [f"{_digits(count)} * {_digits(seconds(layer))}" for count, layer in layers]
        end = seconds(stage) - sum(count * seconds(layer) for count, layer in layers)
        numbers = f"{_digits(m)} * ({' + '.join(terms)} + {_digits(end)})"
        yield _line(name, f"m x (layers of the slowest stage x {what}, + its end)", numbers, lines[name], source)
    transfer, waiting = f"{_digits(m)} * {_digits(work.transfer)}", f"{_digits(m)} * {_digits(stage.waiting)}"
    yield _line("pp_comm", "m x states to the next stage and gradients back", transfer, lines["pp_comm"], _NARAYANAN)
    host = f"framework {plan.framework.name}"
    yield _line("launch", "m x max(0, host launching kernels - kernels)", waiting, lines["launch"], host)


def _bubble(plan: TrainingPlan, step: Step, value: float) -> Explained:
    """The other stages' time of one micro-batch; transfers fill the pipeline too."""
    work, layout = step.work, plan.layout
    whole, slowest = work.whole.seconds, work.slowest.seconds
    own = work.slowest.weight_gradient_seconds
    further = min(plan.gradient_accumulation - 1.0, layout.pp - 1.0) * own
    filled = (max(work.whole.weight_gradient_seconds - own, 0.0) + further) * plan.schedule
    stages = f"max({_digits(whole)} - {_digits(slowest)} - {_digits(filled)}, 0)"
    transfers = f"({_digits(layout.pp)} - 1) * {_digits(work.transfer)}"
    return Explained(
        line="pipeline_bubble",
        formula="(all stages - the slowest [- 2 x gradients of weights, zero-bubble] + (p - 1) transfers) / v",
        numbers=f"({stages} + {transfers}) / {_digits(layout.vpp)}",
        value=value,
        unit="s",
        source=f"{_NARAYANAN}; zero-bubble: Qi et al. 2023, arXiv:2401.10241, table 2",
    )


def _optimizer(plan: TrainingPlan, step: Step, value: float) -> Explained:
    updated = optimizer_step.optimizer_parameters(plan, step.parameters, step.groups)
    return Explained(
        line="optimizer",
        formula="parameters of a rank x bytes moved of each / bandwidth, and Newton-Schulz steps",
        numbers=f"{_digits(value / updated if updated else 0.0)} * {_digits(updated)}",
        value=value,
        unit="s",
        source=f"{plan.optimizer.name}: {plan.optimizer.source}",
    )


def _memory(plan: TrainingPlan, step: Step) -> Iterator[Explained]:
    """Of the stage that `training_memory` found the fullest."""
    lines = training_memory(plan, step.rank, step.groups)
    framework = f"framework {plan.framework.name}"
    yield from _states(plan, step, lines)
    yield _activations(plan, step, lines)
    said = {
        "recompute_buffer": ("what the layer that runs again would have kept", _KORTHIKANTI),
        "logits_and_loss": (f"logits x {plan.framework.logit_bytes_kept:g} bytes + states of the head", framework),
        "gather_buffers": ("whole weights of two layers under ZeRO 3", "arXiv:2304.11277, section 4.1"),
        "communication_buffers": ("buffers of collectives", framework),
        "allocator_slack": (f"{plan.framework.slack:.0%} of activations and buffers", framework),
        "driver": ("driver, libraries, communication handles", framework),
    }
    for name, (formula, source) in said.items():
        line = plan.hardware.context_line if name == "driver" else name
        yield _line(line, formula, _digits(lines[name]), lines[name], source, "bytes")


def _states(plan: TrainingPlan, step: Step, lines: Mapping[str, float]) -> Iterator[Explained]:
    """Bytes of a parameter x parameters on the rank, ZeRO's division inside the former."""
    alone = 1.0 if plan.layout.pp == 1 else 0.0
    first, _ = stage_memories(plan, step.rank, step.groups)
    on_first = 1.0 if sum(first.values()) == sum(lines.values()) else 0.0
    parameters = stage_parameters(plan, step.rank, on_first or alone, 1.0 - on_first or alone)
    held = sum(parameters.trained(plan))
    divided = shards(plan, step.groups.data)
    said = {
        "weights": f"parameters of a rank x bytes (ZeRO 3 divides by {_digits(divided)}; experts by their own group)",
        "gradients": f"the same at {plan.gradient_bits:g} bits (ZeRO 2 divides)",
        "optimizer": f"the same at {optimizer_step.held_bytes(plan):g} bytes (ZeRO 1 divides)",
    }
    for name, formula in said.items():
        count = parameters.all if name == "weights" else held
        numbers = f"{_digits(count)} * {_digits(lines[name] / count)}"
        yield _line(name, formula, numbers, lines[name], _RAJBHANDARI, "bytes")


def _activations(plan: TrainingPlan, step: Step, lines: Mapping[str, float]) -> Explained:
    """Micro-batches in flight x layers x kept of a layer."""
    alone = 1.0 if plan.layout.pp == 1 else 0.0
    first, _ = stage_memories(plan, step.rank, step.groups)
    counts = counts_of(plan, step.rank, 1.0 if sum(first.values()) == sum(lines.values()) else alone)
    held = [(count, kept_bytes(block, plan)) for count, block in zip(counts, step.rank.layers, strict=True)]
    terms = [f"{_digits(count)} * {_digits(kept)}" for count, kept in held]
    one = sum(count * kept for count, kept in held)
    flying = lines["activations"] / one if one else 0.0
    numbers = f"{_digits(flying)} * ({' + '.join(terms)})"
    formula = "micro-batches in flight x layers x what one keeps (offloading leaves two layers)"
    return _line("activations", formula, numbers, lines["activations"], _KORTHIKANTI, "bytes")
