"""Experts shared over ranks where the request leaves it open."""

import pytest

from llmplan import train

MODEL, GPU = "deepseek-v3", "h100-sxm-80gb"


@pytest.mark.parametrize("sizes", [{"tp": 1, "pp": 16}, {"tp": 4, "pp": 16}, {"cp": 1, "recompute": "full"}])
def test_experts_are_shared_as_one_can_count_on_best(sizes):
    """Every rank would hold all experts, and a plan that fits with them shared would be called too large."""
    estimate = train(model=MODEL, gpu=GPU, gpus=2048, **sizes)
    chosen = estimate.plan.layout
    assert chosen.ep > 1
    assert f" ep {chosen.ep} " in estimate.plan.assumptions[0]
    assert estimate.feasible


def test_what_is_given_stays():
    assert train(model=MODEL, gpu=GPU, gpus=2048, tp=1, pp=16, ep=16, cp=1).plan.layout.ep == 16
    assert train(model=MODEL, gpu=GPU, gpus=2048, tp=1, pp=16, ep=1, cp=1).plan.layout.ep == 1


def test_a_model_without_experts_has_none_to_share():
    assert train(model="llama-7b", gpu=GPU, gpus=64).plan.layout.ep == 1


def test_a_cost_model_that_does_not_price_it_is_left_alone():
    """The default would ask for what `roofline` refuses."""
    assert train(model=MODEL, gpu=GPU, gpus=2048, tp=8, pp=16, cost_model="roofline").plan.layout.ep == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {
                "model": "qwen3-30b-a3b", "gpu": "b200-sxm", "gpus": 64, "dtype": "fp8", "seq_len": 4096,
                "micro_batch": 1, "zero": 1, "tp": 1, "cp": 1,
            },
            "launch",
        ),
        (
            {"model": "llama-65b", "gpu": GPU, "gpus": 512, "tp": 8, "pp": 16, "vpp": 1, "global_batch": 64},
            "pipeline_bubble",
        ),
        (
            {
                "model": "llama-7b", "gpu": GPU, "gpus": 4096, "tp": 1, "pp": 1, "cp": 1, "zero": 1, "micro_batch": 1,
                "seq_len": 256,
            },
            "dp_comm",
        ),
    ],
)  # fmt: skip
def test_waiting_that_takes_long_is_said_with_a_way_out(options, line):
    """A reader would book GPUs that mostly wait."""
    estimate = train(**options)
    assert any(warning.startswith(f"{line} takes ") for warning in estimate.warnings)
