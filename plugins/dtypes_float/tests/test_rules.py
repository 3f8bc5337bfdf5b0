"""Widths and formats of the floating-point dtypes, what is refused, and what the command line makes of them."""

import json

import pytest

from llmplan.cli.main import main
from llmplan.errors import UnsupportedFormatError
from llmplan.records import HardwareProfile
from llmplan.testing import check_dtype, check_plugin
from llmplan_dtypes_float import plugin
from llmplan_dtypes_float.rules import FLOAT_DTYPES

RULES = {rule.name: rule for rule in FLOAT_DTYPES}


def gpu(*formats):
    return HardwareProfile(
        name="some-gpu",
        memory_bytes=1e9,
        memory_bytes_per_second=1e9,
        peak_flops=dict.fromkeys(formats, 1e12),
        scale_up_bytes_per_second=1e9,
    )


VOLTA = gpu("fp32", "fp16")
AMPERE = gpu("fp32", "tf32", "fp16", "bf16", "int8", "int4")
HOPPER = gpu("fp32", "tf32", "fp16", "bf16", "fp8", "int8")
BLACKWELL = gpu("fp32", "tf32", "fp16", "bf16", "fp8", "fp4", "int8")
EIGHT_BITS = {"fp8", "fp8-dynamic", "fp8-inference", "fp8-mlp", "mxfp4-experts-mxfp8"}
"""Those that multiply in FP8."""
FOUR_BITS = {"nvfp4", "mxfp4"}


@pytest.mark.parametrize(
    ("name", "weight", "activation", "embedding", "while_training", "multiplies_in"),
    [
        ("bf16", 16, 16, 16, None, "bf16"),
        ("fp16", 16, 16, 16, None, "fp16"),
        ("tf32", 32, 32, 32, None, "tf32"),
        ("fp32", 32, 32, 32, None, "fp32"),
        ("fp8", 8, 16, 16, 16, "fp8"),
        ("fp8-inference", 8, 8, 16, 16, "fp8"),
        ("nvfp4", 4.5, 4.5, 16, 16, "fp4"),
        ("mxfp4", 4.25, 4.25, 16, 16, "fp4"),
        ("fp8-mlp", 8, 16, 16, None, "fp8"),
        ("fp8-weights", 8, 16, 16, None, "bf16"),
        ("fp4-weights", 4.25, 16, 16, None, "bf16"),
        ("mxfp4-experts", 16, 16, 16, None, "bf16"),
        ("mxfp4-experts-mxfp8", 16, 8, 16, None, "fp8"),
        ("gguf-q4-k-m", 4.8, 16, 5.53, None, "fp16"),
    ],
)
def test_widths_and_format(name, weight, activation, embedding, while_training, multiplies_in):
    """A tensor would have another width than the recipe gives it, or a GEMM run at another format's peak."""
    rule = RULES[name]
    assert (rule.weight_bits, rule.activation_bits, rule.embedding_bits) == (weight, activation, embedding)
    assert (rule.norm_bits, rule.loss_bits, rule.training_weight_bits) == (32, 32, while_training)
    chosen = rule.gemm_format(BLACKWELL)
    assert (chosen.name, chosen.fallback_from) == (multiplies_in, None)


@pytest.mark.parametrize(
    ("name", "experts", "attention", "cache"),
    [
        ("bf16", None, None, None),
        ("fp8-mlp", None, 16, None),  # attention is left as it was
        ("nvfp4", None, None, 8),  # no engine keeps a cache of 4.5 bits
        ("mxfp4", None, None, 8),
        ("mxfp4-experts", 4 + 8 / 32, None, None),  # elements of 4 bits, a scale of 8 for 32 of them
        ("mxfp4-experts-mxfp8", 4 + 8 / 32, None, 16),
    ],
)
def test_what_is_left_wider_or_narrower(name, experts, attention, cache):
    """Experts, attention or the cache would have the bits of all other tensors."""
    rule = RULES[name]
    assert (rule.expert_bits, rule.attention_bits, rule.kv_bits) == (experts, attention, cache)


def test_a_mixture_of_blocks_weighs_what_its_files_weigh():
    """llama.cpp prints 4.89 bits a weight for Llama 3 8B in Q4_K_M; 1.05 of its 8.03 billion are the ends."""
    rule = RULES["gguf-q4-k-m"]
    ends, whole = 2 * 128_256 * 4096, 8.03e9
    assert (rule.weight_bits * (whole - ends) + rule.embedding_bits * ends) / whole == pytest.approx(4.89, abs=0.01)


def test_experts_of_blocks_are_wider_by_half_of_their_projections_down():
    """Experts in Q4_K_M would weigh other than their blocks: 6.5625 bits in a sixth of the weights, else 4.5."""
    assert RULES["gguf-q4-k-m"].expert_bits == pytest.approx(4.5 + (6.5625 - 4.5) / 6, abs=0.005)


def test_scales_of_small_blocks_are_found_while_serving():
    """Activations in FP4, a scale of its own for each block, would be made without the kernel that finds these."""
    assert {name for name, rule in RULES.items() if rule.dynamic_scales} == {*FOUR_BITS, "fp8-dynamic"}


@pytest.mark.parametrize(
    ("hardware", "refused"),
    [
        (VOLTA, {"bf16"} | EIGHT_BITS | FOUR_BITS),
        (AMPERE, EIGHT_BITS | FOUR_BITS),
        (HOPPER, FOUR_BITS),
        (BLACKWELL, set()),
        (gpu("fp16", "bf16"), {"fp32", "tf32"} | EIGHT_BITS | FOUR_BITS),
    ],
    ids=["volta", "ampere", "hopper", "blackwell", "16-bit only"],
)
@pytest.mark.parametrize("rule", FLOAT_DTYPES, ids=lambda rule: rule.name)
def test_a_format_without_units_is_refused(rule, hardware, refused):
    """A dtype would be priced at the speed of a format that rounds or stores otherwise."""
    if rule.name in refused:
        with pytest.raises(UnsupportedFormatError, match=f"{rule.name} multiplies in .*; some-gpu has"):
            rule.gemm_format(hardware)
    else:
        rule.gemm_format(hardware)


def test_tf32_falls_back_to_fp32_and_says_so():
    """A V100, where cuBLAS computes in FP32 what may be TF32, would be refused or the loss of speed hidden."""
    chosen = RULES["tf32"].gemm_format(VOLTA)
    assert (chosen.name, chosen.fallback_from) == ("fp32", "tf32")


@pytest.mark.parametrize("rule", FLOAT_DTYPES, ids=lambda rule: rule.name)
def test_contract(rule):
    """A rule would break what llmplan asks of every dtype, lack its source, or change what an unnamed dtype means."""
    check_dtype(rule)
    assert rule.source
    assert rule.description
    assert not rule.default


def test_the_plugin_offers_all_of_them():
    """A rule would stand in the package, and `llmplan list dtypes` not show it."""
    check_plugin(plugin)
    assert [rule.make() for rule in plugin.llmplan_dtype_rules()] == list(RULES.values())


@pytest.fixture
def run(capsys):
    """Runs llmplan: exit code, standard output, standard error."""

    def ran(*arguments):
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return ran


@pytest.fixture
def train(run):
    """The figures of `llmplan train` on eight H100s."""

    def trained(dtype, *options):
        names = ("--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--dtype", dtype, "--cost-model", "roofline")
        code, out, err = run("train", *names, *options, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return trained


def figures(document):
    """All that the name of a 16-bit format does not stand in."""
    return {
        key: value for key, value in document.items() if key not in {"dtype", "gemm_format", "assumptions", "request"}
    }


def test_bf16_is_the_default_by_another_name(train):
    """bf16 would differ from w16a16e16 where the hardware treats both 16-bit formats alike."""
    assert figures(train("bf16")) == figures(train("w16a16e16"))


SMALL = ("--gpus", "8", "--tp", "2", "--pp", "1")


def test_fp8_training_multiplies_in_fp8_and_holds_what_bf16_holds(train):
    """FP8 would run at the 16-bit peak, or look as if it saved memory that it does not save in training."""
    wide, narrow = train("bf16", *SMALL, "--flops-efficiency", "0.5"), train("fp8", *SMALL, "--flops-efficiency", "0.5")
    assert narrow["gemm_format"] == "fp8"
    assert narrow["iteration_seconds"] == pytest.approx(wide["iteration_seconds"] * 989 / 1979, rel=1e-3)
    assert narrow["memory_breakdown"] == wide["memory_breakdown"]
    assert not narrow["warnings"]


def test_fp8_at_an_efficiency_of_16_bit_runs_is_warned_of(train):
    """FP8 would be said to train twice as fast as BF16, where published runs gain a third."""
    assert any("of 16-bit runs" in said for said in train("fp8", *SMALL)["warnings"])
    assert not train("fp8", *SMALL, "--mfu", "0.3")["warnings"]


def test_fp8_needs_fp8_units(run):
    """An A100 would be said to train in FP8, or the refusal be a traceback."""
    code, out, err = run("train", "--model", "llama-3.1-8b", "--gpu", "a100-sxm-80gb", "--dtype", "fp8", "--json")
    assert (code, out) == (2, "")
    assert err.startswith("llmplan: dtype: fp8 multiplies in fp8; a100-sxm-80gb has ")
    assert err.partition("hint: ")[0].count("\n") == 1


def test_serving_reads_narrow_weights_and_keeps_the_cache_that_the_name_says(run):
    """Inference would hold the 16 bits of training, or fp8 a cache narrower than engines keep unless told."""
    held = {}
    for dtype in ("bf16", "fp8", "fp8-inference"):
        arguments = ("--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--dtype", dtype, "--cost-model", "roofline")
        code, out, _ = run("infer", *arguments, "--json")
        assert code == 0
        held[dtype] = json.loads(out)["memory_breakdown"]
    assert held["fp8"]["weights"] == held["fp8-inference"]["weights"] < 0.6 * held["bf16"]["weights"]
    assert held["fp8"]["kv_cache"] == held["bf16"]["kv_cache"] == 2 * held["fp8-inference"]["kv_cache"]
