"""What engines print about their memory, and what users found to fit, beside llmplan's figures."""

import pytest
from attrs import evolve
from serving_plans import IDEAL, serving

from llmplan import infer
from llmplan.errors import BadInputError
from llmplan_parallelism_megatron.model import Megatron
from llmplan_parallelism_megatron.validation.engine_memory import FITS, printed

MEGATRON = Megatron()
CASES = list(printed())
UNEXPLAINED = {"vllm#21348", "vllm#6746"}
"""Rooms and weights that are off by more, as the page of errors says."""


def of(figure):
    """The cases of a figure whose engine is explained."""
    return [one for one in CASES if one.figure == figure and one.reference not in UNEXPLAINED]


def named(case):
    """For the name of a test."""
    return f"{case.case}: {case.figure}"


@pytest.mark.parametrize("case", [one for one in CASES if one.figure == FITS], ids=named)
def test_what_ran_is_said_to_run_and_what_was_refused_not(case):
    """If it fails, a server that was booked does not start."""
    assert case.predicted() == case.value


@pytest.mark.parametrize("case", of("weights"), ids=named)
def test_weights_are_those_that_engines_print(case):
    """If it fails, a checkpoint is taken for larger or smaller than it is: within 1 %."""
    assert case.predicted() == pytest.approx(case.value, rel=0.01)


@pytest.mark.parametrize("case", [one for one in (*of("room"), *of("tokens")) if one.value > 0], ids=named)
def test_room_for_the_cache_is_what_engines_print(case):
    """If it fails, servers hold more or fewer sequences than llmplan says: within 3 %."""
    assert case.predicted() == pytest.approx(case.value, rel=0.03)


def test_a_warm_up_holds_the_larger_of_a_step_and_of_sampling():
    """By hand: 1,000 sequences by 512 logits by 10 bytes beside what layers hold, which are gone by then."""
    plain = MEGATRON.infer(serving()).memory_breakdown
    warmed = evolve(IDEAL, warm_up_bytes=10.0, max_sequences=1_000_000, step_tokens=64)
    held = MEGATRON.infer(serving(engine=warmed)).memory_breakdown
    vocabulary = serving().model.vocab
    assert held["activations"] > plain["activations"]
    assert held["activations"] + held["logits"] == pytest.approx(1_000_000 * vocabulary * 10.0)


def test_a_share_of_what_is_free_leaves_less_alone_than_one_of_the_device():
    """If it fails, TensorRT-LLM's fraction is taken for vLLM's."""
    device, free = (
        MEGATRON.infer(serving(engine=evolve(IDEAL, memory_share=0.5, share_of_free=of_free)))
        for of_free in (False, True)
    )
    whole = device.plan.hardware.memory_bytes
    assert device.memory_breakdown["kept_free"] == pytest.approx(0.5 * whole)
    others = sum(size for line, size in free.memory_breakdown.items() if line not in {"kept_free", "kv_cache"})
    assert free.memory_breakdown["kept_free"] == pytest.approx(0.5 * (whole - others))
    assert free.cache_bytes == pytest.approx(0.5 * (whole - others))


@pytest.mark.parametrize("share", [0.5, 0.55, 0.6, 0.7])
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_a_batch_that_fits_is_never_more_than_the_largest(share, batch):
    """If it fails, a plan near the limit fits, and the largest batch is said to be 0."""
    for warm_up in (0.0, 10.0):
        engine = evolve(IDEAL, memory_share=share, warm_up_bytes=warm_up)
        estimate = MEGATRON.infer(serving(engine=engine, batch=batch, prompt_tokens=2000))
        assert not estimate.feasible or estimate.max_batch_size >= batch


def test_settings_of_an_engine_count_without_a_load():
    """If it fails, --max-sequences or --memory-utilization mean nothing beside a static batch."""
    asked = {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "gpus": 1, "dtype": "bf16", "engine": "vllm"}
    usual = infer(**asked)
    assert infer(**asked, max_sequences=128).cache_bytes > usual.cache_bytes
    assert infer(**asked, memory_utilization=0.95).cache_bytes - usual.cache_bytes == pytest.approx(
        0.05 * (usual.plan.hardware.memory_bytes - usual.plan.hardware.reserved_bytes), rel=0.2
    )
    assert infer(**asked, step_tokens=2048).plan.engine.step_tokens == 2048


def test_the_longest_sequence_has_to_fit_for_an_engine_to_start():
    """If it fails, nobody is told why vLLM does not start with a model's own context."""
    asked = {"model": "llama-3.1-8b", "gpu": "l4", "gpus": 1, "dtype": "bf16", "engine": "vllm"}
    refused = infer(**asked)
    assert any("max-model-len" in words for words in refused.warnings)
    shorter = infer(**asked, max_model_len=int(refused.cache_tokens) // 16 * 16)
    assert not any("max-model-len" in words for words in shorter.warnings)
    with pytest.raises(BadInputError, match="max-model-len: 100 is less than prompt-tokens"):
        infer(**asked, max_model_len=100, prompt_tokens=512)


HOST = {"model": "mixtral-8x7b", "gpu": "rtx-4090", "gpus": 1, "dtype": "gguf-q4-k-m", "engine": "llama.cpp"}


@pytest.mark.parametrize(("what", "line"), [("weights", "weights"), ("experts", "weights"), ("kv", "kv_cache")])
def test_what_waits_in_host_memory_leaves_the_device_and_comes_over_the_link(what, line):
    """If it fails, offloading frees no memory, loses bytes, or costs nothing."""
    here, away = infer(**HOST), infer(**HOST, offload=what)
    assert here.memory_breakdown[line] - away.memory_breakdown[line] == pytest.approx(away.host_bytes_per_gpu)
    assert away.next_token_seconds > here.next_token_seconds
    assert here.host_bytes_per_gpu is None


def test_weights_over_the_link_bind_a_step_of_decoding():
    """By hand: every weight of a dense model crosses the host link once a step, or is multiplied where it is."""
    asked = {"model": "llama-3.1-8b", "gpu": "rtx-4090", "gpus": 1, "dtype": "fp16", "offload": "weights"}
    sent, left = infer(**asked, engine="transformers"), infer(**asked, engine="llama.cpp", host_bandwidth=60)
    assert sent.decode_bounds["weights"] == pytest.approx(sent.host_bytes_per_gpu / 32e9, rel=0.08)
    assert left.decode_bounds["weights"] == pytest.approx(left.host_bytes_per_gpu / 60e9, rel=0.08)


def test_engines_that_leave_nothing_on_the_host_say_so():
    """If it fails, a plan is priced that nobody can run."""
    with pytest.raises(BadInputError, match="offload: tensorrt-llm does not leave weights in host memory"):
        infer(**{**HOST, "engine": "tensorrt-llm"}, offload="weights")
    with pytest.raises(BadInputError, match="the cost model roofline prices nothing in host memory"):
        infer(**HOST, offload="weights", cost_model="roofline")
