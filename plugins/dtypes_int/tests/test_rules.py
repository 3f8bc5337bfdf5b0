"""wXaYeZ, the GEMM format of each, and what is refused."""

import pytest

from llmplan.errors import BadInputError, UnsupportedFormatError
from llmplan.records import HardwareProfile
from llmplan.testing import check_dtype
from llmplan_dtypes_int.rules import EMBEDDING_BITS, INTEGER_DTYPES, OPERAND_BITS


def gpu(*formats):
    return HardwareProfile(
        name="some-gpu",
        memory_bytes=1e9,
        memory_bytes_per_second=1e9,
        peak_flops=dict.fromkeys(formats, 1e12),
        scale_up_bytes_per_second=1e9,
    )


AMPERE, HOPPER, VOLTA = gpu("fp16", "bf16", "int8", "int4"), gpu("fp16", "bf16", "fp8", "int8"), gpu("fp16", "fp32")


@pytest.mark.parametrize(
    ("name", "on_ampere"),
    [
        ("w4a4e16", "int4"),
        ("w4a8e16", "int8"),
        ("w8a8e16", "int8"),
        ("w4a16e16", "fp16"),
        ("w8a16e16", "fp16"),
        ("w16a16e16", "fp16"),
    ],
)
def test_the_wider_operand_decides_the_format(name, on_ampere):
    """A narrow operand would multiply with a wide one, which no INT tensor core does, and the peak would be wrong."""
    chosen = INTEGER_DTYPES.rule(name).gemm_format(AMPERE)
    assert (chosen.name, chosen.fallback_from) == (on_ampere, None)


@pytest.mark.parametrize(
    ("name", "hardware", "runs_in"),
    [("w4a4e16", HOPPER, "int8"), ("w4a4e16", VOLTA, "fp16"), ("w8a8e16", VOLTA, "fp16")],
)
def test_a_missing_format_falls_back_to_the_next_wider_one_and_says_so(name, hardware, runs_in):
    """A format that the GPU has not got would be priced at the speed of one that it has, in silence."""
    chosen = INTEGER_DTYPES.rule(name).gemm_format(hardware)
    assert chosen.name == runs_in
    assert chosen.fallback_from == ("int4" if name == "w4a4e16" else "int8")


def test_no_format_at_all_is_an_error():
    """A device without any of the formats would be priced at somebody else's peak."""
    with pytest.raises(UnsupportedFormatError, match="some-gpu has fp32"):
        INTEGER_DTYPES.rule("w16a16e16").gemm_format(gpu("fp32"))


@pytest.mark.parametrize("weight", OPERAND_BITS)
@pytest.mark.parametrize("activation", [bits for bits in OPERAND_BITS if bits >= 4])
@pytest.mark.parametrize("embedding", EMBEDDING_BITS)
def test_every_sensible_name_is_a_rule(weight, activation, embedding):
    """A dtype that the rule covers would be unknown, or its widths mixed up."""
    name = f"w{weight}a{activation}e{embedding}"
    if weight > activation:
        with pytest.raises(BadInputError, match="makes no sense"):
            INTEGER_DTYPES.rule(name)
        return
    rule = INTEGER_DTYPES.rule(name)
    assert (rule.weight_bits, rule.activation_bits, rule.embedding_bits) == (weight, activation, embedding)
    assert rule.name == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("w16a4e16", "makes no sense: the 4-bit activations would be widened to 16 bits"),
        ("w16a4", "makes no sense"),
        ("w3a16e16", "w3 is none of w4, w8, w16"),
        ("w4a12e16", "a12 is none of a4, a8, a16"),
        ("w4a16e64", "e64 is none of e4, e8, e16, e32"),
        ("w4a16", "lacks the width of the embeddings: w4a16e16"),
    ],
)
def test_names_that_make_no_sense_are_refused_with_the_reason(name, reason):
    """A name without meaning would be called unknown, or worse, priced."""
    with pytest.raises(BadInputError, match=reason):
        INTEGER_DTYPES.rule(name)


def test_other_names_are_left_to_other_plugins():
    """The rule would claim names that are not its own, like fp8."""
    assert INTEGER_DTYPES.rule("fp8") is None
    assert INTEGER_DTYPES.rule("xw4a16e16") is None


def test_the_listed_names():
    """`llmplan list dtypes` would not show the twelve that people use."""
    operands = ("w4a4", "w4a8", "w4a16", "w8a8", "w8a16", "w16a16")
    assert set(INTEGER_DTYPES.listed) == {f"{name}e{bits}" for name in operands for bits in (16, 32)}


def test_contract():
    """The plugin would break what llmplan asks of every dtype plugin."""
    check_dtype(INTEGER_DTYPES)


def test_narrow_weights_have_scales_of_groups():
    """AWQ and GPTQ files would weigh 4 bits a weight, or those of 8 bits carry scales that they have not."""
    scales = {name: INTEGER_DTYPES.rule(name).scale_bits for name in ("w4a16e16", "w4a4e16", "w8a8e16", "w16a16e16")}
    group = (16 + 4) / 128  # a scale in 16 bits and a zero point in 4 for 128 weights
    assert scales == {"w4a16e16": group, "w4a4e16": group, "w8a8e16": 0, "w16a16e16": 0}


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("w4a16e16", {"int4/fp16", "int4/bf16", "int4", "awq", "gptq"}),
        ("w8a16e16", {"int8/fp16", "int8/bf16"}),
        ("w8a8e16", {"int8/int8", "int8"}),
        ("w4a8e16", {"int4/int8"}),
        ("w16a16e16", set()),
        ("w4a16e32", set()),
    ],
)
def test_words_of_tables_and_people(name, typed):
    """`--dtype awq` would be unknown, or one word mean two dtypes."""
    assert set(INTEGER_DTYPES.rule(name).aliases) == typed


@pytest.mark.parametrize(
    ("name", "default", "training", "multiplies"),
    [
        ("w16a16e16", True, "published", "GEMM in FP16 or BF16"),
        ("w16a16e32", False, "published", "GEMM in FP16 or BF16"),
        ("w8a16e16", False, "hypothetical", "GEMM in FP16 or BF16"),
        ("w4a8e16", False, "hypothetical", "GEMM in INT8"),
    ],
)
def test_what_is_said_of_it(name, default, training, multiplies):
    """Training in integers would look like something that people do, or nobody's dtype be the default."""
    rule = INTEGER_DTYPES.rule(name)
    assert (rule.default, rule.training) == (default, training)
    assert rule.description.endswith(multiplies)
