"""How many training plans are priced in a second: ``python -m tests.benchmarks.search``.

Plans of arrays, with every line of time and memory, whether they fit, and MFU; beside them one plan after the other in
a Python loop. Rounds alternate and the best counts, in processor time, since noise only adds; what includes starting
Python is wall time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
from attrs import evolve

from llmplan import registry, train
from llmplan.records import TrainingPlan
from llmplan.space.schedules import schedules

CASES = {
    "llama-65b": "dense",
    "mixtral-8x22b": "experts",
    "deepseek-v3": "experts and latents",
}
GPU, GPUS, BATCH_TOKENS = "a100-sxm-80gb", 2048, 2**23
CHUNK = 65_536
ROUNDS = 5
CHUNKS = 6
"""Of each model, that are priced in a round."""
LOOP = 200
"""Plans that the loop prices in a round."""

DIMENSIONS: dict[str, tuple[Any, ...]] = {
    "tp": (1, 2, 4, 8),
    "cp": (1, 2, 4, 8),
    "ep": (1, 2, 4, 8, 16),
    "pp": (1, 2, 4, 5, 8, 10, 16, 20),
    "zero": (0, 1, 2, 3),
    "sequence_parallel": (False, True),
    "micro_batch": (1, 2, 4, 8),
    "vpp": (1, 2, 4, 5, 8),
    "schedule": (0, 1),
    "recompute": (0, 1, 2, 3, 4),
    "offload_activations": (False, True),
    "offload_optimizer": (False, True),
}
"""Plans that differ in the last fields alone lie side by side."""
ROOT = ("tp", "cp", "ep", "pp")
COMMAND = (
    *("llmplan", "search", "train", "--model", "llama-65b", "--gpu", GPU, "--gpus", f"{GPUS}"),
    *("--global-batch-tokens", "4M", "--json"),
)
"""The whole legal space of a model, from the command line."""


def base_plan(model: str) -> TrainingPlan:
    """What all plans of a model have in common."""
    return train(model=model, gpu=GPU, gpus=GPUS, global_batch_tokens=BATCH_TOKENS, tp=8, pp=1, cp=1, ep=1).plan


def chunks(base: TrainingPlan) -> Iterator[TrainingPlan]:
    """All legal plans, `CHUNK` at a time, and what is left of them."""
    waiting: list[dict[str, Any]] = []
    for columns in _legal(base):
        waiting.append(columns)
        if sum(len(part["tp"]) for part in waiting) >= CHUNK:
            together = _joined(waiting)
            yield _with(base, {name: values[:CHUNK] for name, values in together.items()})
            waiting = [{name: values[CHUNK:] for name, values in together.items()}]
    yield _with(base, _joined(waiting))


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _legal(base: TrainingPlan) -> Iterator[dict[str, Any]]:
    """Of every division of the GPUs that is legal as such, so many plans."""
    roots = _crossed({name: DIMENSIONS[name] for name in ROOT})
    roots["dp"] = GPUS / (roots["tp"] * roots["cp"] * roots["pp"])
    roots = _kept(roots, roots["dp"] == np.floor(roots["dp"]))
    roots = _kept(roots, _allowed(base, roots))
    rest = _crossed({name: values for name, values in DIMENSIONS.items() if name not in ROOT})
    for root in zip(*roots.values(), strict=True):
        columns = dict(zip(roots, (np.full(len(rest["zero"]), value) for value in root), strict=True)) | rest
        accumulated = BATCH_TOKENS / base.seq_len / (columns["dp"] * columns["micro_batch"])
        columns = _kept(columns | {"gradient_accumulation": accumulated}, accumulated == np.floor(accumulated))
        yield _kept(columns, _allowed(base, columns))


def _allowed(base: TrainingPlan, columns: dict[str, Any]) -> Any:
    broken = registry().cost_models["megatron"].illegal(_with(base, columns)).values()
    return ~np.any(np.broadcast_arrays(columns["tp"] < 0, *broken), axis=0)


def _crossed(dimensions: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    axes = [np.array(values, dtype=bool if values == (False, True) else float) for values in dimensions.values()]
    return dict(zip(dimensions, (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")), strict=True))


def _kept(columns: dict[str, Any], mask: Any) -> dict[str, Any]:
    return {name: values[mask] for name, values in columns.items()}


def _with(base: TrainingPlan, columns: dict[str, Any]) -> TrainingPlan:
    sizes = ("tp", "cp", "ep", "pp", "dp", "vpp", "zero", "sequence_parallel")
    layout = evolve(base.layout, **{name: values for name, values in columns.items() if name in sizes})
    run = {name: values for name, values in columns.items() if name not in sizes}
    if "schedule" in run:
        run["schedule"] = schedules().at(run["schedule"])
    return evolve(base, layout=layout, **run)


def price(plan: TrainingPlan) -> int:
    """In full; how many plans."""
    estimate = registry().cost_models["megatron"].train(plan)
    assert estimate.iteration_seconds.shape == estimate.mfu.shape == estimate.feasible.shape
    return len(estimate.iteration_seconds)


def one_by_one(plan: TrainingPlan, plans: int) -> list[TrainingPlan]:
    """Some plans of a chunk, of numbers."""
    where = np.linspace(0, len(plan.recompute) - 1, plans).astype(int)
    columns = {name: getattr(plan, name) for name in DIMENSIONS if hasattr(plan, name)}
    columns["schedule"] = plan.schedule.which
    columns |= {name: getattr(plan.layout, name) for name in (*DIMENSIONS, "dp") if hasattr(plan.layout, name)}
    columns["gradient_accumulation"] = plan.gradient_accumulation
    return [_with(plan, {name: values[index].item() for name, values in columns.items()}) for index in where]


def seconds(action: Callable[[], object]) -> float:
    """Of one call, on the processor."""
    begin = time.process_time()
    action()
    return time.process_time() - begin


def rates(model: str) -> dict[str, float]:
    """Plans a second by way of judging them."""
    cost_model, arrays = registry().cost_models["megatron"], list(islice(chunks(base_plan(model)), CHUNKS))
    plans, alone = sum(len(chunk.recompute) for chunk in arrays), one_by_one(arrays[0], LOOP)
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "priced": (plans, lambda: [price(chunk) for chunk in arrays]),
        "bounded": (plans, lambda: [cost_model.bounds(chunk) for chunk in arrays]),
        "checked": (plans, lambda: [cost_model.illegal(chunk) for chunk in arrays]),
        "loop": (LOOP, lambda: [_figures(cost_model.train(plan)) for plan in alone]),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, (_, action) in ways.items():
            taken[way].append(seconds(action))
    return {way: plans / min(taken[way]) for way, (plans, _) in ways.items()}


def _figures(estimate: Any) -> tuple[float, float, bool]:
    return estimate.iteration_seconds, estimate.mfu, estimate.feasible


def price_all(model: str, share: int = 0, shares: int = 1) -> int:
    """List and price a share of all plans of a model; how many."""
    return sum(price(chunk) for chunk in islice(chunks(base_plan(model)), share, None, shares))


def cold(model: str) -> tuple[int, float]:
    """All plans, from the start of Python on."""
    code = f"from tests.benchmarks.search import price_all; print(price_all({model!r}))"
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(done.stdout), time.perf_counter() - begin


def on_all_cores(model: str) -> tuple[int, float]:
    """All plans, in a process a core that has started already."""
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(base_plan, [model] * cores))
        begin = time.perf_counter()
        plans = sum(pool.map(price_all, [model] * cores, range(cores), [cores] * cores))
        return plans, time.perf_counter() - begin


def command() -> tuple[dict[str, Any], float]:
    """What `COMMAND` finds, and the seconds from the start of its process to its end, the best of some."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", *COMMAND], check=True, capture_output=True, text=True)
        taken.append(time.perf_counter() - begin)
    found: dict[str, Any] = json.loads(done.stdout)
    return found, min(taken)


def main() -> None:
    """Print the figures."""
    found, taken = command()
    plans = found["plans"]
    print(" ".join(COMMAND))
    print(f"  {plans['legal']:9,} legal plans, start of the process too {taken:6.2f} s")
    print(f"  {plans['priced']:9,} of them priced in full, {plans['pruned']:,} pruned by their bounds")
    print(f"megatron, {GPUS:,} x {GPU}, {BATCH_TOKENS:,} tokens, chunks of {CHUNK:,} plans; plans a second")
    for model, kind in CASES.items():
        found, (plans, taken) = rates(model), cold(model)
        print(f"{model} ({kind})")
        print(f"  priced in full, one core                {found['priced']:12,.0f}")
        print(f"  {plans:9,} plans, start and listing too  {plans / taken:12,.0f}  ({taken:.2f} s)")
        plans, taken = on_all_cores(model)
        cores = len(os.sched_getaffinity(0))
        print(f"  the same on {cores} cores, without start      {plans / taken:12,.0f}  ({taken:.2f} s)")
        print(f"  bounds alone, one core                  {found['bounded']:12,.0f}")
        print(f"  rules alone, one core                   {found['checked']:12,.0f}")
        print(f"  a Python loop over single plans         {found['loop']:12,.0f}")
        print(f"  arrays against the loop                 {found['priced'] / found['loop']:12,.0f} times")


if __name__ == "__main__":
    main()
