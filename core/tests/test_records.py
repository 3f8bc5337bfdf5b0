"""The nouns: what their validators refuse, and what they compute of themselves."""

from __future__ import annotations

import re
from math import inf, nan

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings, strategies as st

from llmplan.errors import BadInputError, UnsupportedFormatError
from llmplan.estimate import Exporter, Reporter
from llmplan.records import (
    CalibratedEfficiency,
    DTypeFamily,
    DTypeRule,
    Efficiency,
    HardwareProfile,
    Recompute,
    ValidationSet,
    WholeRunEfficiency,
)
from llmplan_layers import Transformer

HARDWARE = HardwareProfile(
    name="mini-gpu",
    memory_bytes=8e9,
    memory_bytes_per_second=1e12,
    peak_flops={"fp16": 1e14, "int8": 2e14},
    scale_up_bytes_per_second=1e11,
)
MODEL = Transformer(
    name="mini", layers=4, hidden=64, heads=4, kv_heads=2, head_dim=16, ffn_hidden=256, gated_mlp=True, vocab=1000
)  # fmt: skip
DTYPE = DTypeRule(
    name="half", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16", "bf16"), ("fp32",))
)
EFFICIENCY = Efficiency()
RUNS = WholeRunEfficiency(median=0.4, low=0.3, high=0.5, runs=10, source="ten runs")
CALIBRATED = CalibratedEfficiency(flops={"fp16": 0.8}, hbm=0.9, scale_up=0.7, scale_out=0.8, source="timings")
FAMILY = DTypeFamily(
    pattern=re.compile(r"f(\d+)"), build=lambda match: evolve(DTYPE, name=match.group()), listed=("f8", "f16")
)

NO_POSITIVE = (0, 0.0, -1, nan, inf, -inf, "8", None, True, [1])
NO_WHOLE = (0, -1, 8.5, 8.0, nan, "8", None, True)
NO_FRACTION = (0, -0.1, 1.01, 50, nan, inf, "0.5", None, True)
NO_NAME = ("", "LLaMA-65B", "llama 65b", "llama_65b", "-llama", "llama-", "llama--65b", "a:b", "llama/65b", 65, None)
OF_POSITIVE = "is not a positive number"
OF_WHOLE = "is not a whole number of at least 1"
OF_FRACTION = "is not a fraction above 0 and at most 1"

WRONG = [
    *(
        (HARDWARE, name, value, OF_POSITIVE)
        for name in ("memory_bytes", "memory_bytes_per_second", "scale_up_bytes_per_second")
        for value in NO_POSITIVE
    ),
    *(
        (HARDWARE, name, value, OF_POSITIVE)
        for name in ("scale_out_bytes_per_second", "host_bytes_per_second", "tdp_watts", "l2_bytes")
        for value in NO_POSITIVE
        if value is not None
    ),
    *((HARDWARE, "scale_up_domain", value, OF_WHOLE) for value in NO_WHOLE),
    *(
        (HARDWARE, name, value, OF_WHOLE)
        for name in ("sm_count", "launch_year")
        for value in NO_WHOLE
        if value is not None
    ),
    *(
        (MODEL, name, value, OF_WHOLE)
        for name in ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn_hidden", "vocab")
        for value in NO_WHOLE
    ),
    *(
        (MODEL, name, value, OF_WHOLE)
        for name in ("max_seq_len", "training_seq_len")
        for value in NO_WHOLE
        if value is not None
    ),
    *((MODEL, "training_tokens", value, OF_POSITIVE) for value in NO_POSITIVE if value is not None),
    *((MODEL, "norm", value, "is none of rms, layer") for value in ("RMS", "", "batch", None)),
    *((MODEL, "position", value, "is none of rope, alibi, learned, none") for value in ("rotary", "", None)),
    *(
        (DTYPE, name, value, OF_POSITIVE)
        for name in ("weight_bits", "activation_bits", "embedding_bits")
        for value in NO_POSITIVE
    ),
    *((DTYPE, "training_weight_bits", value, OF_POSITIVE) for value in NO_POSITIVE if value is not None),
    *(
        (EFFICIENCY, name, value, OF_FRACTION)
        for name in ("flops", "hbm", "scale_up", "scale_out")
        for value in NO_FRACTION
    ),
    *((RUNS, name, value, OF_FRACTION) for name in ("median", "low", "high") for value in NO_FRACTION),
    *((CALIBRATED, name, value, OF_FRACTION) for name in ("hbm", "scale_up", "scale_out") for value in NO_FRACTION),
]


@pytest.mark.parametrize("record", [HARDWARE, MODEL, DTYPE, EFFICIENCY, RUNS, CALIBRATED])
def test_what_is_out_of_range_is_refused(record):
    """If it fails, a record holds a number that no device or model can have, and every plan with it is wrong."""
    for owner, name, value, words in WRONG:
        if owner is not record:
            continue
        with pytest.raises(BadInputError) as caught:
            evolve(record, **{name: value})
        assert f"{name}: {value!r} {words}" in str(caught.value)


def test_an_mfu_is_a_fraction_too():
    """If it fails, a cost model or a script can price a run above its peak, or at NaN."""
    for value in NO_FRACTION:
        if value is not None:
            with pytest.raises(BadInputError, match="mfu"):
                Efficiency(mfu=value)


@pytest.mark.parametrize("record", [HARDWARE, MODEL])
def test_a_refusal_names_the_record(record):
    """If it fails, a plugin author with forty records searches for the one that is wrong."""
    field = "memory_bytes" if record is HARDWARE else "layers"
    with pytest.raises(BadInputError, match=rf"^{record.name}: {field}: -1 "):
        evolve(record, **{field: -1})


@pytest.mark.parametrize(
    "make",
    [
        lambda name: evolve(HARDWARE, name=name),
        lambda name: evolve(MODEL, name=name),
        lambda name: evolve(DTYPE, name=name),
        lambda name: Reporter(name=name, render=str),
        lambda name: Exporter(name=name, suffix=".x", export=bytes),
        lambda name: ValidationSet(name=name, description="", rows=list),
    ],
)
def test_every_record_has_a_name_to_look_it_up_by(make):
    """If it fails, a record gets in that nobody can name on the command line."""
    assert make("llama-3.1-8b").name == "llama-3.1-8b"
    for name in NO_NAME:
        with pytest.raises(BadInputError, match=r"name: .* is not a lower-case name"):
            make(name)


@pytest.mark.parametrize("value", [0, -1e12, nan, inf, "989", None, True])
def test_every_peak_is_a_positive_number(value):
    """If it fails, a format without units is priced at a speed of 0 or NaN instead of being refused."""
    with pytest.raises(BadInputError, match=rf"^mini-gpu: peak_flops\.int4: {re.escape(repr(value))} {OF_POSITIVE}$"):
        evolve(HARDWARE, peak_flops={"fp16": 1e14, "int4": value})


def test_peaks_are_a_table():
    """If it fails, a plugin that gives one number for all formats crashes the first plan instead of being named."""
    with pytest.raises(BadInputError, match=r"peak_flops: 100000000000000\.0 is not a table of positive numbers"):
        evolve(HARDWARE, peak_flops=1e14)


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 3), (4, 8), (6, 4)])
def test_kv_heads_divide_the_heads(heads, kv_heads):
    """If it fails, a model is priced whose query heads cannot share its KV heads."""
    with pytest.raises(BadInputError, match=rf"^mini: kv_heads: {kv_heads} does not divide heads = {heads}$"):
        evolve(MODEL, heads=heads, kv_heads=kv_heads)


def test_learned_positions_need_a_context_length():
    """If it fails, a model with a learned position table of unknown length is counted as if it had none."""
    with pytest.raises(BadInputError, match="max_seq_len"):
        evolve(MODEL, position="learned", max_seq_len=None)


@pytest.mark.parametrize("record", [HARDWARE, MODEL, DTYPE, EFFICIENCY])
def test_records_do_not_change(record):
    """If it fails, one plan can change the record that all others share."""
    with pytest.raises(FrozenInstanceError):
        record.name = "other"


def shapes() -> st.SearchStrategy[Transformer]:
    """Transformers of any shape."""
    return st.builds(
        lambda groups, kv_heads, **rest: Transformer(name="any", heads=groups * kv_heads, kv_heads=kv_heads, **rest),
        groups=st.integers(1, 8),
        kv_heads=st.integers(1, 8),
        layers=st.integers(1, 130),
        hidden=st.integers(1, 20_000),
        head_dim=st.integers(1, 256),
        ffn_hidden=st.integers(1, 60_000),
        gated_mlp=st.booleans(),
        vocab=st.integers(1, 300_000),
        tied_embeddings=st.booleans(),
        norm=st.sampled_from(["rms", "layer"]),
        position=st.sampled_from(["rope", "alibi", "learned", "none"]),
        max_seq_len=st.integers(1, 131_072),
    )


@settings(max_examples=40, deadline=None)
@given(model=shapes())
def test_parameters_by_a_formula_written_down_by_hand(model):
    """If it fails, memory, FLOPs and compute-optimal tokens of every transformer are off."""
    h, n, g, d, f = model.hidden, model.heads, model.kv_heads, model.head_dim, model.ffn_hidden
    norm = h if model.norm == "rms" else h + h
    positions = model.max_seq_len * h if model.position == "learned" else 0
    query_key_value_output = h * n * d + h * g * d + h * g * d + n * d * h
    mlp = h * f + f * h + (h * f if model.gated_mlp else 0)
    parts = model.parameters_by_part()
    assert parts == {
        "input_embedding": model.vocab * h + positions,
        "attention": model.layers * query_key_value_output,
        "mlp": model.layers * mlp,
        "layernorm": model.layers * 2 * norm,
        "final_norm": norm,
        "output_embedding": 0 if model.tied_embeddings else model.vocab * h,
    }
    assert all(type(count) is int for count in parts.values())


@settings(max_examples=40, deadline=None)
@given(model=shapes(), batch=st.integers(1, 64), seq_len=st.integers(1, 8192))
def test_flops_by_a_formula_written_down_by_hand(model, batch, seq_len):
    """If it fails, the time of every training run is off."""
    h, width = model.hidden, model.heads * model.head_dim
    tokens = batch * seq_len
    matrices = h * width * 2 + h * model.kv_heads * model.head_dim * 2 + h * model.ffn_hidden * (2 + model.gated_mlp)
    by_hand = model.layers * (2 * tokens * matrices + 4 * tokens * seq_len * width) + 2 * tokens * h * model.vocab
    assert model.lower(batch, seq_len).flops == pytest.approx(by_hand, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(model=shapes())
def test_the_lowered_model_holds_every_parameter_once(model):
    """If it fails, memory counts a matrix twice or not at all: the operators do not add up to the model."""
    lowered = model.lower(1, 1)
    assert lowered.embedding.parameters + lowered.head.parameters + sum(
        block.count * block.parameters for block in lowered.layers
    ) == sum(model.parameters_by_part().values())
    assert sum(block.count for block in lowered.layers) == model.layers
    table = model.vocab * model.hidden
    assert lowered.head.shared_parameters == (table if model.tied_embeddings else 0)


@settings(max_examples=40, deadline=None)
@given(model=shapes(), batch=st.integers(1, 64), tokens=st.integers(1, 131_072))
def test_the_kv_cache_holds_a_key_and_a_value_per_token_and_layer(model, batch, tokens):
    """If it fails, the largest batch that serving can hold is wrong."""
    cache = model.kv_cache(batch, tokens)
    assert cache.elements == 2 * model.layers * batch * tokens * model.kv_heads * model.head_dim
    assert cache.max_ways == model.kv_heads


def test_llama_by_the_rule_of_thumb():
    """If it fails, a forward pass is far from the 2 FLOPs a parameter and token that everybody expects."""
    model = evolve(MODEL, layers=80, hidden=8192, heads=64, kv_heads=64, head_dim=128, ffn_hidden=22_016, vocab=32_000)
    parameters = sum(model.parameters_by_part().values())
    assert model.lower(1, 2048).flops / 2048 == pytest.approx(2 * parameters, rel=0.05)


def test_the_first_tier_of_formats_needs_no_fallback():
    """If it fails, a GPU that has the format runs in another, or a fallback is reported that is none."""
    assert DTYPE.gemm_format(HARDWARE).name == "fp16"
    assert DTYPE.gemm_format(HARDWARE).peak_flops == 1e14
    only_bf16 = evolve(HARDWARE, peak_flops={"bf16": 3e14, "fp32": 1e13})
    assert DTYPE.gemm_format(only_bf16).name == "bf16"
    assert DTYPE.gemm_format(HARDWARE).fallback_from is DTYPE.gemm_format(only_bf16).fallback_from is None


def test_a_fallback_says_what_it_stands_in_for():
    """If it fails, a slower format is used without a word."""
    chosen = DTYPE.gemm_format(evolve(HARDWARE, peak_flops={"fp32": 1e13, "int8": 1e15}))
    assert (chosen.name, chosen.peak_flops, chosen.fallback_from) == ("fp32", 1e13, "fp16")


def test_a_device_with_none_of_the_formats_is_refused():
    """If it fails, a plan is priced in a format that the device cannot compute in."""
    with pytest.raises(
        UnsupportedFormatError, match=r"^dtype: half multiplies in fp16 or bf16 or fp32; mini-gpu has int8$"
    ):
        DTYPE.gemm_format(evolve(HARDWARE, peak_flops={"int8": 1e15}))


def test_a_family_makes_the_rules_of_its_pattern_alone():
    """If it fails, a name outside the pattern gets a rule, or one inside gets none."""
    assert FAMILY.rule("f12").name == "f12"
    assert FAMILY.rule("g12") is FAMILY.rule("f12x") is FAMILY.rule("xf12") is None


def test_recompute_modes_are_ordered_from_nothing_to_all():
    """If it fails, a mode that drops more is compared as if it dropped less."""
    labels = ["none", "attention-compute", "attention", "norm-attention-norm", "full"]
    assert [mode.label for mode in sorted(Recompute)] == labels
