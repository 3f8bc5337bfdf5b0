"""What the benchmark of searches prices: real models in chunks of a search, each plan as it would be alone."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from llmplan import registry

BENCHMARK = runpy.run_path(str(Path(__file__).parent / "benchmarks" / "search.py"))
FIGURES = ("iteration_seconds", "memory_bytes_per_gpu", "feasible", "mfu", "hfu", "gpu_hours", "energy_kwh")


@pytest.mark.parametrize("model", BENCHMARK["CASES"])
def test_a_chunk_of_a_search_is_priced_as_each_of_its_plans(model):
    """The best plan of a search would cost another price once it is trained, or have been passed over."""
    cost_model, chunk = registry().cost_models["megatron"], next(BENCHMARK["chunks"](BENCHMARK["base_plan"](model)))
    plans, few = len(chunk.recompute), 60
    estimate, bounds = cost_model.train(chunk), cost_model.bounds(chunk)
    assert (bounds[0] <= estimate.iteration_seconds).all()
    assert (bounds[1] <= estimate.memory_bytes_per_gpu).all()
    where = np.linspace(0, plans - 1, few).astype(int)
    for index, plan in zip(where, BENCHMARK["one_by_one"](chunk, few), strict=True):
        cost_model.check(plan)
        alone = cost_model.train(plan)
        assert {name: getattr(estimate, name)[index] for name in FIGURES} == {
            name: getattr(alone, name) for name in FIGURES
        }
