"""Layers that predict further tokens: trained, never priced while serving, and a draft for speculation."""

from __future__ import annotations

import pytest
from attrs import evolve

from llmplan import infer, registry, train
from llmplan.errors import BadInputError
from llmplan.records import Phase
from llmplan.testing import check_model
from llmplan_layers import Transformer

H, V = 64, 1000
PLAIN = Transformer(
    name="plain", layers=4, hidden=H, heads=4, kv_heads=4, head_dim=16, ffn_hidden=256, gated_mlp=True, vocab=V
)
PREDICTING = evolve(PLAIN, name="predicting", mtp_layers=1)
LAYER = 4 * H * H + 3 * H * 256 + 2 * H
"""Four matrices of attention, three of the MLP, two norms."""
PLAN = {"gpu": "h100-sxm-80gb", "dtype": "bf16", "tp": 1, "pp": 1}


def test_both_keep_the_contract():
    """If it fails, the figures below are of a model that contradicts itself."""
    check_model(PREDICTING)
    check_model(PREDICTING.draft)


def test_training_runs_and_holds_one_more_layer():
    """If it fails, what DeepSeek-V3 was trained with is free: a layer, a matrix 2h x h, 3 norms, the head again."""
    more, plain = (model.lower(2, 8) for model in (PREDICTING, PLAIN))
    held = [sum(block.count * block.parameters for block in lowered.layers) for lowered in (more, plain)]
    assert held[0] - held[1] == LAYER + 2 * H * H + 3 * H
    attention = 4 * 16 * 8 * H
    assert more.flops - plain.flops == 2 * 16 * (LAYER - 2 * H + 2 * H * H + V * H) + attention
    assert PREDICTING.parameters_by_part() == PLAIN.parameters_by_part()


def test_what_joins_and_what_guesses_by_hand():
    """If it fails, ranks share a matrix that each holds whole, or logits and states are not kept as they are made."""
    *_, block = PREDICTING.lower(2, 8).layers
    found = {operator.name: operator for operator in block.operators}
    joining, head, loss = (found[name] for name in ("joining projection", "output embedding", "loss"))
    assert (joining.flops, joining.weights) == (2 * 16 * 2 * H * H, 2 * H * H)
    assert (joining.max_ways, joining.inputs[0].elements) == (1, 2 * 16 * H)
    assert (joining.gemm.m, joining.gemm.n, joining.gemm.k) == (16, H, 2 * H)
    assert (head.flops, head.weights, head.inputs[0].elements) == (2 * 16 * V * H, V * H, 16 * H)
    assert (head.gemm.m, head.gemm.n, head.gemm.k) == (16, V, H)
    assert (loss.moved, loss.inputs[0].elements) == (2 * 16 * V, 16 * V)
    norms = ("norm of states", "norm of the next embedding", "norm before the head")
    assert [found[name].inputs[0].elements for name in norms] == [16 * H] * 3
    assert (block.parameters, block.shared_parameters) == (LAYER + 2 * H * H + 3 * H, V * H)


@pytest.mark.parametrize("phase", [Phase.PREFILL, Phase.DECODE])
def test_serving_runs_none_of_it(phase):
    """If it fails, a server pays for layers that engines leave out."""
    more, plain = (model.lower(2, 8, phase=phase) for model in (PREDICTING, PLAIN))
    assert more.flops == plain.flops
    assert len(more.layers) == len(plain.layers)


def test_a_draft_is_one_layer_with_the_tables_of_the_model():
    """If it fails, tables are held twice, or the draft is as large as the model."""
    draft = PREDICTING.draft
    assert draft.layers == 1
    assert sum(draft.parameters_by_part().values()) == LAYER + 2 * H * H + 3 * H
    assert PLAIN.draft is None


def test_a_run_takes_longer_and_more_memory():
    """If it fails, the layer is lowered and not priced."""
    options = {**PLAN, "gpus": 8, "dp": 8, "tokens": 1e9, "seq_len": 512, "micro_batch": 1, "recompute": "none"}
    more, plain = (train(model=model, **options, gradient_accumulation=4) for model in (PREDICTING, PLAIN))
    assert more.iteration_seconds > plain.iteration_seconds
    assert more.memory_breakdown["weights"] > plain.memory_breakdown["weights"]


def test_speculation_by_a_models_own_layer():
    """If it fails, decoding with multi-token prediction is priced as free, or as with a model of its own."""
    loaded = {**PLAN, "model": "deepseek-v3", "gpu": "h200-sxm-141gb", "dtype": "fp8", "tp": 8, "dp": 2, "rate": 0.5}
    loaded |= {"requests": 0, "speculative_tokens": 1, "acceptance_rate": 0.8}
    own, free, whole = (infer(**loaded, draft_model=draft) for draft in ("mtp", None, "llama-7b"))
    assert free.next_token_seconds < own.next_token_seconds < whole.next_token_seconds
    assert own.server.speculation.draft.model.name == "deepseek-v3-mtp"
    # a layer with 256 experts, 11.3 billion parameters, and what joins states and embedding
    draft = sum(registry().models["deepseek-v3"].draft.parameters_by_part().values())
    assert draft == pytest.approx(11.6e9, rel=0.02)


def test_a_model_without_such_layers_says_so():
    """If it fails, a model drafts with what it has not got."""
    with pytest.raises(BadInputError, match="draft-model: mtp: llama-7b has no layers for multi-token prediction"):
        infer(
            model="llama-7b", **PLAN, rate=1, requests=0, speculative_tokens=2, acceptance_rate=0.5, draft_model="mtp"
        )
