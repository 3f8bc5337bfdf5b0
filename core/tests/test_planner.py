"""From a request to a plan: what is filled in, what is said about it, and what contradicts itself."""

from __future__ import annotations

import math
import re
from itertools import product
from math import log2

import pluggy
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from llmplan import hookspecs, infer, plan_inference, plan_training, registry, train
from llmplan.catalogues import Registry
from llmplan.catalogues.plugins import Plugins
from llmplan.errors import BadInputError, UnknownNameError, UnsupportedFormatError
from llmplan.hookspecs import hookimpl
from llmplan.records import CalibratedEfficiency, DTypeRule, HardwareProfile, Recompute, Tuning
from llmplan.request import InferRequest, TrainRequest
from llmplan.space import choice
from llmplan.space.batch import choose_batch
from llmplan.space.dimensions import described
from llmplan_layers import Transformer

MODEL = Transformer(
    name="mini", layers=12, hidden=1024, heads=16, kv_heads=16, head_dim=64, ffn_hidden=4096, gated_mlp=False,
    vocab=32_000, max_seq_len=4096, training_seq_len=1024, training_tokens=2e9,
)  # fmt: skip
GPU = HardwareProfile(
    name="mini-gpu",
    memory_bytes=2e9,
    memory_bytes_per_second=1e12,
    peak_flops={"fp16": 1e14, "fp32": 1e13, "int8": 4e14},
    scale_up_bytes_per_second=1e11,
    scale_up_domain=4,
    scale_out_bytes_per_second=1e10,
)
TIMED = evolve(
    GPU,
    efficiency=CalibratedEfficiency(
        flops={"fp16": 0.8, "fp32": 0.8}, hbm=0.9, scale_up=0.7, scale_out=0.6, source="timings"
    ),
)
"""What nothing is borrowed for, and nothing said of that."""
DTYPE = DTypeRule(
    name="half", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",), ("fp32",))
)
BASE = {"model": MODEL, "gpu": GPU, "dtype": DTYPE, "cost_model": "roofline"}
FIXED = {
    **BASE, "gpus": 64, "tp": 4, "pp": 2, "cp": 1, "vpp": 1, "seq_len": 1024, "micro_batch": 1, "global_batch": 512,
    "tokens": 1e9, "zero": 1, "recompute": "none", "sequence_parallel": True, "schedule": "1f1b", "offload": "none",
    "flops_efficiency": 0.5, "framework": "megatron-core", "optimizer": "adam",
}  # fmt: skip
"""Nothing is left open."""
DAY = 86_400
EFFICIENCIES = ("flops_efficiency", "hbm_efficiency", "scale_up_efficiency", "scale_out_efficiency")


def refusal(plan, **options: object) -> str:
    """The message with which a plan is refused."""
    with pytest.raises(BadInputError) as caught:
        plan(**options)
    return str(caught.value)


def without(*names: str) -> dict:
    """The fixed plan with these options left open."""
    return {name: value for name, value in FIXED.items() if name not in names}


# Batch: global batch = micro-batch x gradient accumulation x dp

SIZES = st.integers(1, 64)


def batch_of(dp: int, seq_len: int = 1024, **given_: float) -> tuple[int, int]:
    """Micro-batch and gradient accumulation that are chosen for what is given."""
    batch = choose_batch(TrainRequest(**given_), seq_len, dp)
    return batch.micro_batch, batch.gradient_accumulation


@given(micro=SIZES, accumulation=SIZES, dp=SIZES, seq_len=st.integers(1, 8192))
def test_the_rest_of_a_batch_follows_from_what_is_given(micro, accumulation, dp, seq_len):
    """If it fails, a batch that is stated in one way is another one when stated in another way."""
    total = micro * accumulation * dp
    tokens = total * seq_len
    both = (micro, accumulation)
    assert batch_of(dp, micro_batch=micro, gradient_accumulation=accumulation) == both
    assert batch_of(dp, micro_batch=micro, global_batch=total) == both
    assert batch_of(dp, gradient_accumulation=accumulation, global_batch=total) == both
    assert batch_of(dp, micro_batch=micro, gradient_accumulation=accumulation, global_batch=total) == both
    assert batch_of(dp, seq_len, micro_batch=micro, global_batch_tokens=tokens) == both
    assert (
        batch_of(dp, seq_len, micro_batch=micro, gradient_accumulation=accumulation, global_batch_tokens=tokens) == both
    )
    assert batch_of(dp, global_batch=total) == (1, micro * accumulation)
    assert batch_of(dp, seq_len, global_batch_tokens=tokens) == (1, micro * accumulation)
    assert batch_of(dp, gradient_accumulation=accumulation) == (1, accumulation)


def test_tokens_and_accumulation_leave_the_micro_batch():
    """If it fails, --global-batch-tokens refuses what --global-batch takes, blaming a micro-batch nobody gave."""
    assert batch_of(8, gradient_accumulation=4, global_batch=256) == (8, 4)
    assert batch_of(8, 1024, gradient_accumulation=4, global_batch_tokens=256 * 1024) == (8, 4)


def test_a_batch_is_that_of_llama_where_it_is_left_open():
    """If it fails, the default batch is another than the report says."""
    assert batch_of(8, 2048) == (1, 256)
    assert batch_of(8, 2048, micro_batch=4) == (4, 64)
    said = plan_training(**without("global_batch")).assumptions
    assert "global batch 4,096 sequences = 4,194,304 tokens, near the common 4M" in said


def test_a_batch_that_is_rounded_is_said():
    """If it fails, a run is priced with a batch that nobody asked for, and nothing says so."""
    rounded = plan_training(**without("global_batch"), global_batch_tokens=4e6)
    assert rounded.assumptions[-1] == "global batch 3,904 sequences = 3,997,696 tokens (asked: 4,000,000)"
    exact = plan_training(**without("global_batch"), global_batch_tokens=4 * 2**20)
    assert not any(said.startswith("global batch") for said in exact.assumptions)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (
            {"global_batch": 8, "global_batch_tokens": 8192},
            "global-batch: 8 contradicts global-batch-tokens 8,192; give one of them",
        ),
        (
            {"global_batch": 100, "micro_batch": 2, "gradient_accumulation": 3},
            "global-batch: 100 contradicts dp 8 x micro-batch 2 x gradient-accumulation 3 = 48",
        ),
        (
            {"global_batch": 100, "micro_batch": 2},
            "global-batch: 100 is not divisible by dp 8 x micro-batch 2 = 16; 96 or 112 would be",
        ),
        (
            {"global_batch": 100, "gradient_accumulation": 3},
            "global-batch: 100 is not divisible by dp 8 x gradient-accumulation 3 = 24; 96 or 120 would be",
        ),
        ({"global_batch": 100}, "global-batch: 100 is not divisible by dp 8 x micro-batch 1 = 8; 96 or 104 would be"),
        ({"global_batch": 7}, "global-batch: 7 is not divisible by dp 8 x micro-batch 1 = 8; 8 would be"),
        (
            {"global_batch_tokens": 4e6, "micro_batch": 1, "gradient_accumulation": 2},
            "global-batch-tokens: 4,000,000 contradicts ",
        ),
    ],
)
def test_a_batch_that_contradicts_itself_is_refused(given_, message):
    """If it fails, one of two contradicting numbers is dropped without a word."""
    with pytest.raises(BadInputError) as caught:
        batch_of(8, **given_)
    assert str(caught.value).startswith(message)


def test_tokens_that_are_twice_what_the_rest_makes_are_a_contradiction():
    """If it fails, half of the batch that was asked for is priced."""
    with pytest.raises(BadInputError, match="global-batch-tokens"):
        batch_of(8, 1024, global_batch_tokens=2 * 8192, micro_batch=1, gradient_accumulation=1)


def test_a_batch_too_small_for_its_replicas_is_refused_in_tokens_too():
    """If it fails, --global-batch-tokens 4M on 65,536 replicas is priced with 134M, while --global-batch refuses it."""
    with pytest.raises(BadInputError, match="global-batch"):
        batch_of(65_536, 2048, global_batch=1953)
    with pytest.raises(BadInputError, match="global-batch-tokens"):
        batch_of(65_536, 2048, global_batch_tokens=4e6)


# Layout


def test_what_is_given_is_what_is_planned():
    """If it fails, a size that was asked for is replaced."""
    plan = plan_training(**FIXED | {"gpu": TIMED})
    layout = plan.layout
    assert (layout.gpus, layout.tp, layout.pp, layout.dp, layout.zero) == (64, 4, 2, 8, 1)
    assert layout.sequence_parallel is True
    assert (plan.micro_batch, plan.gradient_accumulation, plan.global_batch) == (1, 64, 512)
    assert (plan.seq_len, plan.tokens, plan.recompute) == (1024, 1e9, Recompute.NONE)
    assert (plan.model, plan.hardware, plan.dtype, plan.cost_model) == (MODEL, TIMED, DTYPE, "roofline")
    assert (plan.gemm.name, plan.gemm.peak_flops) == ("fp16", 1e14)


@pytest.mark.parametrize("open_", ["gpus", "tp", "pp", "dp"])
def test_the_size_that_is_left_open_follows_from_the_others(open_):
    """If it fails, gpus = tp x pp x dp does not hold."""
    sizes = {"gpus": 64, "tp": 4, "pp": 2, "dp": 8}
    options = without("gpus", "tp", "pp") | {name: size for name, size in sizes.items() if name != open_}
    layout = plan_training(**options).layout
    assert {name: getattr(layout, name) for name in sizes} == sizes


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"gpus": 100, "tp": 4, "pp": 6}, "gpus: 100 is not divisible by tp 4 x pp 6 = 24; 96 or 120 would be"),
        ({"gpus": 6, "tp": 4}, "gpus: 6 is not divisible by tp 4; 4 or 8 would be"),
        ({"gpus": 3, "tp": 2, "pp": 2}, "gpus: 3 is not divisible by tp 2 x pp 2 = 4; 4 would be"),
        ({"gpus": 64, "tp": 4, "dp": 3}, "gpus: 64 is not divisible by tp 4 x dp 3 = 12; 60 or 72 would be"),
        (
            {"gpus": 64, "tp": 4, "pp": 2, "dp": 3},
            "gpus: 64 is not divisible by tp 4 x pp 2 x dp 3 = 24; 48 or 72 would be",
        ),
        ({"pp": 13}, "pp: 13 is more than the 12 layers of mini"),
        ({"gpus": 64, "tp": 1, "pp": 64}, "pp: 64 is more than the 12 layers of mini"),
        ({"tp": 32}, "tp: 32 is more than the 16 heads of mini"),
        ({"gpus": 64, "tp": 32, "pp": 2}, "tp: 32 is more than the 16 heads of mini"),
        ({"tp": 17}, "tp: 17 is more than the 16 heads of mini"),
    ],
)
@pytest.mark.parametrize("price", [train, infer])
def test_sizes_that_cannot_be_are_refused(price, sizes, message):
    """If it fails, a layout that no cluster can run is priced, or the message names another cause."""
    assert refusal(price, **BASE, **sizes) == message


def test_sizes_that_make_other_gpus_are_refused():
    """If it fails, one of two contradicting numbers of GPUs is dropped without a word."""
    message = refusal(train, **FIXED | {"dp": 4})
    assert message == "gpus: 64 contradicts tp 4 x pp 2 x dp 4 = 32"
    assert refusal(infer, **BASE, gpus=64, tp=4, pp=2, dp=4) == message


@pytest.mark.parametrize("price", [train, infer])
def test_sizes_that_no_layout_has_are_refused(price):
    """If it fails, a prime number of GPUs for one replica crashes the search for a layout."""
    assert refusal(price, **BASE, gpus=7919, dp=1) == "gpus: no layout divides them as the other options ask"


SMALL = [(1, 2e9), (2, 0.5e9), (8, 0.5e9), (8, 2e9), (12, 0.5e9), (12, 8e9)]
"""GPUs, and the memory of one."""


def sure_seconds(estimate) -> float:
    """What an iteration is ranked by: the upper end of its range."""
    spread = estimate.time_spread
    return estimate.iteration_seconds * (1.0 if spread is None else spread.high)


def fitting(price, options: dict) -> list:
    """The estimates of every layout that fits with headroom and has no word against it."""
    sizes = product((1, 2, 4), range(1, MODEL.layers + 1))
    tried = [price(**options, tp=tp, pp=pp) for tp, pp in sizes if options["gpus"] % (tp * pp) == 0]
    return [estimate for estimate in tried if estimate.has_headroom and not estimate.plan.layout_warnings]


@pytest.mark.parametrize(("gpus", "memory"), SMALL)
def test_an_open_layout_of_inference_is_the_least_model_parallelism_that_fits(gpus, memory):
    """If it fails, GPUs are spent on splitting a model that fits with less, or a plan that would fit is given up."""
    options = BASE | {"gpu": evolve(GPU, memory_bytes=memory), "gpus": gpus}
    chosen = infer(**options)
    layout, fit = chosen.plan.layout, fitting(infer, options)
    assert layout.tp <= GPU.scale_up_domain
    assert layout.tp * layout.pp * layout.dp == gpus
    assert not fit or layout.tp * layout.pp == min(one.plan.layout.tp * one.plan.layout.pp for one in fit)


@pytest.mark.parametrize("cost_model", ["roofline", "megatron"])
@pytest.mark.parametrize(("gpus", "memory"), [*SMALL, (8, 4e9), (64, 4e9)])
def test_an_open_layout_of_training_is_the_fastest_that_fits(gpus, memory, cost_model):
    """If it fails, a run is booked on a layout that is slower than another one, or on one that does not fit."""
    options = BASE | {"gpu": evolve(GPU, memory_bytes=memory), "gpus": gpus, "cost_model": cost_model}
    chosen = train(**options, global_batch=192)
    layout, fit = chosen.plan.layout, fitting(train, options | {"global_batch": 192})
    assert layout.tp * layout.cp * layout.pp * layout.dp == gpus
    if fit:
        assert chosen.has_headroom
        assert sure_seconds(chosen) <= min(map(sure_seconds, fit))


def test_the_fastest_layout_says_that_it_is():
    """If it fails, the reader cannot tell a layout that was compared from one that was merely found."""
    said = train(**BASE, gpus=8).plan.assumptions[0]
    chosen = r"tp \d cp \d pp \d( vpp \d)? dp \d( \S+ \S+)*: the fastest of [\d,]+ plans that fits"
    assert re.fullmatch(f"{chosen}, with 90% confidence", said)
    assert re.fullmatch(chosen, train(**BASE, gpus=8, confidence=0.5).plan.assumptions[0])


def test_layouts_that_are_refused_are_passed_over():
    """If it fails, 10 KV heads, which 4 ranks cannot share, leave the planner without any layout."""
    model = evolve(MODEL, name="ten", hidden=1280, heads=20, kv_heads=10)
    options = {**BASE, "model": model, "cost_model": "megatron", "gpus": 8}
    assert refusal(train, **options, tp=4).startswith("tp: 4 does not divide the 10 KV heads of ten")
    assert train(**options).plan.layout.tp in (1, 2)


@pytest.mark.parametrize("price", [train, infer])
def test_a_layout_is_said_to_fit_only_if_it_does(price):
    """If it fails, the report calls a plan that is 40 GiB too large "the smallest sizes that fit"."""
    fits = price(**BASE, gpus=8)
    assert fits.feasible
    assert any("that fit" in said for said in fits.plan.assumptions)
    too_large = price(**BASE | {"gpu": evolve(GPU, memory_bytes=1e8)}, gpus=1)
    assert not too_large.feasible
    assert not any("that fit" in said for said in too_large.plan.assumptions)


def test_where_nothing_fits_the_nearest_is_shown():
    """If it fails, somebody whose plan does not fit is shown a worse one than need be."""
    options = BASE | {"gpu": evolve(GPU, memory_bytes=1e7)}
    chosen = infer(**options, gpus=8)
    assert not chosen.feasible
    others = [infer(**options, tp=tp, pp=8 // tp // dp, dp=dp) for tp, dp in ((1, 8), (2, 4), (4, 2), (4, 1), (2, 1))]
    assert chosen.memory_bytes_per_gpu == min(other.memory_bytes_per_gpu for other in [*others, chosen])


def test_a_layout_is_chosen_without_gpus_in_inference():
    """If it fails, serving on an open number of GPUs takes more of them than the model needs."""
    assert infer(**BASE).plan.layout.gpus == 1
    half = infer(**BASE | {"gpu": evolve(GPU, memory_bytes=0.4e9)})
    assert half.feasible
    assert half.plan.layout.gpus == 2
    assert infer(**BASE, dp=3).plan.layout.gpus == 3


# The number of GPUs


@pytest.mark.parametrize("tokens", [1e9, 2e12, 5e13])
@pytest.mark.parametrize("memory", [0.5e9, 8e9])
def test_the_fewest_gpus_that_train_within_a_month(tokens, memory):
    """If it fails, the answer to a bare `llmplan train` books twice the GPUs that it takes, or half of them."""
    options = BASE | {"gpu": evolve(GPU, memory_bytes=memory), "tokens": tokens, "flops_efficiency": 0.5}
    chosen = train(**options)
    gpus = chosen.plan.layout.gpus
    assert log2(gpus) == int(log2(gpus))
    assert chosen.feasible
    assert chosen.training_seconds <= 30 * DAY
    assert f"gpus {gpus:,}: the fewest that train within 30 days, in powers of two" in chosen.plan.assumptions[0]
    if gpus > 1:
        half = train(**options, gpus=gpus // 2)
        assert not half.feasible or half.training_seconds > 30 * DAY


def test_a_run_that_takes_longer_on_all_gpus_that_are_tried():
    """If it fails, a run too large for 65,536 GPUs is said to take a month, or never comes back."""
    chosen = train(**BASE | {"tokens": 1e17, "gpu": evolve(GPU, memory_bytes=8e9)})
    days = f"{chosen.training_seconds / DAY:.3g} days with 90% confidence"
    assert chosen.training_seconds > 30 * DAY
    assert chosen.plan.assumptions[0] == (
        f"gpus {chosen.plan.layout.gpus:,}: the most that are tried; they train in {days}"
    )


def test_a_run_that_fits_on_no_number_of_gpus():
    """If it fails, an impossible run is said to fit, or never comes back."""
    chosen = train(**BASE | {"gpu": evolve(GPU, memory_bytes=1e6)})
    assert not chosen.feasible
    assert "none fits" in chosen.plan.assumptions[0]


def test_gpus_are_tried_in_multiples_of_what_is_fixed():
    """If it fails, tp 3 finds no number of GPUs, or one that it does not divide."""
    layout = train(**BASE, tp=4, pp=3).plan.layout
    assert (layout.tp, layout.pp, layout.gpus % 12) == (4, 3, 0)


# Defaults, and that they are said


@pytest.mark.parametrize(
    ("option", "given_", "said"),
    [
        ("dtype", DTYPE, "dtype w16a16e16"),
        ("seq_len", 512, "seq-len 1,024"),
        ("framework", "fsdp", "framework megatron-core"),
        ("optimizer", "adam", "optimizer adam"),
        ("tokens", 3e9, "tokens 2e+09, what mini was trained on"),
        ("global_batch", 64, "global batch 4,096 sequences = 4,194,304 tokens"),
    ],
)
def test_every_default_of_training_is_said_unless_it_is_given(option, given_, said):
    """If it fails, the figures rest on something that the report does not say, or calls assumed what was given."""
    assert any(line.startswith(said) for line in plan_training(**without(option)).assumptions)
    assert not any(line.startswith(said) for line in plan_training(**FIXED | {option: given_}).assumptions)


@pytest.mark.parametrize(
    ("option", "given_", "said"),
    [
        ("dtype", DTYPE, "dtype w16a16e16"),
        ("prompt_tokens", 100, "prompt-tokens 512"),
        ("output_tokens", 100, "output-tokens 128"),
        ("batch", 2, "batch 1"),
        ("kv_bits", 8, "kv-bits 16"),
    ],
)
def test_every_default_of_inference_is_said_unless_it_is_given(option, given_, said):
    """If it fails, the figures rest on something that the report does not say, or calls assumed what was given."""
    options = {name: value for name, value in BASE.items() if name != option}
    assert said in plan_inference(**options).assumptions
    assert said not in plan_inference(**options | {option: given_}).assumptions


def test_the_default_cost_model_is_said_with_what_it_leaves_out():
    """If it fails, somebody takes a figure without bubbles and traffic for the whole."""
    options = without("cost_model")
    plan = plan_training(**options)
    description = registry().cost_models[plan.cost_model].description
    assert f"cost model {plan.cost_model}: {description}" in plan.assumptions
    assert not any(said.startswith("cost model") for said in plan_training(**FIXED).assumptions)


def test_efficiencies_are_always_said():
    """If it fails, the reader cannot tell measured efficiencies from ideal ones or from his own."""
    calibrated = plan_training(**without("flops_efficiency", "gpu"), gpu="h100-sxm-80gb")
    assert any(said == f"efficiencies: {calibrated.efficiency.source}" for said in calibrated.assumptions)
    stated = plan_training(**FIXED)
    assert any(
        said.startswith("efficiencies: flops 0.5 given; hbm, scale-up, scale-out calibrated: ")
        for said in stated.assumptions
    )
    ideal = plan_training(**FIXED, ideal=True)
    ones = "efficiencies: flops 0.5 given; hbm, scale-up, scale-out ideal (1)"
    assert any(said.startswith(ones) for said in ideal.assumptions)
    whole = plan_training(**without("flops_efficiency"), mfu=0.4)
    begins = "MFU 0.4 of the whole run, given: nothing is added on top; the layout is chosen by efficiencies: "
    assert any(said.startswith(begins) for said in whole.assumptions)


def test_nothing_else_is_assumed_where_all_is_given():
    """If it fails, the report lists as assumed what the user wrote."""
    assert len(plan_training(**FIXED).assumptions) == 1


def test_the_choices_of_a_framework_are_its_own():
    """If it fails, gradients take the room of another framework's, or what the user states is overruled."""
    options = without("framework", "dtype", "gpu") | {"dtype": "bf16", "gpu": "a100-sxm-80gb"}
    deepspeed = registry().frameworks["megatron-deepspeed"]
    assert plan_training(**options).gradient_bits == registry().frameworks["megatron-core"].gradient_bits
    assert plan_training(**options, framework="megatron-deepspeed").gradient_bits == deepspeed.gradient_bits_of("bf16")
    stated = options | {"cost_model": "megatron", "framework": "megatron-deepspeed", "gradient_bits": 32}
    assert plan_training(**stated).gradient_bits == 32


def test_what_a_run_trains_is_planned():
    """If it fails, an option of training is dropped on the way to the cost model."""
    options = without("cost_model", "optimizer", "schedule") | {"cost_model": "megatron", "pp": 4}
    plan = plan_training(**options, optimizer="sgd", master_weights=False, schedule="zero-bubble", tuning="qlora")
    assert (plan.optimizer.name, plan.master_weights, plan.schedule_name) == ("sgd", False, "zero-bubble")
    assert (plan.tuning, plan.lora_rank) == (Tuning.QLORA, 16)
    assert "LoRA rank 16" in plan.assumptions
    stated = plan_training(**options, lora_rank=8)
    assert (stated.tuning, stated.lora_rank) == (Tuning.LORA, 8)
    assert not any(said.startswith("LoRA") for said in stated.assumptions)
    assert plan_training(**options).tuning is Tuning.FULL
    sizes = {"tp": 2, "cp": 2, "gpus": 32, "pp": 2, "vpp": 3}
    layout = plan_training(**options | sizes, schedule="1f1b").layout
    assert {name: getattr(layout, name) for name in sizes} == sizes


@pytest.mark.parametrize(
    ("what", "optimizer", "activations"),
    [("none", False, False), ("optimizer", True, False), ("activations", False, True), ("all", True, True)],
)
def test_what_waits_in_host_memory(what, optimizer, activations):
    """If it fails, --offload moves something else than it says."""
    hosted = {"gpu": evolve(GPU, host_bytes_per_second=3e10), "cost_model": "megatron"}
    plan = plan_training(**FIXED | hosted | {"offload": what})
    assert (plan.offload_optimizer, plan.offload_activations) == (optimizer, activations)


def test_a_rank_of_lora_contradicts_training_all_weights():
    """If it fails, one of two contradicting options is dropped without a word."""
    message = refusal(train, **FIXED | {"cost_model": "megatron"}, tuning="full", lora_rank=8)
    assert message == "lora-rank: 8 with tuning full, which trains all weights"


# What is open is chosen, where memory decides


def with_memory(used: float) -> HardwareProfile:
    """A GPU in which so many bytes leave just the headroom that a plan needs."""
    return evolve(GPU, memory_bytes=used / 0.95 * (1 + 1e-9))


def test_recomputation_is_the_least_that_fits():
    """If it fails, a run computes again what there was room for, or is said not to fit where it would."""
    options = without("recompute", "gpu")
    used = {mode: train(**options, gpu=GPU, recompute=mode).memory_bytes_per_gpu for mode in Recompute}
    for mode in Recompute:
        first = min(other for other in Recompute if used[other] <= used[mode])
        chosen = train(**options, gpu=with_memory(used[mode]))
        assert chosen.has_headroom
        assert chosen.plan.recompute == first
        assert chosen.plan.assumptions[0].startswith(f"recompute {first.label}: the fastest of 5 plans that fits")
    assert not train(**options, gpu=evolve(GPU, memory_bytes=used[Recompute.FULL] / 2)).feasible


def test_a_recomputation_that_is_given_is_kept():
    """If it fails, somebody who asks what full recomputation costs is answered about another mode."""
    for mode in Recompute:
        plan = plan_training(**FIXED | {"recompute": mode})
        assert plan.recompute == mode
        assert not any("recompute" in said for said in plan.assumptions)


OPEN_BATCH = {
    name: value for name, value in FIXED.items() if name not in ("micro_batch", "cost_model")
} | {"tp": 1, "pp": 1, "gpus": 4, "global_batch": 48, "sequence_parallel": False, "cost_model": "megatron"}  # fmt: skip
"""Twelve sequences a replica."""


@pytest.mark.parametrize(("most", "tried"), [("auto", 12), (12, 12), (11, 6), (5, 4), (1, 1), (100, 12)])
def test_the_micro_batch_is_the_fastest_up_to_the_largest_that_is_tried(most, tried):
    """If it fails, another batch than the one asked for is priced, or kernels work on less than they could."""
    roomy = OPEN_BATCH | {"gpu": evolve(GPU, memory_bytes=1e12)}
    alone = {size: train(**roomy, micro_batch=size) for size in (1, 2, 3, 4, 6, 12) if size <= tried}
    plan = plan_training(**roomy, max_micro_batch=most)
    assert plan.global_batch == 48
    assert plan.micro_batch == min(alone, key=lambda size: sure_seconds(alone[size]))


def test_two_micro_batches_contradict_each_other():
    """If it fails, one of two contradicting options is dropped without a word."""
    message = refusal(train, **FIXED, max_micro_batch=8)
    assert message == "max-micro-batch: 8 contradicts micro-batch 1; give one of them"
    assert "auto contradicts micro-batch 1" in refusal(train, **FIXED, max_micro_batch="auto")


# Interleaving


def test_stages_are_interleaved_where_that_is_faster():
    """If it fails, a pipeline waits in a bubble that the schedule of Megatron-LM halves."""
    options = without("cost_model", "gpu", "vpp") | {"cost_model": "megatron", "gpu": evolve(GPU, memory_bytes=1e12)}
    options |= {"global_batch": 16, "seq_len": 4096}
    chosen = train(**options)
    tried = [train(**options, vpp=vpp) for vpp in (1, 2, 3, 6)]
    assert sure_seconds(chosen) == min(map(sure_seconds, tried))
    assert chosen.plan.layout.vpp > 1
    assert chosen.plan.assumptions[0].startswith(f"vpp {chosen.plan.layout.vpp}: the fastest of 4 plans that fits")


def test_what_changes_nothing_is_at_its_plainest():
    """If it fails, ZeRO without replicas or sequence parallelism without tensor parallelism is planned, or chosen."""
    alone = plan_training(**without("zero", "sequence_parallel", "tp", "pp", "gpus"), tp=1, pp=1, gpus=1)
    assert alone.layout.zero == 0
    assert alone.layout.sequence_parallel is False
    assert not any("zero" in said or "sequence" in said for said in alone.assumptions)
    assert plan_inference(**BASE, tp=4).layout.sequence_parallel is False


def test_a_model_that_publishes_nothing_gets_compute_optimal_tokens():
    """If it fails, a model of one's own cannot be planned without saying its tokens."""
    bare = evolve(MODEL, training_tokens=None, training_seq_len=None)
    plan = plan_training(**without("model", "tokens", "seq_len"), model=bare)
    assert plan.tokens == 20 * sum(MODEL.parameters_by_part().values())
    assert plan.seq_len == 4096
    assert any("20 a parameter (Hoffmann et al. 2022)" in said for said in plan.assumptions)
    assert plan_training(**without("model", "seq_len"), model=evolve(bare, max_seq_len=None)).seq_len == 2048


def test_the_defaults_of_inference_fit_a_short_context():
    """If it fails, a bare `llmplan infer` with a model of 256 tokens is refused for tokens that nobody asked for."""
    plan = plan_inference(**BASE | {"model": evolve(MODEL, max_seq_len=256)})
    assert plan.prompt_tokens + plan.output_tokens <= 256


def test_the_default_sequence_is_no_longer_than_the_context():
    """If it fails, a model file with training_seq_len above max_seq_len is priced beyond its context."""
    plan = plan_training(**without("model", "seq_len"), model=evolve(MODEL, max_seq_len=512))
    assert plan.seq_len <= 512


# What is out of range


def test_a_sequence_beyond_the_context_is_refused():
    """If it fails, a sequence is priced that the model cannot read."""
    assert refusal(train, **FIXED | {"seq_len": 4097}) == "seq-len: 4097 is beyond the context of mini, 4096"
    assert train(**FIXED | {"seq_len": 4096}).plan.seq_len == 4096
    assert train(**FIXED | {"seq_len": 8192, "model": evolve(MODEL, max_seq_len=None)}).plan.seq_len == 8192


def test_prompt_and_output_beyond_the_context_are_refused():
    """If it fails, an answer is priced that the model cannot give."""
    message = refusal(infer, **BASE, prompt_tokens=4000, output_tokens=97)
    assert message == "prompt-tokens: 4000 with output-tokens 97 is beyond the context of mini, 4096"
    assert infer(**BASE, prompt_tokens=4000, output_tokens=96).plan.output_tokens == 96


def test_tokens_for_less_than_one_iteration_are_refused():
    """If it fails, a run of no iterations takes no time and costs nothing."""
    message = refusal(train, **FIXED | {"tokens": 524_287})
    assert message == ("tokens: 524,287 is less than one iteration of 512 sequences x 1,024 = 524,288 tokens")
    assert train(**FIXED | {"tokens": 524_288}).iterations == 1


def test_too_few_tokens_are_not_blamed_on_gpus_that_nobody_asked_for():
    """If it fails, the message speaks of an iteration of 65,536 sequences, chosen by a search that never ended."""
    message = refusal(train, **BASE, tokens=1000)
    assert message.startswith("tokens: 1,000 is less than one iteration of ")
    assert "65,536" not in message


# Efficiency


@pytest.mark.parametrize("recompute", ["none", "full"])
@pytest.mark.parametrize("mfu", [0.05, 0.5, 0.75])
def test_time_at_an_mfu_is_model_flops_over_gpus_peak_and_mfu(mfu, recompute):
    """If it fails, something is added on top of an MFU that already holds it."""
    estimate = train(**without("flops_efficiency") | {"mfu": mfu, "recompute": recompute})
    model_flops = 3 * MODEL.lower(512, 1024).flops
    assert estimate.iteration_seconds == pytest.approx(model_flops / (64 * 1e14 * mfu), rel=1e-12)
    assert estimate.mfu == pytest.approx(mfu, rel=1e-12)
    assert set(estimate.time_breakdown) == {"forward", "backward"}
    assert estimate.forward_breakdown is None
    assert estimate.training_seconds == pytest.approx(int(1e9 / 524_288) * estimate.iteration_seconds, rel=1e-12)


@pytest.mark.parametrize("memory", [2e9, 64e9])
def test_an_mfu_only_rescales_time(memory):
    """If it fails, what was measured of a run decides on its layout, about which it says nothing."""
    roomy = {**BASE, "cost_model": "megatron", "gpu": evolve(GPU, memory_bytes=memory), "gpus": 16}
    chosen, own = train(**roomy, mfu=0.4), train(**roomy)
    assert described(chosen.plan) == described(own.plan)
    assert chosen.memory_breakdown == own.memory_breakdown
    assert chosen.mfu == pytest.approx(0.4)


def test_an_mfu_makes_no_difference_to_memory():
    """If it fails, memory depends on how efficiency was stated."""
    assert train(**without("flops_efficiency"), mfu=0.4).memory_breakdown == train(**FIXED).memory_breakdown


@pytest.mark.parametrize("other", EFFICIENCIES)
def test_an_mfu_contradicts_every_efficiency(other):
    """If it fails, losses are counted twice, or one of the two numbers is dropped."""
    message = refusal(train, **without("flops_efficiency"), mfu=0.5, **{other: 0.5})
    assert message.startswith(f"mfu: 0.5 contradicts {other.replace('_', '-')} 0.5; ")


@pytest.mark.parametrize("cost_model", ["roofline", "megatron"])
@pytest.mark.parametrize("price", [train, infer])
@pytest.mark.parametrize("stated", EFFICIENCIES)
def test_an_efficiency_by_itself_leaves_the_others_calibrated(price, stated, cost_model):
    """If it fails, a slow network makes kernels ideal, and the report does not say whose numbers are whose."""
    options = {**BASE, "gpu": "h100-sxm-80gb", "cost_model": cost_model, "gpus": 8}
    plan, calibrated = price(**options, **{stated: 0.25}).plan, price(**options).plan
    for name in (one.removesuffix("_efficiency") for one in EFFICIENCIES):
        wanted = 0.25 if name == stated.removesuffix("_efficiency") else getattr(calibrated.efficiency, name)
        assert getattr(plan.efficiency, name) == wanted
    others = ", ".join(one.removesuffix("_efficiency").replace("_", "-") for one in EFFICIENCIES if one != stated)
    assert any(f" given; {others} calibrated: " in said for said in plan.assumptions)


@pytest.mark.parametrize("price", [train, infer])
def test_all_are_ideal_only_where_that_is_asked_for(price):
    """If it fails, --ideal leaves a calibrated curve in force, or four efficiencies leave one."""
    options = {**BASE, "gpu": "h100-sxm-80gb", "cost_model": "megatron", "gpus": 8}
    ideal = price(**options, ideal=True, scale_out_efficiency=0.5).plan.efficiency
    assert (ideal.flops, ideal.hbm, ideal.scale_up, ideal.scale_out, ideal.curves) == (1, 1, 1, 0.5, None)
    four = price(**options, **dict.fromkeys(EFFICIENCIES, 0.5)).plan.efficiency
    assert (four.flops, four.hbm, four.scale_up, four.scale_out, four.curves) == (0.5, 0.5, 0.5, 0.5, None)


def test_a_stated_link_slows_what_crosses_it_alone():
    """If it fails, --scale-out-efficiency 0.06 changes kernels, or nothing."""
    options = {
        **FIXED, "model": "llama-7b", "gpu": "h100-sxm-80gb", "dtype": "bf16", "cost_model": "megatron", "tp": 8,
        "pp": 1,
    }  # fmt: skip
    del options["flops_efficiency"]
    own, slow = train(**options), train(**options, scale_out_efficiency=0.06)
    assert slow.time_breakdown["dp_comm"] > own.time_breakdown["dp_comm"]
    same = own.time_breakdown.keys() - {"dp_comm"}
    assert {line: slow.time_breakdown[line] for line in same} == {line: own.time_breakdown[line] for line in same}


# Records


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("model", "is not a ModelArchitecture"),
        ("gpu", "is not a HardwareProfile"),
        ("dtype", "is not a DTypeRule"),
        ("cost_model", "is not a CostModel"),
        ("framework", "is not a FrameworkProfile"),
        ("optimizer", "is not a Optimizer"),
    ],
)
def test_a_record_of_another_kind_is_refused(option, words):
    """If it fails, a script that mixes up its records gets a traceback from the middle of a formula."""
    for wrong in (GPU if option != "gpu" else MODEL, 5, object()):
        message = refusal(train, **FIXED | {option: wrong})
        assert message.startswith(f"{option.replace('_', '-')}: ")
        assert message.endswith(words)


@pytest.mark.parametrize(
    ("option", "name", "near"),
    [
        ("model", "llama-65", "llama-65b"),
        ("gpu", "h100-sxm-80g", "h100-sxm-80gb"),
        ("dtype", "w8a8e16x", "w8a8e16"),
        ("cost_model", "rofline", "roofline"),
    ],
)
@pytest.mark.parametrize("price", [train, infer])
def test_an_unknown_name_gets_its_near_misses(price, option, name, near):
    """If it fails, a typo costs a look into the listing."""
    with pytest.raises(UnknownNameError) as caught:
        price(**BASE | {option: name})
    assert str(caught.value).startswith(f"{option.replace('_', '-')}: {name!r} is unknown; did you mean {near}")


@pytest.mark.parametrize(
    ("option", "name", "near"), [("framework", "megatron-cor", "megatron-core"), ("optimizer", "adma", "adam")]
)
def test_an_unknown_name_in_training_gets_its_near_misses(option, name, near):
    """If it fails, a misspelt framework is priced as the default one."""
    message = refusal(train, **BASE | {option: name})
    assert message.startswith(f"{option}: {name!r} is unknown; did you mean {near}")


@pytest.mark.parametrize(("option", "plural"), [("model", "models"), ("gpu", "gpus")])
def test_what_has_no_default_is_asked_for(option, plural):
    """If it fails, a missing model or GPU ends in a message that does not say what to give."""
    options = {name: value for name, value in BASE.items() if name != option}
    message = refusal(train, **options)
    assert message.startswith(f"{option}: not given; llmplan list {plural} shows ")


def test_a_device_without_the_format_is_refused():
    """If it fails, a plan is priced in a format that the device has no units for."""
    with pytest.raises(UnsupportedFormatError, match=r"^dtype: half multiplies in fp16 or fp32; mini-gpu has int8$"):
        train(**BASE | {"gpu": evolve(GPU, peak_flops={"int8": 1e15})})


def test_a_fallback_and_a_slow_format_are_warned_of():
    """If it fails, a dtype that the hardware widens, or that is slower than a wider one, looks like a gain."""
    falls_back = plan_training(**FIXED | {"gpu": evolve(TIMED, peak_flops={"fp32": 1e13})})
    assert falls_back.warnings == ("mini-gpu has no fp16 units: half multiplies in fp32 at 10 TFLOP/s",)
    slow = plan_training(**FIXED | {"gpu": evolve(TIMED, peak_flops={"fp16": 1e13, "fp32": 2e13})})
    assert slow.warnings == (
        "fp16 is slower than fp32 on mini-gpu, 10 TFLOP/s against 20 TFLOP/s: half saves memory, not time",
    )
    assert plan_training(**FIXED | {"gpu": TIMED}).warnings == ()


@pytest.fixture
def installed(monkeypatch):
    """Puts plugins in the place of those that are installed."""

    def install(**hooks: object) -> None:
        plugins = Plugins(pluggy.PluginManager("llmplan"))
        plugins.manager.add_hookspecs(hookspecs)
        plugin = type("Plugin", (), {name: staticmethod(hookimpl(hook)) for name, hook in hooks.items()})
        plugins.add("mine", "1", "plugin", lambda: plugin)
        fake = Registry(plugins)
        monkeypatch.setattr(choice, "registry", lambda: fake)

    return install


@pytest.mark.parametrize(
    ("option", "plural"), [("model", "models"), ("gpu", "gpus"), ("dtype", "dtypes"), ("cost_model", "cost-models")]
)
def test_without_plugins_the_missing_kind_is_named(installed, option, plural):
    """If it fails, a bare core says that a name is unknown instead of what to install."""
    installed()
    options = {**BASE, "cost_model": registry().cost_models["roofline"]}
    del options[option]
    for asked in ({}, {option: "some-name"}):
        message = refusal(train, **options, **asked)
        assert message.startswith(f"{option.replace('_', '-')}: ")
        assert f"no plugin that offers {plural} is installed" in message


def test_two_defaults_are_no_default(installed):
    """If it fails, the order of installation decides in which dtype a run is priced."""
    rules = [evolve(DTYPE, name=name, default=True) for name in ("one", "two")]
    installed(llmplan_dtype_rules=lambda: rules)
    options = {**BASE, "cost_model": registry().cost_models["roofline"]}
    del options["dtype"]
    assert refusal(train, **options) == "dtype: not given, and one and two all claim to be the default"


def test_no_default_is_said(installed):
    """If it fails, a plugin without a default crashes the planner."""
    installed(llmplan_dtype_rules=lambda: [DTYPE])
    options = {**BASE, "cost_model": registry().cost_models["roofline"]}
    del options["dtype"]
    assert refusal(train, **options) == "dtype: not given, and none is the default"


# What follows from a plan


def test_a_request_stands_for_its_options():
    """If it fails, a request made once and one made of options are priced differently."""
    assert train(TrainRequest(**FIXED)).gpu_hours == train(**FIXED).gpu_hours
    assert infer(InferRequest(**BASE)).total_seconds == infer(**BASE).total_seconds


@settings(max_examples=30, deadline=None)
@given(price=st.floats(0, 1e3), tokens=st.floats(1e6, 1e15))
def test_cost_is_gpu_hours_times_price(price, tokens):
    """If it fails, the bill is wrong."""
    estimate = train(**FIXED | {"tokens": tokens}, price_per_gpu_hour=price)
    assert estimate.iterations == math.floor(tokens / 524_288 * (1 + 1e-12))  # the last token may be rounded away
    assert estimate.gpu_hours == pytest.approx(estimate.iterations * estimate.iteration_seconds * 64 / 3600)
    assert estimate.cost == pytest.approx(estimate.gpu_hours * price)
    assert train(**FIXED).cost is None


def test_a_training_run_adds_up():
    """If it fails, totals of the report contradict each other."""
    estimate = train(**FIXED)
    assert estimate.tokens_per_iteration == 524_288
    assert estimate.tokens_per_second == pytest.approx(524_288 / estimate.iteration_seconds)
    assert estimate.tokens_per_second_per_gpu == pytest.approx(estimate.tokens_per_second / 64)
    assert estimate.mfu == estimate.hfu == pytest.approx(0.5)
    again = train(**FIXED | {"recompute": "full"})
    assert again.mfu == pytest.approx(estimate.mfu * estimate.iteration_seconds / again.iteration_seconds)
    assert again.hfu == pytest.approx(0.5)


def test_serving_adds_up():
    """If it fails, totals of the report contradict each other."""
    estimate = infer(**BASE, batch=4, dp=2, tp=1, pp=1, prompt_tokens=100, output_tokens=50, price_per_gpu_hour=2)
    seconds = estimate.prefill_seconds + 50 * estimate.decode_seconds_per_token
    assert estimate.total_seconds == pytest.approx(seconds)
    assert estimate.tokens_per_second == pytest.approx(2 * 4 * 50 / seconds)
    hours_of_a_million_tokens = 1e6 / estimate.tokens_per_second * 2 / 3600
    assert estimate.cost_per_million_tokens == pytest.approx(2 * hours_of_a_million_tokens)
    assert infer(**BASE).cost_per_million_tokens is None


@pytest.mark.parametrize("sizes", [{"tp": 1, "pp": 1}, {"tp": 4, "pp": 1}, {"tp": 2, "pp": 3}])
def test_the_largest_batch_fits_and_one_more_does_not(sizes):
    """If it fails, a deployment is sized for a batch that runs out of memory, or far too small."""
    largest = infer(**BASE, **sizes).max_batch_size
    assert largest > 1
    assert infer(**BASE, **sizes, batch=int(largest)).feasible
    assert not infer(**BASE, **sizes, batch=int(largest) + 1).feasible


def test_a_model_that_does_not_fit_takes_no_batch():
    """If it fails, the largest batch of a model that does not fit is negative, or one."""
    assert infer(**BASE | {"gpu": evolve(GPU, memory_bytes=1e8)}, gpus=1).max_batch_size == 0


def test_little_headroom_is_warned_of():
    """If it fails, a plan that fills the memory to the last byte looks safe."""
    used = infer(**BASE | {"gpu": TIMED}, tp=1, pp=1).memory_bytes_per_gpu

    def warnings(share: float) -> tuple[str, ...]:
        return infer(**BASE | {"gpu": evolve(TIMED, memory_bytes=used / share)}, tp=1, pp=1).warnings

    assert warnings(0.96) == (
        "memory is 96.0% full: the driver's context and the allocator's slack, 0.5 to 3.5 GB, may not fit",
    )
    assert warnings(0.94) == warnings(1.04) == ()
