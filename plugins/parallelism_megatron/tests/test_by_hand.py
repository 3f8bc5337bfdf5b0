"""Terms that show in few plans, each by hand: mutants of their formulas would pass all other tests."""

import pytest
from attrs import evolve
from megatron_plans import CURVES, GPU, IDEAL, LATENT, OPERATIONS, PLAIN, SPARSE, flat, plan, price

from llmplan.records import CollectiveCurve, Efficiency, Layout, Recompute, Scores, Tuning
from llmplan.testing import SAMPLE_MODEL
from llmplan_parallelism_megatron.kernels.attention import fused_seconds, is_fused, unfused_seconds
from llmplan_parallelism_megatron.kernels.reached import curves_of, training_kernels
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Group
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import balanced, ends_as_layers
from llmplan_parallelism_megatron.training.adapters import (
    adapter_seconds,
    beside_adapter_seconds,
    widening_seconds,
)

HBM = 2e12 * 0.85
LAUNCH = 4e-6


@pytest.mark.parametrize("dropout", [False, True])
def test_unfused_attention_is_bound_by_its_scores_or_by_its_products(dropout):
    """Scores would be moved for nothing on the way back, or their products be free."""
    kernels = training_kernels(plan(framework=evolve(IDEAL, attention="unfused", dropout=dropout)))
    scores, elements = Scores(1024, 64, 0.5), 8.0 * 1024**2
    launches = (3 + dropout) * LAUNCH
    assert unfused_seconds(1.0, elements, scores, kernels) == (
        pytest.approx(launches + elements * (8 + 5 * dropout) / HBM),
        pytest.approx(2 * launches + elements * (14 + 5 * dropout) / HBM),
    )
    rate = 1e14 * 0.9 * 0.8 * (1024 / (1024 + 64)) * (64 / (64 + 160))
    assert unfused_seconds(1e15, elements, scores, kernels) == (
        pytest.approx(launches + 1e15 / rate),
        pytest.approx(2 * launches + 2e15 / rate),
    )


def test_the_first_generation_of_fused_attention_is_half_as_fast():
    """FlashAttention 1 would be priced as 2."""
    seconds = []
    for word in ("flash-1", "flash-2"):
        kernels = training_kernels(plan(curves=flat(), framework=evolve(IDEAL, attention=word)))
        seconds.append(fused_seconds(1e12, Scores(1024, 64, 0.5), kernels))
    (old, old_back), (new, new_back) = seconds
    assert (old, old_back) == (pytest.approx(2 * new), pytest.approx(2 * new_back))
    assert new == pytest.approx(1e12 / 1e14)
    assert new_back == pytest.approx(2.5 * new)


@pytest.mark.parametrize(
    ("word", "sinks", "fused"),
    [("flash-2", False, True), ("flash-2", True, False), ("flash-3", True, True), ("unfused", False, False)],
)
def test_a_kernel_without_sinks_is_not_used_for_them(word, sinks, fused):
    """A model with sinks would be priced with a kernel that cannot run it."""
    model = evolve(PLAIN, attention_sinks=sinks)
    assert is_fused(plan(model, framework=evolve(IDEAL, attention=word))) is fused


@pytest.mark.parametrize(
    ("model", "architecture", "fused"),
    [(LATENT, "blackwell", False), (LATENT, "hopper", True), (PLAIN, "blackwell", True)],
)
def test_attention_over_latents_is_unfused_where_no_kernel_has_its_widths(model, architecture, fused):
    """Keys wider than values would be priced with a kernel that the library of that time lacks, or all attention be."""
    framework = evolve(IDEAL, latents_unfused_on=("blackwell",))
    assert is_fused(plan(model, framework=framework, hardware=evolve(GPU, architecture=architecture))) is fused


def test_a_model_that_says_nothing_of_sinks_has_none():
    """Models of other packages would lose their fused kernel."""
    assert is_fused(plan(SAMPLE_MODEL, framework=evolve(IDEAL, attention="flash-2")))


def test_a_stated_efficiency_takes_the_place_of_its_curves_alone():
    """`--efficiency-hbm` would do nothing, or make everything flat."""
    assert curves_of(Efficiency(curves=CURVES), "fp16") is CURVES
    stated = curves_of(Efficiency(hbm=0.5, curves=CURVES, stated=("hbm",)), "fp16")
    assert stated.hbm == 0.5
    assert (stated.gemm, stated.network) == (CURVES.gemm, CURVES.network)


def test_a_domain_of_many_may_be_used_as_several_small_ones():
    """A ring around sixteen would be priced though two of eight and the network between them are faster."""
    slow_rings = CollectiveCurve(plateau=1.0, half_ranks=100.0)
    hardware = evolve(GPU, scale_up_domain=16, scale_out_bytes_per_second=2e11)
    of = training_kernels(plan(curves=flat(collectives=dict.fromkeys(OPERATIONS, slow_rings)), hardware=hardware))
    ring_of = {n: 1e9 * (n - 1) / n / (3e11 * n / (n + 100)) for n in (8, 16)}
    between = 1e9 / 8 / 2 / 2e11
    assert collectives.all_gather_seconds(1e9, Group(16, 1), of) == pytest.approx(
        min(ring_of[16], max(ring_of[8], between))
    )
    steps = evolve(slow_rings, half_ranks=0.0, step_seconds=1e-3)
    of = training_kernels(plan(curves=flat(collectives=dict.fromkeys(OPERATIONS, steps)), hardware=hardware))
    assert collectives.all_gather_seconds(1e3, Group(16, 1), of) == pytest.approx(7e-3 + 875 / 3e11)


def test_ranks_that_share_no_domain_pay_nothing_inside_one():
    """A group that only crosses the network would wait for launches of links that it does not use."""
    slow = dict.fromkeys(OPERATIONS, CollectiveCurve(plateau=1.0, launch_seconds=1.0))
    of = training_kernels(plan(curves=flat(collectives=slow)))
    assert collectives.all_gather_seconds(1e9, Group(4, 8), of) == pytest.approx(1e9 * 3 / 4 / 5e10)
    assert collectives.all_gather_seconds(1e9, Group(4, 1), of) > 1


def lora(**changes):
    """A rank of a run with adapters, the multiplication of its output projection, and what shares its input."""
    rank = Rank.of(plan(**{"curves": flat(), "tuning": Tuning.LORA, "lora_rank": 8, **changes}))
    (operator,) = [one for one in rank.model.layers[0].operators if one.name == "output projection"]
    return rank, operator.gemm, [operator]


def test_adapters_are_two_thin_multiplications():
    """Adapters would be free, or paid for where there are none."""
    fast = evolve(GPU, memory_bytes_per_second=1e30)
    rank, gemm, operators = lora(hardware=fast)
    assert adapter_seconds(operators, gemm, rank) == pytest.approx(2 * 1024 * 8 * (512 + 512) / 1e14)
    rank, gemm, operators = lora(hardware=fast, lora_targets=("mlp",))
    assert adapter_seconds(operators, gemm, rank) == 0
    assert beside_adapter_seconds(operators, gemm, rank) == 0


def test_frozen_4_bit_weights_are_widened_before_each_multiplication():
    """QLoRA would multiply by 4 bits for nothing, or LoRA pay for it."""
    doubled = evolve(IDEAL, widened_copies=2.0)
    rank, gemm, _ = lora(tuning=Tuning.QLORA, framework=doubled)
    assert widening_seconds(gemm, rank) == pytest.approx(512 * 512 * (4.127 / 8 + 2 * 2) / 2e12)
    assert widening_seconds(*reversed(lora(framework=doubled)[:2])) == 0


WEIGHTS = sum(PLAIN.parameters_by_part().values())


def test_context_parallel_ranks_reduce_gradients_too():
    """As many context as data parallel ranks would have no traffic, though all of them hold the same weights."""
    seconds = price(PLAIN, curves=flat(), dp=2, cp=2).time_breakdown["dp_comm"]
    assert seconds == pytest.approx(2 * 4 * WEIGHTS * 3 / 4 / 3e11)


@pytest.mark.parametrize("zero", [0, 1])
def test_data_parallel_traffic_reaches_its_own_share_of_the_link(zero):
    """Small buckets would make gradients or weights faster, or change nothing."""
    slow = evolve(IDEAL, data_bandwidth=0.5)
    whole, halved = (
        price(PLAIN, curves=flat(), framework=one, dp=4, zero=zero).time_breakdown["dp_comm"] for one in (IDEAL, slow)
    )
    assert halved == pytest.approx(2 * whole)


def test_weights_are_gathered_behind_the_forward_pass_of_one_micro_batch():
    """Gathering would hide behind nothing, or behind passes that need the weights already."""
    hiding = evolve(IDEAL, data_overlap=0.5)
    far = {"hardware": evolve(GPU, scale_up_bytes_per_second=1e9), "dp": 2, "zero": 1, "gradient_accumulation": 4}
    shown, hidden = (price(PLAIN, framework=framework, **far).time_breakdown for framework in (IDEAL, hiding))
    passes = (shown["forward"] + shown["backward"]) / 4
    assert shown["dp_comm"] - hidden["dp_comm"] == pytest.approx((1 - 0.189) * 0.5 * passes)


@pytest.mark.parametrize("model", [PLAIN, SPARSE])
def test_weights_of_4_bits_are_gathered_as_they_are_held(model):
    """QLoRA under ZeRO 3 would gather frozen weights in 16 bits, or the ends of the model in 4."""
    held = {"curves": flat(), "dp": 4, "zero": 3, "lora_rank": 8}
    wide, narrow = (
        price(model, tuning=tuning, **held).time_breakdown["dp_comm"] for tuning in (Tuning.LORA, Tuning.QLORA)
    )
    layers = sum(block.count * block.parameters for block in model.lower(1, 1024).layers)
    gathered = 2 * layers * (16 - 4.127) / 8 * 3 / 4 / 3e11  # before each of both passes
    assert wide - narrow == pytest.approx(gathered, rel=1e-3)


def test_a_host_launches_again_what_is_computed_again():
    """Full recomputation would cost a slow host nothing."""
    slow = evolve(IDEAL, host_seconds_per_layer=1.0)
    for recompute, passes in ((Recompute.NONE, 2), (Recompute.FULL, 3)):
        estimate = price(PLAIN, framework=slow, recompute=recompute)
        launching = estimate.iteration_seconds - estimate.time_breakdown["optimizer"]
        assert launching == pytest.approx(passes * PLAIN.layers, rel=1e-6)


def test_stages_side_by_side_in_a_domain_send_over_its_links():
    """Two stages of four ranks on eight accelerators would send over the network."""
    near = price(PLAIN, curves=flat(), tp=4, pp=2, sequence_parallel=True).time_breakdown["pp_comm"]
    assert near == pytest.approx(2 * 1024 * 512 * 2 / 4 / 3e11)
    far = price(PLAIN, curves=flat(), tp=8, pp=2, sequence_parallel=True).time_breakdown["pp_comm"]
    assert far == pytest.approx(2 * 1024 * 512 * 2 / 8 / 5e10)


@pytest.mark.parametrize(
    ("layers", "pp", "vpp", "as_layers"),
    [(126, 16, 1, 1), (70, 12, 1, 1), (4, 3, 1, 1), (22, 4, 2, 1), (12, 3, 1, 0), (71, 12, 1, 0), (5, 2, 1, 0)],
)
def test_ends_stand_for_layers_where_stages_come_out_even(layers, pp, vpp, as_layers):
    """Llama 3 405B's 126 layers on 16 stages would leave some with fewer, as no program deals them."""
    assert ends_as_layers(layers, Layout(gpus=pp, pp=pp, vpp=vpp)) == as_layers


def test_a_program_that_balances_gives_each_stage_its_part_of_all():
    """The ends of the model would weigh more than they do on every stage."""
    stage = balanced(PLAIN.lower(1, 1024), 4)
    assert (sum(stage.counts), stage.first, stage.last) == (2, 0.25, 0.25)
    assert stage.total([1.0] * len(stage.counts), 4.0, 8.0) == 5


def test_the_residual_stream_is_as_wide_whoever_holds_the_tokens():
    """Muon would orthogonalise matrices of another width under context parallelism."""
    assert [Rank.of(plan(PLAIN, cp=cp, dp=2, micro_batch=3)).width for cp in (1, 2, 4)] == [512, 512, 512]


def test_the_first_stage_reduces_its_gradients_last():
    """The traffic would be that of another stage, whose gradients are complete while the first still computes."""
    seconds = price(PLAIN, curves=flat(), dp=2, pp=2, gradient_accumulation=4).time_breakdown["dp_comm"]
    first = PLAIN.layers // 2 * PLAIN.lower(1, 1024).layers[0].parameters + PLAIN.vocab * PLAIN.hidden
    assert seconds == pytest.approx(2 * 4 * first / 2 / 3e11, rel=1e-9)


def test_gradients_are_read_added_to_and_written():
    """Accumulating gradients in 32 bits would move less than they are."""
    narrow, wide = (
        price(PLAIN, curves=flat(), hardware=evolve(GPU, memory_bytes_per_second=1e6), gradient_bits=bits)
        for bits in (16.0, 32.0)
    )
    matrices = PLAIN.layers * 12 * PLAIN.hidden**2
    more = wide.time_breakdown["backward"] - narrow.time_breakdown["backward"]
    assert more == pytest.approx(2 * 2 * matrices / 1e6, rel=0.1)
