"""What kernels of an engine reach on an accelerator, and how wide their operands are."""

from math import inf

import pytest
from attrs import evolve
from megatron_plans import CURVES, FP16, GPU, GROUPED
from round_kernels import NARROW
from serving_plans import IDEAL, KERNELS, SERVING, serving

from llmplan.records import Cluster, Level
from llmplan_parallelism_megatron.serving.reached import serving_kernels

RATES = evolve(IDEAL, gemm_rate=0.5, memory_rate=0.25, launch_share=3.0)


def kernels(engine=IDEAL, dtype=FP16, curves=KERNELS, gpu=GPU, **changes):
    """Of a plan on that accelerator."""
    plan = serving(GROUPED, curves=curves, engine=engine, **changes)
    return serving_kernels(evolve(plan, hardware=gpu, dtype=dtype, gemm=dtype.gemm_format(gpu)))


def test_an_engine_reaches_its_share_of_everything():
    """Rates would be divided by, launches overlap the wrong way, or a cache come in as slowly as other memory."""
    of = kernels(RATES)
    assert (of.dense.flops, of.head.flops, of.attention_flops) == (5e13, 5e13, 1e14)
    assert of.dense.curve.launch_seconds == of.head.curve.launch_seconds == 9e-6
    assert of.prefill.launch_seconds == pytest.approx(27e-6)
    assert of.decode.launch_seconds == pytest.approx(24e-6)
    assert of.launch_seconds == pytest.approx(12e-6)
    assert of.memory_bytes_per_second == of.cache_bytes_per_second == 5e11
    assert of.bytes_per_second == of.dense.bytes_per_second == of.head.bytes_per_second == 5e11 * 0.85
    assert (of.stream_bytes, of.cache_bytes) == (2, 2)
    assert kernels(kv_bits=4).cache_bytes == 0.5
    assert of.all_reduce is SERVING.all_reduce
    assert kernels(evolve(IDEAL, custom_all_reduce=False)).all_reduce is None


@pytest.mark.parametrize(
    ("name", "bits", "operand", "widening"),
    [
        ("fp8", 8, 1, 0),
        ("fp8", 4, 1, 4e-6),
        ("int8", 7, 1, 2e-6),
        ("int8", 6, 1, 4e-6),
        ("int4", 4, 0.5, 0),
        ("fp4", 4, 0.5, 0),
        ("fp16", 8, 2, 2e-6),
        ("tf32", 16, 4, 0),
        ("fp32", 8, 4, 2e-6),
    ],
)
def test_operands_are_as_wide_as_the_format_and_narrower_weights_are_widened(name, bits, operand, widening):
    """Activations would go in as wide as weights, or weights that fit their format be widened."""
    gpu = evolve(GPU, peak_flops={"fp16": 1e14, name: 1e14})
    dtype = evolve(FP16, weight_bits=bits, activation_bits=32, gemm_formats=((name,),))
    shape = {name: CURVES.gemm["fp16"], "fp16": CURVES.gemm["fp16"]}
    dense = kernels(dtype=dtype, gpu=gpu, curves=evolve(KERNELS, gemm=shape)).dense
    assert (dense.weight_bytes, dense.operand_bytes) == (bits / 8, operand)
    assert dense.curve.launch_seconds == pytest.approx(3e-6 + widening)


def test_scales_belong_to_the_weights_of_the_dtype():
    """Experts of other bits would have scales that nobody said, or weights none."""
    dtype = evolve(FP16, weight_bits=8, scale_bits=0.5, expert_bits=4, embedding_bits=8)
    of = kernels(dtype=dtype)
    assert (of.dense.weight_bytes, of.experts.weight_bytes, of.head.weight_bytes) == (8.5 / 8, 0.5, 1)
    assert of.attention is of.dense
    assert kernels(dtype=evolve(dtype, attention_bits=16)).attention.weight_bytes == 2


def test_sums_in_16_bits_are_faster_where_the_accelerator_says_so():
    """Additions in FP16 would slow a multiplication down, or speed up other formats."""
    fast = evolve(GPU, fp16_sum_rate=2.0)
    engine = evolve(IDEAL, sums_in_16_bits=True)
    assert kernels(engine, gpu=fast).dense.flops == 2e14
    assert kernels(engine).dense.flops == kernels(gpu=fast).dense.flops == 1e14
    eight = evolve(FP16, weight_bits=8, gemm_formats=(("fp8",),))
    assert kernels(engine, dtype=eight, gpu=fast).dense.flops == 2e14  # its own peak


@pytest.mark.parametrize(("bits", "rows", "beyond"), [(4, 32, 32), (16, 32, inf), (4, 0, inf)])
def test_narrow_weights_are_widened_beyond_some_rows(bits, rows, beyond):
    """Weights of 16 bits would be written out in 16 bits first."""
    dtype = evolve(FP16, weight_bits=bits)
    assert kernels(evolve(IDEAL, widened_rows=rows), dtype=dtype).dense.widened_rows == beyond


def test_cores_and_clocks():
    """Heads would be read by no core, or a clock that nobody states be another one."""
    timed = evolve(GPU, sm_count=100, clock_hertz=2e9)
    engine = evolve(IDEAL, cycle_elements=3.0, cache_token_cycles=256.0)
    of = kernels(engine, gpu=timed)
    assert (of.elements_per_second, of.key_seconds) == (3 * 100 * 2e9, pytest.approx(256 / 128 / 2e9))
    for unknown in (GPU, evolve(timed, sm_count=None), evolve(timed, clock_hertz=None)):
        assert kernels(engine, gpu=unknown).elements_per_second == inf
    assert kernels(engine).key_seconds == pytest.approx(256 / 128 / 1.5e9, rel=1e-12, abs=0.0)
    assert kernels().key_seconds == 0


@pytest.mark.parametrize(
    ("dynamic", "fuses", "half_n", "launch"),
    [(False, True, 96, 3e-6), (True, True, 128, 5e-6), (False, False, 128, 5e-6)],
)
def test_quantisation_is_part_of_other_kernels_where_scales_are_known(dynamic, fuses, half_n, launch):
    """Multiplications in 8 bits would pay for scales that are known before, or have them for nothing."""
    dtype = evolve(FP16, weight_bits=8, gemm_formats=(("fp8",),), dynamic_scales=dynamic)
    curve = kernels(evolve(IDEAL, fuses_quantisation=fuses), dtype=dtype).dense.curve
    assert (curve.half_n, curve.launch_seconds) == (half_n, pytest.approx(launch))
    assert curve.half_k == 256


def test_attention_without_timings_of_servers():
    """An accelerator whose serving nobody timed would have no attention, or that of another generation."""
    bare = kernels(curves=CURVES)
    assert (bare.decode.plateau, bare.decode.launch_seconds) == (0.85, 0)
    assert bare.prefill.plateau == 0.7  # the newest
    assert bare.all_reduce is None
    assert kernels(evolve(IDEAL, attention="flash-2"), curves=CURVES).prefill.plateau == 0.5
    assert kernels(evolve(IDEAL, attention="flash-2")).prefill.plateau == 0.5
    assert kernels(evolve(IDEAL, attention="paged")).prefill.plateau == 0.6
    assert kernels(evolve(IDEAL, attention="paged"), curves=CURVES).prefill.plateau == 0.7


def test_no_engine_keeps_its_stream_in_fewer_than_16_bits():
    """Norms would move half of what they do, or a kernel that nobody timed take a second to widen weights."""
    streams = [kernels(dtype=evolve(FP16, activation_bits=bits)).stream_bytes for bits in (8, 16, 32)]
    assert streams == [2, 2, 4]
    untimed = evolve(KERNELS, serving=evolve(SERVING, widening_seconds={}))
    assert kernels(dtype=evolve(FP16, weight_bits=4), curves=untimed).dense.curve.launch_seconds == 3e-6


def test_what_waits_in_host_memory_comes_over_the_link():
    """Weights would come in faster than the link, or what stays on the device come over it."""
    link = 6e10
    some = kernels(evolve(IDEAL, offloads=("experts",)), offload="experts")
    assert (some.experts.bytes_per_second, some.dense.bytes_per_second) == (link, 2e12 * 0.85)
    every = kernels(evolve(IDEAL, offloads=("weights",)), offload="weights")
    held = (every.experts, every.dense, every.attention, every.head)
    assert {one.bytes_per_second for one in held} == {link}
    assert {one.host_bytes_per_second for one in held} == {0}
    cache = kernels(evolve(IDEAL, offloads=("kv",)), offload="kv")
    assert (cache.cache_bytes_per_second, cache.dense.bytes_per_second) == (link, 2e12 * 0.85)


@pytest.mark.parametrize(("node", "gigabytes"), [(8, 25), (3, 25), (2, 22.5), (1, 45)])
def test_a_host_multiplies_at_its_memorys_speed(node, gigabytes):
    """A server's memory would be taken for a desktop's, or each accelerator have all of it."""
    engine = evolve(IDEAL, offloads=("weights",), host_rows=32)
    levels = (Level(size=node, bytes_per_second=3e11), Level(bytes_per_second=5e10))
    gpu = evolve(GPU, cluster=Cluster(levels=levels, host_bytes_per_second=6e10))
    assert kernels(engine, gpu=gpu, offload="weights").dense.host_bytes_per_second == gigabytes * 1e9
    assert NARROW.host_bytes_per_second == 0  # what does not wait there is not multiplied there
    given = {"offload": "weights", "settings": {"host_bandwidth": 100.0}}
    assert kernels(engine, gpu=gpu, **given).dense.host_bytes_per_second == 1e11
