"""Adapters of LoRA beside frozen matrices, matrix by matrix and in round numbers."""

from types import SimpleNamespace

import pytest
from attrs import evolve
from megatron_plans import FP16, IDEAL, plan

from llmplan.records import Block, Gemm, Operator, Tuning
from llmplan_parallelism_megatron.training.adapters import (
    adapted,
    adapter_bytes,
    adapter_parameters,
    adapter_seconds,
    adapters_kept,
    beside_adapter_seconds,
    frozen_bytes,
    widening_seconds,
    widens,
)

QUERIES = Operator("query projection", "attention", gemm=Gemm(5.0, 12.0, 7.0))
KEYS_AND_VALUES = Operator("key and value projection", "attention", gemm=Gemm(5.0, 8.0, 7.0, matrices=2, joins=True))
UP = Operator("up projection", "mlp", gemm=Gemm(5.0, 20.0, 7.0, matrices=2))
DOWN = Operator("down projection", "mlp", gemm=Gemm(5.0, 7.0, 10.0))
EXPERTS = Operator("experts", "mlp", gemm=Gemm(5.0, 20.0, 7.0, 3.0, routed=True, matrices=2))
ROUTER = Operator("router", "router", gemm=Gemm(5.0, 4.0, 7.0))


def tuned(framework=IDEAL, dtype=FP16, **changes):
    """A rank that trains adapters of rank 2, whose multiplications take the product of all that they are told."""
    given = plan(framework=framework, dtype=dtype, **{"tuning": Tuning.LORA, "lora_rank": 2, **changes})
    wide = SimpleNamespace(seconds=lambda m, n, k, g, operand, output: m * n * k * g * operand * output)
    return SimpleNamespace(plan=given, kernels=SimpleNamespace(wide=wide, bytes_per_second=4.0))


def holding(held, weights=16, activations=16, frozen=None, tuning=Tuning.LORA):
    """A plan that trains what it holds in so many bits, and multiplies in others."""
    dtype = evolve(FP16, weight_bits=weights, activation_bits=activations, training_weight_bits=held)
    return plan(dtype=dtype, tuning=tuning, settings={} if frozen is None else {"frozen_bits": frozen})


@pytest.mark.parametrize(
    ("targets", "matrices"),
    [
        ((), (1, 2, 2, 1, 2, 1)),
        (("attention",), (1, 2, 0, 0, 0, 0)),
        (("v", "up"), (0, 1, 2, 0, 2, 0)),
        (("q", "k", "v"), (1, 2, 0, 0, 0, 0)),
        (("down",), (0, 0, 0, 1, 0, 0)),
    ],
)
def test_matrices_that_are_asked_for_have_adapters(targets, matrices):
    """A word would add adapters to another matrix, to both of two that stand side by side, or to a router."""
    given = tuned(lora_targets=targets).plan
    every = (QUERIES, KEYS_AND_VALUES, UP, DOWN, EXPERTS, ROUTER)
    assert tuple(adapted(operator, given) for operator in every) == matrices
    assert adapted(Operator("norm", "attention"), given) == 0 == adapted(QUERIES, plan())


def test_parameters_of_adapters_stand_where_their_matrices_do():
    """Adapters of experts would be divided as dense ones are, or one of two matrices side by side not counted."""
    block = Block((QUERIES, KEYS_AND_VALUES, EXPERTS, Operator("norm", "norms")), 0.0)
    dense, routed = 2 * (12 + 7) + 2 * (8 + 2 * 7), 3 * 2 * (20 + 2 * 7)
    assert [adapter_parameters(block, tuned(), routed=of) for of in (False, True)] == [dense, routed]
    assert adapter_parameters(block, tuned(lora_targets=("v",)), routed=False) == 2 * (4 + 7)


def test_frozen_weights_and_adapters_have_bits_of_their_own():
    """Adapters would have as few bits as the frozen weights, or a run of all weights more than its dtype."""
    assert [frozen_bytes(holding(8, tuning=tuning)) for tuning in (Tuning.FULL, Tuning.LORA)] == [1, 1]
    assert frozen_bytes(holding(16, frozen=6)) == 0.75
    assert frozen_bytes(holding(16, tuning=Tuning.QLORA)) == IDEAL.frozen_bits / 8
    assert [adapter_bytes(holding(held)) for held in (8, 16, 32)] == [2, 2, 4]
    assert [adapter_bytes(holding(held, tuning=Tuning.FULL)) for held in (8, 32)] == [1, 4]


@pytest.mark.parametrize(
    ("held", "weights", "activations", "frozen", "widened"),
    [
        (16, 16, 16, 8.0, True),
        (16, 16, 16, 16.0, False),
        (8, 16, 16, 8.0, False),
        (8, 16, 16, 7.9, True),
        (16, 8, 16, 8.0, False),
        (16, 8, 16, 7.9, True),
        (16, 16, 8, 8.0, False),
    ],
)
def test_weights_are_widened_where_multiplications_read_more_bits(held, weights, activations, frozen, widened):
    """Weights would be widened that are multiplied as they are, or narrower ones be multiplied as if they were wide."""
    given = holding(held, weights, activations, frozen)
    assert widens(given) is widened
    assert widens(evolve(given, tuning=Tuning.FULL)) is False


def test_widening_reads_the_few_bits_and_writes_each_copy():
    """Copies would cost nothing, or weights that are wide already be written once more."""
    framework, gemm = evolve(IDEAL, widened_copies=3.0, widening_bytes=0.25), Gemm(5.0, 12.0, 7.0, 2.0)
    narrow = tuned(framework, settings={"frozen_bits": 4.0})
    assert widening_seconds(gemm, narrow) == 2 * 12 * 7 * (0.5 + 3 * 2 + 0.25) / 4
    assert widening_seconds(gemm, tuned(framework)) == 0


def test_adapters_multiply_by_two_thin_matrices():
    """Of matrices side by side only one would have an adapter, or the second thin matrix be as wide as the first."""
    gemm = Gemm(5.0, 20.0, 7.0, 3.0)
    operators = [QUERIES, KEYS_AND_VALUES, Operator("norm", "norms")]
    down, up = 5 * (3 * 2) * 7 * 3 * 2 * 2, 5 * 20 * 2 * 3 * 2 * 2
    assert adapter_seconds(operators, gemm, tuned()) == down + up
    one = 5 * 2 * 7 * 3 * 2 * 2 + 5 * 4 * 2 * 3 * 2 * 2
    assert adapter_seconds(operators, gemm, tuned(lora_targets=("k",))) == one
    assert adapter_seconds(operators, gemm, tuned(lora_targets=("down",))) == 0


def test_kernels_beside_adapters_move_what_each_of_them_reads_and_writes():
    """Casts and dropout would be free, or be those of one adapter however many share the input."""
    framework = evolve(IDEAL, adapter_input_bytes=6.0, adapter_output_bytes=10.0)
    gemm, operators = Gemm(5.0, 20.0, 7.0, 3.0), [QUERIES, KEYS_AND_VALUES, Operator("norm", "norms")]
    moved = (1 + 2) * 7 * 6 + (12 + 8) * 10
    assert beside_adapter_seconds(operators, gemm, tuned(framework)) == 3 * 5 * moved / 4
    values = tuned(framework, lora_targets=("v",))
    assert beside_adapter_seconds(operators, gemm, values) == 3 * 5 * (7 * 6 + 4 * 10) / 4


READING = evolve(IDEAL, adapter_input_kept_bytes=3.0, adapter_output_kept_bytes=0.5)


@pytest.mark.parametrize(
    ("operator", "apart", "fused", "shared"),
    [
        (QUERIES, 1, 1, 1),
        (KEYS_AND_VALUES, 2, 0, 0),  # fused with the queries, or gradients by hand: their input is kept already
        (evolve(KEYS_AND_VALUES, gemm=Gemm(5.0, 8.0, 7.0, matrices=2)), 2, 1, 1),
        (UP, 2, 2, 1),
        (DOWN, 1, 1, 0),  # its input is made again from the two products
        (EXPERTS, 2, 2, 1),
    ],
)
def test_inputs_of_adapters_are_kept_once_or_for_each(operator, apart, fused, shared):
    """An input would be kept once more than the program does, or what the output adds to be forgotten."""
    gemm, matrices = operator.gemm, operator.gemm.matrices
    for framework, read in (
        (READING, apart),
        (evolve(READING, fused_qkv=True), fused),
        (evolve(READING, adapters_share=True), shared),
        (evolve(READING, adapters_share=True, fused_qkv=True), shared),
    ):
        kept = read * gemm.k * 3 + matrices * (gemm.n / matrices) * 0.5
        assert adapters_kept(operator, tuned(framework)) == gemm.groups * gemm.m * kept
