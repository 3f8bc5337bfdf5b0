"""What ``megatron`` refuses, and what it says against a layout or a run."""

import pytest
from attrs import evolve
from megatron_plans import FP8, FP16, GPU, GROUPED, LATENT, MEGATRON, PLAIN, SHARING, SPARSE, plan
from serving_plans import serving

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.records import Efficiency, Recompute, Tuning
from llmplan_parallelism_megatron.rules.common import routed_experts
from llmplan_parallelism_megatron.rules.training import check, remarks
from llmplan_parallelism_megatron.training.schedules import ZERO_BUBBLE

ISLAND = evolve(GPU, name="island", scale_out_bytes_per_second=None, host_bytes_per_second=None)
"""No link leaves its scale-up domain of 8."""
TWELVE = evolve(PLAIN, name="twelve", heads=12, kv_heads=6, layers=10)


# Refusals

REFUSED = [
    (plan(tp=3), "tp: 3 does not divide the 8 heads of plain; 2 or 4 would"),
    (plan(tp=16), "tp: 16 does not divide the 8 heads of plain; 8 would"),
    (plan(TWELVE, tp=8), "tp: 8 does not divide the 12 heads of twelve; 6 or 12 would"),
    (plan(TWELVE, tp=4), "tp: 4 does not divide the 6 KV heads of twelve; 3 or 6 would"),
    (
        plan(tp=8, sequence_parallel=True, seq_len=1020),
        "tp: 8 with sequence parallelism does not divide the 1020 tokens of a rank's sequence; ",
    ),
    (
        plan(tp=4, cp=2, sequence_parallel=True, seq_len=1020),
        "tp: 4 with sequence parallelism does not divide the 510 tokens of a rank's sequence; ",
    ),
    (plan(cp=2, seq_len=1022), "cp: 2 cuts a sequence into 4 pieces, and seq-len is 1022; 1020 or 1024 would do"),
    (plan(cp=8, seq_len=8), "cp: 8 cuts a sequence into 16 pieces, and seq-len is 8; 16 would do"),
    (
        plan(cp=2, seq_len=1023, framework=SHARING),
        "cp: 2 cuts a sequence into 2 pieces, and seq-len is 1023; 1022 or 1024 would do",
    ),
    (plan(ep=2, dp=2), "ep: 2 divides routed experts, and plain has none; 1 would do"),
    (plan(SPARSE, ep=3, dp=3), "ep: 3 does not divide the 8 routed experts of sparse; 2 or 4 would"),
    (plan(SPARSE, ep=16, dp=16), "ep: 16 does not divide the 8 routed experts of sparse; 8 would"),
    (plan(SPARSE, ep=4, dp=2), "ep: 4 does not divide dp 2 x cp 1 = 2, the ranks that share experts; 2 would"),
    (
        plan(SPARSE, ep=8, dp=2, tp=2, sequence_parallel=True, settings={"expert_tp": 1}),
        "ep: 8 does not divide dp 2 x cp 1 x tp 2 / expert-tp 1 = 4, the ranks that share experts; 4 would",
    ),
    (plan(SPARSE, tp=2, settings={"expert_tp": 4}), "expert-tp: 4 does not divide tp 2; 2 would"),
    (plan(SPARSE, ep=4, dp=3, cp=2), "ep: 4 does not divide dp 3 x cp 2 = 6, the ranks that share experts; 2 would"),
    (plan(vpp=2), "vpp: 2 divides the stages of a pipeline, and pp is 1; 1 would do"),
    (
        plan(vpp=5, pp=2, gradient_accumulation=2),
        "vpp: 5 x pp 2 = 10 is more than the 8 layers of plain; at most 4 would do",
    ),
    (
        plan(vpp=2, pp=4, gradient_accumulation=6),
        "vpp: 2 takes micro-batches in rounds of pp 4, and gradient-accumulation is 6; 4 or 8 would do",
    ),
    (
        plan(vpp=2, pp=4, gradient_accumulation=3),
        "vpp: 2 takes micro-batches in rounds of pp 4, and gradient-accumulation is 3; 4 would do",
    ),
    (
        plan(vpp=2, pp=2, gradient_accumulation=2, schedule=ZERO_BUBBLE),
        "vpp: 2 with schedule zero-bubble, which has one chunk a stage; 1 would do",
    ),
    (plan(evolve(PLAIN, heads=16, kv_heads=16), tp=16, hardware=ISLAND), "tp: 16 leaves the scale-up domain of island"),
    (plan(tp=2, cp=8, hardware=ISLAND), "cp: 8 leaves the scale-up domain of island, 8, and its record holds no link"),
    (plan(SPARSE, tp=2, ep=8, dp=8, hardware=ISLAND), "ep: 8 leaves the scale-up domain of island"),
    (plan(dp=16, hardware=ISLAND), "dp: 16 leaves the scale-up domain of island"),
    (plan(tp=8, dp=2, hardware=ISLAND), "dp: 2 leaves the scale-up domain of island"),
    (plan(tp=8, pp=2, hardware=ISLAND), "pp: 2 leaves the scale-up domain of island"),
    (
        plan(offload_optimizer=True, hardware=ISLAND),
        "offload: optimizer needs a link to the host, and the record of island has none",
    ),
    (plan(offload_activations=True, hardware=ISLAND), "offload: activations needs a link to the host"),
    (plan(offload_optimizer=True, offload_activations=True, hardware=ISLAND), "offload: all needs a link to the host"),
]
TAKEN = [
    plan(tp=8),
    plan(GROUPED, tp=8),
    plan(GROUPED, tp=2),
    plan(LATENT, tp=8),
    plan(TWELVE, tp=3),
    plan(TWELVE, tp=12, hardware=evolve(GPU, scale_up_domain=16)),
    plan(tp=8, sequence_parallel=True, seq_len=1024),
    plan(tp=8, seq_len=1020),
    plan(cp=2, seq_len=1024),
    plan(cp=2, seq_len=1022, framework=SHARING),
    plan(seq_len=1023),
    plan(SPARSE, ep=8, dp=8),
    plan(SPARSE, ep=4, dp=2, cp=2),
    plan(vpp=4, pp=2, gradient_accumulation=4),
    plan(pp=4, gradient_accumulation=6),
    plan(tp=8, hardware=ISLAND),
    plan(tp=2, pp=2, dp=2, hardware=ISLAND),
    plan(offload_optimizer=True, offload_activations=True),
    plan(pp=2, schedule=ZERO_BUBBLE),
]


@pytest.mark.parametrize(("refused", "message"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_run_is_refused_with_what_would_do(refused, message):
    """If it fails, a layout that no program can run is priced, or the message does not say what would do."""
    with pytest.raises(BadInputError) as caught:
        check(refused)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("taken", TAKEN)
def test_what_can_run_is_priced_without_a_word(taken):
    """If it fails, a run that people train is refused, or the planner avoids it."""
    assert check(taken) == ()
    assert MEGATRON.train(taken).iteration_seconds > 0


def test_what_a_message_says_would_do_does():
    """If it fails, the way out that a message names is refused in its turn."""
    for changes in ({"tp": 2}, {"tp": 4}, {"cp": 2, "seq_len": 1020}, {"cp": 2, "seq_len": 1024}):
        assert check(plan(**changes)) == ()
    for tp in (6, 12):
        check(plan(TWELVE, tp=tp))
    for micro_batches in (4, 8):
        assert check(plan(vpp=2, pp=4, gradient_accumulation=micro_batches)) == ()


def test_experts_are_found_in_what_a_model_lowers_to():
    """If it fails, expert parallelism knows the experts of one kind of model record alone."""
    assert [routed_experts(model) for model in (PLAIN, GROUPED, SPARSE, LATENT)] == [0, 0, 8, 8]


# Words against a layout


@pytest.mark.parametrize(
    ("said_of", "words"),
    [
        (
            plan(evolve(PLAIN, heads=16, kv_heads=16), tp=16),
            "tp 16 leaves the scale-up domain of 8: its traffic is priced at 50 GB/s",
        ),
        (plan(tp=4, cp=4), "cp 4 with tp 4 leaves the scale-up domain of 8: its traffic is priced at 50 GB/s"),
        (plan(pp=3), "pp 3 does not divide the 8 layers of plain: stages hold 2 or 3 layers, priced at the slower"),
        (
            plan(pp=2, vpp=3, gradient_accumulation=2),
            "pp 2 x vpp 3 does not divide the 8 layers of plain: chunks hold 1 or 2 layers",
        ),
        (plan(SPARSE, tp=2, ep=2, settings={"expert_tp": 1}), "expert-tp: 1 below tp 2 deals tokens out to the ranks"),
        (plan(schedule=ZERO_BUBBLE), "schedule zero-bubble changes nothing with pp 1: there is no bubble to fill"),
        (plan(zero=2, pp=2, dp=2), "ZeRO 2 with pp 2: gradients stay whole for the iteration, as in ZeRO 1"),
        (plan(zero=3, pp=2, dp=2), "ZeRO 3 with pp 2: weights and gradients stay whole for the iteration"),
    ],
)
def test_what_speaks_against_a_layout_is_said(said_of, words):
    """If it fails, the planner chooses a layout that hardly anybody would, or its price goes unexplained."""
    (said,) = check(said_of)
    assert said.startswith(words)


def test_a_link_reached_by_an_mfu_has_no_rate():
    """If it fails, a rate is named that no figure rests on."""
    whole = evolve(plan(tp=4, cp=4), efficiency=Efficiency(mfu=0.4))
    assert check(whole) == ("cp 4 with tp 4 leaves the scale-up domain of 8",)


def test_groups_of_data_may_leave_the_domain():
    """If it fails, every cluster of more than eight GPUs is warned of."""
    assert check(plan(dp=64, zero=3)) == check(plan(SPARSE, dp=64, ep=8)) == check(plan(tp=8, pp=8)) == ()


# Remarks

FP4 = evolve(FP8, name="four", training="experimental")
INT8 = evolve(FP8, name="w8a8", training="hypothetical")


def test_a_plain_run_needs_no_remark():
    """If it fails, warnings are so many that nobody reads them."""
    for usual in (
        plan(),
        plan(SPARSE, settings={"expert_imbalance": 1.5}),
        plan(dtype=FP8),
        plan(tuning=Tuning.LORA, lora_rank=8),
    ):
        assert remarks(usual) == ()


@pytest.mark.parametrize(
    ("said_of", "words"),
    [
        (plan(dtype=FP4), "four in training is experimental: few runs are published"),
        (plan(dtype=INT8), "w8a8 in training: no published recipe trains so; the figures are hypothetical"),
        (plan(settings={"expert_imbalance": 1.5}), "expert-imbalance 1.5 changes nothing: plain has no routed experts"),
    ],
)
def test_what_the_reader_has_to_know_is_said(said_of, words):
    """If it fails, figures that nobody has measured look like the others, or an option is dropped without a word."""
    (said,) = remarks(said_of)
    assert said.startswith(words)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (serving(tp=3), "tp: 3 does not divide the 8 heads of .*; 2 or 4 would"),
        (serving(tp=16), "tp: 16 does not divide the 8 heads of grouped; 8 would"),
        (serving(SPARSE, ep=3, dp=3), "ep: 3 does not divide the 8 routed experts"),
        (serving(SPARSE, ep=4, dp=3), "ep: 4 does not share experts over dp 3 x tp 1 = 3 evenly; 1 would"),
        (serving(ep=2, dp=2), "ep: 2 divides routed experts, and .* has none; 1 would do"),
    ],
)
def test_inference_that_cannot_be_divided_is_refused(given, message):
    """If it fails, a layout that no engine can start is priced as if heads or experts came in parts."""
    with pytest.raises(BadInputError, match=message):
        MEGATRON.check(given)


@pytest.mark.parametrize(
    "sizes", [{"ep": 2, "dp": 4}, {"ep": 4, "dp": 4}, {"ep": 4, "dp": 2, "tp": 2}, {"ep": 8, "tp": 8}]
)
def test_experts_are_shared_over_replicas_and_then_over_tensor_parallel_ranks(sizes):
    """If it fails, data parallel attention with expert parallel MLPs, or experts inside a tp group, are refused."""
    assert not MEGATRON.check(serving(SPARSE, **sizes))


def test_what_speaks_against_a_layout_of_inference_is_said():
    """If it fails, a group that crosses the network, or a stage with more layers, passes for a good choice."""
    assert any("tp 8 leaves the scale-up domain" in line for line in MEGATRON.check(serving(tp=8, domain=4)))
    assert any("does not divide the" in line for line in MEGATRON.check(serving(pp=3)))
    assert any("3 batches are in flight" in line for line in MEGATRON.remarks(serving(pp=3)))


# In the planner


def chosen(**options):
    """The layout that the planner chooses."""
    given = {"dtype": FP16, "gpu": GPU, "cost_model": MEGATRON, "global_batch": 64, "seq_len": 1024, "tokens": 1e9}
    return train(**given | options).plan.layout


def test_refusals_steer_the_layout():
    """If it fails, the planner gives up at the first layout that cannot run, or chooses one of them."""
    seven = evolve(PLAIN, name="seven", heads=7, kv_heads=7, head_dim=64)
    assert chosen(model=seven, gpus=8).tp == 1
    assert chosen(model=SPARSE, gpus=16, ep=8).ep == 8
    assert chosen(model=PLAIN, gpus=8, gpu=ISLAND).gpus == 8
    with pytest.raises(BadInputError, match="leaves the scale-up domain of island"):
        chosen(model=PLAIN, gpus=16, gpu=ISLAND)


def test_words_steer_the_layout():
    """If it fails, a pipeline of uneven stages is chosen where an even one would do."""
    thirteen = evolve(PLAIN, name="thirteen", layers=13)
    tight = evolve(GPU, memory_bytes=1e8)
    for model, gpus in ((thirteen, 4), (PLAIN, 8)):
        layout = chosen(model=model, gpus=gpus, gpu=GPU, recompute=Recompute.FULL)
        assert model.layers % layout.pp == 0
    assert not train(
        model=thirteen, gpus=4, gpu=tight, dtype=FP16, cost_model=MEGATRON, seq_len=1024, tokens=1e9
    ).feasible
