"""What the cost models say to a plan before they price it: refusals, words against its layout, remarks."""

import pytest
from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.planner import train
from llmplan.records import (
    DTypeRule,
    FrameworkProfile,
    HardwareProfile,
    MixtureOfExperts,
    Transformer,
)

GPU = HardwareProfile(
    name="round-numbers",
    memory_bytes=1e14,
    memory_bytes_per_second=1e12,
    peak_flops={"fp16": 1e14, "fp8": 2e14, "fp4": 4e14, "int8": 2e14},
    scale_up_bytes_per_second=1e11,
    scale_up_domain=8,
    scale_out_bytes_per_second=1e10,
    host_bytes_per_second=2e10,
)
ALONE = evolve(GPU, name="alone", scale_out_bytes_per_second=None, host_bytes_per_second=None)
MODEL = Transformer(
    name="small", layers=12, hidden=512, heads=48, kv_heads=12, head_dim=8, ffn_hidden=2048, gated_mlp=True, vocab=9600
)
SPARSE = evolve(MODEL, name="sparse", moe=MixtureOfExperts(n_routed_experts=12, top_k=2, moe_ffn_hidden=256))
DTYPE = DTypeRule(name="half", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),))
OPTIONS = {
    "model": MODEL, "gpu": GPU, "dtype": DTYPE, "cost_model": "megatron", "tp": 1, "pp": 1, "dp": 1, "micro_batch": 1,
    "gradient_accumulation": 12, "seq_len": 960, "tokens": 1e9, "recompute": "none", "vpp": 1, "zero": 1,
}  # fmt: skip


def refusal(**options):
    """The message with which a plan is refused."""
    with pytest.raises(BadInputError) as caught:
        train(**OPTIONS | options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def against(**options):
    """What is said against the layout of a plan."""
    return train(**OPTIONS | options).plan.layout_warnings


def remarks(**options):
    """What is said of a plan beside its layout."""
    return train(**OPTIONS | options).plan.warnings


def test_a_plain_plan_is_priced_without_a_word():
    """If it fails, every plan carries a warning, and nobody reads those that matter."""
    assert against() == against(tp=4, pp=3, dp=2, gradient_accumulation=3) == ()
    assert remarks() == ()


REFUSED = [
    ({"tp": 5}, "tp: 5 does not divide the 48 heads of small; 4 or 6 would"),
    ({"tp": 64}, "tp: 64 does not divide the 48 heads of small; 48 would"),
    ({"tp": 8}, "tp: 8 does not divide the 12 KV heads of small; 6 or 12 would"),
    (
        {"tp": 4, "seq_len": 962},
        "tp: 4 with sequence parallelism does not divide the 962 tokens of a rank's sequence; 2 or",
    ),
    (
        {"tp": 4, "cp": 2, "seq_len": 964},
        "tp: 4 with sequence parallelism does not divide the 482 tokens of a rank's sequence; 2 or",
    ),
    ({"cp": 7}, "cp: 7 cuts a sequence into 14 pieces, and seq-len is 960; 952 or 966 would do"),
    ({"cp": 4, "seq_len": 4}, "cp: 4 cuts a sequence into 8 pieces, and seq-len is 4; 8 would do"),
    ({"ep": 2, "dp": 2}, "ep: 2 divides routed experts, and small has none; 1 would do"),
    ({"model": SPARSE, "ep": 5, "dp": 5}, "ep: 5 does not divide the 12 routed experts of sparse; 4 or 6 would"),
    ({"model": SPARSE, "ep": 24, "dp": 24}, "ep: 24 does not divide the 12 routed experts of sparse; 12 would"),
    (
        {"model": SPARSE, "ep": 4, "dp": 3, "cp": 2},
        "ep: 4 does not divide dp 3 x cp 2 = 6, the ranks that share experts; 3 or 6 would",
    ),
    ({"model": SPARSE, "ep": 2}, "ep: 2 does not divide dp 1 x cp 1 = 1, the ranks that share experts; 1 would"),
    ({"vpp": 2}, "vpp: 2 divides the stages of a pipeline, and pp is 1; 1 would do"),
    ({"vpp": 4, "pp": 4}, "vpp: 4 x pp 4 = 16 is more than the 12 layers of small; at most 3 would do"),
    (
        {"vpp": 2, "pp": 4, "gradient_accumulation": 6},
        "vpp: 2 takes micro-batches in rounds of pp 4, and gradient-accumulation is 6; 4 or 8 would do",
    ),
    (
        {"vpp": 2, "pp": 4, "gradient_accumulation": 3},
        "vpp: 2 takes micro-batches in rounds of pp 4, and gradient-accumulation is 3; 4 would do",
    ),
    (
        {"vpp": 2, "pp": 2, "schedule": "zero-bubble"},
        "vpp: 2 with schedule zero-bubble, which has one chunk a stage; 1 would do",
    ),
    (
        {"gpu": evolve(GPU, host_bytes_per_second=None), "offload": "optimizer"},
        "offload: optimizer needs a link to the host, and the record of round-numbers has none",
    ),
    (
        {"gpu": evolve(GPU, host_bytes_per_second=None), "offload": "all"},
        "offload: all needs a link to the host, and the record of round-numbers has none",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_no_program_can_run_is_refused(options, message):
    """If it fails, a layout that Megatron-LM would stop at is priced, or the message does not say what would do."""
    assert refusal(**options).startswith(message)


@pytest.mark.parametrize(
    "options",
    [
        {"tp": 24},
        {"tp": 12},
        {"tp": 4, "seq_len": 962, "sequence_parallel": False},
        {"cp": 8},
        {"cp": 3, "seq_len": 963, "framework": FrameworkProfile(name="unbalanced", balanced_context=False)},
        {"model": SPARSE, "ep": 4, "dp": 2, "cp": 2},
        {"model": SPARSE, "ep": 12, "dp": 12},
        {"vpp": 3, "pp": 4},
        {"pp": 4, "gradient_accumulation": 6},
        {"pp": 4, "schedule": "zero-bubble", "gradient_accumulation": 6},
        {"gpu": ALONE, "tp": 4, "dp": 2},
        {"gpu": evolve(GPU, scale_out_bytes_per_second=None), "offload": "all", "dp": 16},
        {"tuning": "qlora", "zero": 3, "dp": 2},
    ],
)
def test_what_programs_do_run_is_priced(options):
    """If it fails, a layout that people train with is refused."""
    assert train(**OPTIONS | options).iteration_seconds > 0


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"tp": 12}, "tp: 12"),
        ({"cp": 4, "tp": 4}, "cp: 4"),
        ({"model": SPARSE, "ep": 12, "dp": 12}, "ep: 12"),
        ({"dp": 16}, "dp: 16"),
        ({"dp": 4, "tp": 4}, "dp: 4"),
        ({"pp": 3, "tp": 4}, "pp: 3"),
    ],
)
def test_a_group_beyond_the_domain_needs_a_link(options, name):
    """If it fails, traffic between nodes is priced at the speed inside one, since nobody said how fast it is."""
    said = f"{name} leaves the scale-up domain of alone, 8, and its record holds no link beyond"
    assert refusal(**options, gpu=ALONE) == said
    assert train(**OPTIONS | options).iteration_seconds > 0


WORDS = [
    ({"tp": 12}, "tp 12 leaves the scale-up domain of 8: its traffic is priced at 8 GB/s"),
    ({"cp": 16}, "cp 16 leaves the scale-up domain of 8: its traffic is priced at 8 GB/s"),
    ({"cp": 4, "tp": 4}, "cp 4 with tp 4 leaves the scale-up domain of 8: its traffic is priced at 8 GB/s"),
    ({"pp": 5}, "pp 5 does not divide the 12 layers of small: stages hold 2 or 3 layers, priced at the slower"),
    (
        {"pp": 4, "vpp": 2},
        "pp 4 x vpp 2 does not divide the 12 layers of small: chunks hold 1 or 2 layers, the bubble is priced as if even",
    ),
    ({"schedule": "zero-bubble"}, "schedule zero-bubble changes nothing with pp 1: there is no bubble to fill"),
    (
        {"pp": 2, "dp": 2, "zero": 2},
        "ZeRO 2 with pp 2: gradients reduced in every micro-batch, where ZeRO 1 reduces once an iteration",
    ),
    (
        {"pp": 2, "dp": 2, "zero": 3},
        "ZeRO 3 with pp 2: weights gathered and gradients reduced in every micro-batch, where ZeRO 1 reduces once an "
        "iteration",
    ),
]


@pytest.mark.parametrize(("options", "words"), WORDS)
def test_what_speaks_against_a_layout_is_said(options, words):
    """If it fails, the planner chooses a layout that loses time, or somebody books one without knowing."""
    given = options | ({"scale_out_efficiency": 0.8} if "leaves" in words else {})
    assert against(**given) == (words,)


def test_words_do_not_price_where_an_mfu_holds_everything():
    """If it fails, a time that is given as a whole is said to be made of the speed of a link."""
    assert against(tp=12, mfu=0.4) == ("tp 12 leaves the scale-up domain of 8",)


@pytest.mark.parametrize(
    "options", [{"zero": 2, "dp": 2}, {"zero": 1, "pp": 2, "dp": 2}, {"pp": 2, "schedule": "zero-bubble"}, {"cp": 8}]
)
def test_what_does_not_speak_against_a_layout_is_not_said(options):
    """If it fails, the planner passes over layouts that have nothing wrong."""
    assert against(**options) == ()


def test_every_refusal_and_word_is_steered_by():
    """If it fails, an open layout is one that is refused, or that carries a warning where another one does not."""
    model = evolve(MODEL, name="odd", heads=20, kv_heads=10, layers=9)
    options = {name: value for name, value in OPTIONS.items() if name not in ("tp", "pp", "dp", "model")}
    chosen = train(**options, model=model, gpus=8).plan
    assert chosen.layout.tp in (1, 2)
    assert chosen.layout_warnings == ()


# Remarks


def narrow(weight, activation, form):
    """A dtype of fewer than 16 bits."""
    return DTypeRule(
        name="narrow", weight_bits=weight, activation_bits=activation, embedding_bits=16, gemm_formats=((form,),)
    )


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (narrow(8, 8, "int8"), "narrow in training: no published recipe trains so; the figures are hypothetical"),
        (narrow(8, 8, "fp8"), "narrow in training: no published recipe trains so; the figures are hypothetical"),
        (
            narrow(4.5, 16, "fp4"),
            "narrow in training is experimental: few runs are published, and the figures follow none of them",
        ),
    ],
)
@pytest.mark.parametrize("cost_model", ["megatron", "roofline"])
def test_dtypes_that_nobody_trains_in_are_said(dtype, words, cost_model):
    """If it fails, a run in INT8 looks like one that somebody has made."""
    assert remarks(dtype=dtype, cost_model=cost_model) == (words,)


def test_only_roofline_takes_the_efficiency_of_16_bits_for_fp8():
    """If it fails, the default cost model, which has curves of FP8, apologises for what it does not do."""
    options = {"dtype": narrow(8, 16, "fp8"), "gpu": "h100-sxm-80gb"}
    assert remarks(**options) == ()
    (said,) = remarks(**options, cost_model="roofline")
    assert said.startswith("narrow at the FLOPs efficiency of 16-bit runs")


def test_an_imbalance_of_experts_that_are_not_there_is_said():
    """If it fails, somebody believes that a dense model was priced with busy experts."""
    assert remarks(expert_imbalance=1.5) == ("expert-imbalance 1.5 changes nothing: small has no routed experts",)
    assert remarks(model=SPARSE, expert_imbalance=1.5) == ()
    assert against(expert_imbalance=1.5) == ()


# roofline


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"cp": 2}, "cp: 2"),
        ({"model": SPARSE, "ep": 2, "dp": 2}, "ep: 2"),
        ({"vpp": 2, "pp": 2}, "vpp: 2"),
        ({"schedule": "zero-bubble", "pp": 2}, "schedule: zero-bubble"),
        ({"zero_group": 2, "dp": 4}, "zero-group: 2"),
        ({"optimizer": "sgd"}, "optimizer: sgd"),
        ({"master_weights": False}, "master-weights: false"),
        ({"tuning": "lora"}, "tuning: lora"),
        ({"lora_rank": 8}, "tuning: lora"),
        ({"offload": "optimizer"}, "offload: optimizer"),
        ({"offload": "activations"}, "offload: activations"),
        ({"offload": "all"}, "offload: all"),
        ({"model": SPARSE, "expert_imbalance": 1.5}, "expert-imbalance: 1.5"),
    ],
)
def test_roofline_refuses_what_it_does_not_price(options, what):
    """If it fails, an option changes nothing, and the figures look as if it did."""
    said = f"{what} is not priced by the cost model roofline; megatron does"
    assert refusal(**options, cost_model="roofline") == said
    assert train(**OPTIONS | options).iteration_seconds > 0


def test_roofline_says_that_a_framework_changes_nothing():
    """If it fails, somebody compares frameworks under a cost model that does not know them."""
    said = ("framework fsdp changes nothing: the cost model roofline is the same for all",)
    assert remarks(framework="fsdp", cost_model="roofline") == said
    assert remarks(cost_model="roofline") == remarks(framework="fsdp") == ()


def test_roofline_still_prices_an_uneven_split():
    """If it fails, the published 33B row, 52 heads over 8 ranks, cannot be priced any more."""
    words = against(tp=5, cost_model="roofline", sequence_parallel=False)
    assert "tp 5 does not divide the 48 heads of small: priced as an even split" in words
    said = refusal(tp=64, cost_model="roofline")
    assert said == "tp: 64 is more than the 48 heads of small"
