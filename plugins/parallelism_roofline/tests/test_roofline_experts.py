"""Sparse models under ``roofline``: memory holds every expert, traffic counts those that a batch touches."""

from attrs import evolve

from llmplan import infer, train
from llmplan.records import Operator
from llmplan.testing import SAMPLE_DTYPE, SAMPLE_HARDWARE, check_cost_model
from llmplan_costing.sharding import rank_of
from llmplan_layers import LatentAttention, MixtureOfExperts, Transformer
from llmplan_parallelism_roofline.model import Roofline

TRANSFORMER = Transformer(
    name="sample", layers=4, hidden=256, heads=4, kv_heads=2, head_dim=64, ffn_hidden=999, gated_mlp=True, vocab=999
)
MOE = MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=4096)
SPARSE = evolve(TRANSFORMER, name="sparse", kv_heads=4, moe=MOE)
LATENT = evolve(
    SPARSE,
    name="latent",
    head_dim=96,
    mla=LatentAttention(kv_lora_rank=32, qk_nope_head_dim=64, qk_rope_head_dim=32, v_head_dim=64),
)
CHOSEN = {"gpu": SAMPLE_HARDWARE, "dtype": SAMPLE_DTYPE, "cost_model": Roofline(), "tp": 1, "pp": 1, "dp": 1}


def served(model, **changes):
    """Decoding where nothing but memory traffic counts."""
    gpu = evolve(SAMPLE_HARDWARE, peak_flops={"fp16": 1e30})
    workload = {"batch": 1, "prompt_tokens": 8, "output_tokens": 8, "flops_efficiency": 1.0, "hbm_efficiency": 1.0}
    return infer(model=model, **{**CHOSEN, **workload, "gpu": gpu, **changes})


def test_contract():
    """If it fails, a sparse model gets figures that are not finite or do not add up."""
    for model in (SPARSE, LATENT):
        check_cost_model(Roofline(), model)


def test_decoding_reads_the_experts_that_a_token_goes_to():
    """If it fails, a sparse model decodes as slowly as a dense one of all its parameters."""
    two = evolve(SPARSE, moe=evolve(MOE, n_routed_experts=2))
    few, many = (served(model) for model in (two, SPARSE))
    router = 4 * 256 * (8 - 2) * 2 / SAMPLE_HARDWARE.memory_bytes_per_second
    seconds = [estimate.decode_breakdown["mlp"] for estimate in (few, many)]
    assert abs(seconds[1] - seconds[0] - router) < 1e-9 * seconds[0]


def test_memory_holds_every_expert():
    """If it fails, a sparse model seems to fit where it does not."""
    parameters = sum(SPARSE.parameters_by_part().values())
    assert served(SPARSE).memory_breakdown["weights"] == 2 * parameters
    weights = train(model=SPARSE, **CHOSEN, tokens=1e9, seq_len=64, micro_batch=1, gradient_accumulation=1)
    assert weights.memory_breakdown["weights"] == 2 * parameters


def test_a_rank_reads_its_share():
    """If it fails, tensor parallelism divides what an operator holds and not what it reads."""
    lowered = SPARSE.lower(1, 1)
    layout = served(SPARSE, tp=4).plan.layout
    whole, share = (
        next(one for one in model.layers[0].operators if one.weights_read is not None)
        for model in (lowered, rank_of(lowered, layout))
    )
    assert (share.weights, share.weights_read) == (whole.weights / 4, whole.weights_read / 4)
    assert Operator("plain", "mlp").weights_read is None


def test_every_rank_holds_the_latents():
    """If it fails, tensor parallelism seems to divide a cache that every rank needs all of."""
    alone, four = (served(LATENT, tp=tp).memory_breakdown["kv_cache"] for tp in (1, 4))
    assert alone == four == 2 * 4 * 16 * (32 + 32)
