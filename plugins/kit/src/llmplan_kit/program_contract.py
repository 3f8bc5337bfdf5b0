"""Contracts of programs: training frameworks, inference engines, optimizers, pipeline schedules.

`llmplan.testing` is the door to them.
"""

from __future__ import annotations

from typing import Any

from llmplan import records
from llmplan.catalogues import ENGINES, FRAMEWORKS, OPTIMIZERS, SCHEDULES, registry
from llmplan_kit.contracts import WIDEST_BITS, check_aliases, check_spelling, check_within, checked_name, require

_SECONDS, _BYTES, _BITS = "in seconds", "in bytes", "in bits"
_FRAMEWORK = {
    "host_seconds_per_layer": (0, 0.05, _SECONDS),
    "host_seconds_per_routed_layer": (0, 0.1, _SECONDS),
    "host_seconds_per_adapter": (0, 0.01, _SECONDS),
    "host_seconds_per_gathered_layer": (0, 0.1, _SECONDS),
    "host_seconds_per_gathered_adapter": (0, 0.02, _SECONDS),
    "host_seconds_per_step": (0, 10.0, _SECONDS),
    "context_bytes": (1e6, 2e10, _BYTES),
    "communication_bytes": (1e6, 1e11, _BYTES),
    "bucket_bytes": (1e4, 1e11, _BYTES),
    "gradient_bits": (8, WIDEST_BITS, _BITS),
    "reduction_bits": (4.01, WIDEST_BITS, _BITS),
    "state_bits": (8, WIDEST_BITS, _BITS),
    "kernel_rate": (0.1, 1, "a fraction"),
    "data_bandwidth": (0.01, 1, "a fraction"),
    "live_parameters": (0, 1e12, "of parameters"),
    "frozen_bits": (1.5, WIDEST_BITS, _BITS),
    "elementwise_traffic": (0.1, 20.0, "a factor"),
    "logit_bytes_moved": (1, 200, "of one logit"),
    "logit_bytes_kept": (1, 100, "of one logit"),
    "optimizer_extra_bytes": (0, 64, "of one parameter"),
}
"""Wide enough for any program; a number in another unit falls outside."""
_ENGINE = {
    "launch_seconds_per_layer": (0, 0.01, _SECONDS),
    "host_seconds_per_launch": (0, 2e-4, _SECONDS),
    "first_call_seconds": (0, 60.0, _SECONDS),
    "host_seconds_per_step": (0, 0.2, _SECONDS),
    "host_seconds_per_sequence": (0, 0.005, _SECONDS),
    "rank_wait_seconds": (0, 5e-4, _SECONDS),
    "cache_token_cycles": (0, 1e5, "in cycles"),
    "context_bytes": (1e6, 2e10, _BYTES),
    "workspace_bytes": (1e6, 1e11, _BYTES),
    "group_bytes": (1e6, 1e11, _BYTES),
    "large_memory_bytes": (1e9, 1e13, _BYTES),
    "kv_bits": (2.01, WIDEST_BITS, _BITS),
    "memory_share": (0.2, 1, "a fraction"),
    "gemm_rate": (0.1, 1, "a fraction"),
    "memory_rate": (0.1, 1, "a fraction"),
    "launch_share": (0, 20.0, "a factor"),
    "max_sequences": (1, 100_000, "of sequences"),
    "step_tokens": (16, 1e8, "in tokens"),
    "block_tokens": (1, 8192, "in tokens"),
    "elementwise_traffic": (0.1, 20.0, "a factor"),
    "warm_up_bytes": (1, 1_000, "of one logit"),
}
_OPTIMIZER = {
    "state_bytes": (0, 24, "in bytes of one parameter"),
    "ends_state_bytes": (0, 24, "in bytes of one parameter"),
    "state_bits": (3, WIDEST_BITS, _BITS),
    "moved_bytes": (0, 500, "of one parameter"),
    "newton_schulz_steps": (0, 50, "of iterations"),
}
"""Three states in 64 bits: one in bits, or of the whole model, is larger."""
_OFFLOADS = ("weights", "experts", "kv")
_LONGEST_BUBBLE = 4.0
"""Times a micro-batch on all other stages."""


def check_framework(framework: records.FrameworkProfile) -> None:
    """It has a source, and its numbers have the size of their SI unit."""
    name = checked_name(FRAMEWORKS, framework)
    require(framework.source, f"{name}: no source")
    check_aliases(name, framework.aliases)
    check_within(name, framework, _FRAMEWORK)
    for dtype, bits in framework.gradient_bits_by_dtype.items():
        where = f"{name}: gradient_bits_by_dtype.{dtype}"
        known = dtype in registry().dtypes and registry().dtypes[dtype].name == dtype
        require(known, f"{where}: there is no such dtype; they are called as in llmplan list dtypes")
        low, high, _ = _FRAMEWORK["gradient_bits"]
        require(low <= bits <= high, f"{where}: {bits:g} is not in {low:g} to {high:g}: is it in bits?")
    modes = [mode.label for mode in records.Recompute]
    usual = framework.usual_recompute
    require(usual is None or usual in modes, f"{name}: usual_recompute: {usual!r} is none of {', '.join(modes)}")
    _check_words(name, framework, framework.attention_by_architecture)


def check_engine(engine: records.EngineProfile) -> None:
    """It has a source, and its numbers have the size of their SI unit."""
    name = checked_name(ENGINES, engine)
    require(engine.source, f"{name}: no source")
    check_aliases(name, engine.aliases)
    check_within(name, engine, _ENGINE)
    strange = [word for word in engine.offloads if word not in _OFFLOADS]
    require(not strange, f"{name}: offloads: {', '.join(strange)}: none of {', '.join(_OFFLOADS)}")
    _check_words(name, engine, {})


def _check_words(name: str, record: Any, by_architecture: Any) -> None:
    """Kernels and architectures are spelt as those that are known."""
    gpus = [gpu for _, _, gpu in registry().gpus.entries()]
    programs = [
        program for kind in (registry().engines, registry().frameworks) for other, _, program in kind.entries()
        if other != name
    ]  # fmt: skip
    kernels = {kernel for gpu in gpus if gpu.kernels is not None for kernel in gpu.kernels.attention}
    kernels |= {program.attention for program in programs if program.attention is not None}
    check_spelling(name, "attention", (record.attention, *by_architecture.values()), kernels)
    named = (*record.usual_on, *record.architectures, *by_architecture)
    check_spelling(name, "architectures", named, {gpu.architecture for gpu in gpus})


def check_optimizer(optimizer: records.Optimizer) -> None:
    """It has a source, and a parameter no more states than any rule of updating keeps."""
    name = checked_name(OPTIMIZERS, optimizer)
    require(optimizer.source, f"{name}: no source")
    check_within(name, optimizer, _OPTIMIZER)


def check_schedule(schedule: records.Schedule) -> None:
    """It has a source and can be sent to workers; a bubble is that of other stages, shorter where there is more to fill
    it with, longer where they are slower.
    """
    name = checked_name(SCHEDULES, schedule)
    require(schedule.source, f"{name}: no source")
    for field in ("bubble_seconds", "in_flight"):
        home = getattr(getattr(schedule, field), "__qualname__", field)
        require("<" not in home, f"{name}: {field}: {home} is no function of a module, which workers can be sent")
    alone = schedule.bubble_seconds(records.PipelineTimes(0.0, 0.0, 0.0, 1.0, 1.0, 4.0))
    require(alone == 0, f"{name}: bubble_seconds: {alone:g}, where there is no other stage to wait for")
    for p, m in ((2.0, 1.0), (2.0, 2.0), (4.0, 16.0), (8.0, 3.0)):
        others = (p - 1) * 3.0
        times = records.PipelineTimes(others, 0.0, 0.0, p, 1.0, m)
        filled = times._replace(others_weights=(p - 1) * 1.0, own_weights=1.0)
        slower = times._replace(others=(p - 1) * 4.0)
        bubble, shorter, longer = (schedule.bubble_seconds(one) for one in (times, filled, slower))
        require(0 <= shorter <= bubble <= longer, f"{name}: bubble_seconds: {shorter:g}, {bubble:g}, {longer:g}")
        near = bubble <= _LONGEST_BUBBLE * others
        require(
            near, f"{name}: bubble_seconds: {bubble:g} of {m:g} micro-batches, one of which takes others {others:g}"
        )
        held = schedule.in_flight(p, 1.0, m)
        require(0 < held <= m, f"{name}: in_flight: {held:g} of {m:g} micro-batches")
