"""Every line of ``roofline`` by the formula that made it."""

import inspect
from math import ceil, floor, log2, sqrt
from random import Random

import pytest

from llmplan import infer, registry, train
from llmplan.arrays.term import TERMS

FUNCTIONS = {"max": max, "min": min, "sqrt": sqrt, "ceil": ceil, "floor": floor, "log2": log2}
RUN = {"model": "llama-65b", "gpu": "a100-sxm-80gb", "cost_model": "roofline", "tp": 8}
PLANS = {
    "training": train(**RUN, gpus=2048, pp=8, recompute="full", zero=1).plan,
    "serving": infer(**RUN, pp=2, dp=1, batch=4).plan,
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_printed_arithmetic_gives_every_line(plan):
    """A reader who does it would get something else than the estimate, or a line would come from nowhere."""
    roofline = registry().cost_models["roofline"]
    lines = {(line.line, line.unit): line for line in roofline.explain(plan)}
    estimate = roofline.train(plan) if plan is PLANS["training"] else roofline.infer(plan)
    for line in lines.values():
        assert eval(line.numbers, {**FUNCTIONS, "__builtins__": {}}) == pytest.approx(line.value, rel=2e-3), line
        assert "a constant" not in line.source
    for name, value in estimate.memory_breakdown.items():
        assert lines[name, "bytes"].value == value
    breakdown = estimate.time_breakdown if plan is PLANS["training"] else estimate.decode_breakdown
    for name, value in breakdown.items():
        assert lines[name if plan is PLANS["training"] else f"decode {name}", "s"].value == value


FORMULAS = {name: one for name, one in TERMS.items() if name.startswith("llmplan_parallelism_roofline.")}


@pytest.mark.parametrize("described", FORMULAS.values(), ids=FORMULAS)
def test_the_algebra_is_the_formula(described):
    """A reader of ``--explain`` would see another formula than the one that prices."""
    chance = Random(described.name)
    for _ in range(20):
        given = {name: chance.uniform(1.0, 9.0) for name in inspect.signature(described.function).parameters}
        assert eval(described.algebra, {**FUNCTIONS, **given}) == pytest.approx(described.function(**given), rel=1e-12)
