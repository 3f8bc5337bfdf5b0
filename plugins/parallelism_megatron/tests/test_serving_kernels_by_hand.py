"""Kernels of serving one by one, in round numbers, and what each of them waits for."""

from attrs import evolve
from round_kernels import KERNELS, NARROW, engine, waited

from llmplan.records import Gemm, State
from llmplan_parallelism_megatron.serving import kernels as of

GEMM = Gemm(2.0, 5.0, 3.0, 1.0)


def test_a_multiplication_waits_for_memory_or_for_its_products():
    """Activations of narrow operands would move as wide ones, or both waits be added up."""
    # 15 weights of half a byte; two rows of three in a byte each, and of five out in two bytes
    assert waited(of.multiply(GEMM, 15.0, KERNELS, NARROW)) == {
        "weights": 15 * 0.5 / 4,
        "activations": 2 * (3 * 1 + 5 * 2) / 8,
        "launch": 11,
    }
    slow = evolve(NARROW, flops=1.0)
    assert waited(of.multiply(GEMM, 15.0, KERNELS, slow)) == {"compute": 2 * 2 * 3 * 5, "launch": 11}


def test_weights_that_are_widened_are_read_written_and_read_again():
    """Many rows would multiply by 4 bits, or few of them pay for a kernel that writes 16."""
    widening = evolve(NARROW, widened_rows=2.0)
    assert of.multiply(GEMM, 15.0, KERNELS, widening).by["weights"] == 15 * 0.5 / 4
    wide = of.multiply(evolve(GEMM, m=3.0), 15.0, KERNELS, widening)
    # read in half a byte and written in two by a kernel of its own, then read in two, all at memory's own rate
    assert waited(wide)["weights"] == 15 * (0.5 + 2) / 8 + 7 + 15 * 2 / 8


def test_few_rows_read_narrow_weights_again():
    """Reading again would make weights come in faster, or 15 bits be read as 16 are."""
    kernels = engine(reread_rows=2, rereading=0.5)
    fifteen = evolve(NARROW, weight_bytes=15 / 8)
    assert of.multiply(GEMM, 15.0, kernels, fifteen).by["weights"] == 15 * 15 / 8 / 4 * 1.5


def test_the_host_multiplies_few_tokens_by_what_it_holds():
    """It would multiply all, or have weights sent that it could read where they are."""
    held = evolve(NARROW, host_bytes_per_second=0.5)
    few, kernels = 15 * 0.5 / 0.5, engine(host_rows=2)
    assert of.multiply(GEMM, 15.0, kernels, held).by["weights"] == few
    assert of.multiply(GEMM, 15.0, kernels, NARROW).by["weights"] == 15 * 0.5 / 4  # which the device holds
    assert of.multiply(GEMM, 15.0, kernels, held, tokens=3.0).by["weights"] == 15 * 0.5 / 4
    assert of.multiply(evolve(GEMM, m=9.0), 15.0, kernels, held, tokens=1.0).by["weights"] == few


def test_kernels_that_only_move_data():
    """What another kernel moves beside its work would be launched, or an engine's traffic be left out."""
    kernels = engine(elementwise_traffic=1.5)
    assert waited(of.move(16.0, kernels, 2.0)) == {"activations": 16 * 2 * 1.5 / 8, "launch": 7}
    assert waited(of.move(16.0, kernels, 2.0, launched=False)) == {"activations": 16 * 2 * 1.5 / 8}


def test_attention_over_prompts():
    """A short chunk that looks far back would not wait for the cache, or no chunk at all be launched."""
    assert waited(of.attend(1e4, 8.0, 64.0, 2.0, KERNELS)) == {"compute": 1e4 / 50, "launch": 3}
    assert waited(of.attend(1.0, 8.0, 64.0, 2.0, KERNELS)) == {"kv_cache": 2 * 2 / (4 * 0.5), "launch": 3}
    assert of.attend(0.0, 8.0, 64.0, 0.0, KERNELS).seconds == 0


def test_unfused_attention_over_prompts():
    """Three kernels would be launched for nothing, or for one; products bind where the head is wide."""
    kernels = evolve(engine(score_bytes=10.0), head=evolve(KERNELS.head, flops=50.0))
    assert waited(of.attend_unfused(1.0, 4.0, 8.0, 64.0, kernels)) == {"activations": 4 * 10 / 8, "launch": 3 * 7}
    assert waited(of.attend_unfused(1e4, 4.0, 8.0, 64.0, kernels)) == {"compute": 1e4 / 50, "launch": 3 * 7}
    assert of.attend_unfused(0.0, 0.0, 8.0, 64.0, kernels).seconds == 0


def test_states_have_their_own_width_or_that_of_activations():
    """A state in 32 bits would be read as one in 16."""
    assert of.state_bytes(State(1.0), KERNELS) == 2
    assert of.state_bytes(State(1.0, 32), KERNELS) == 4


def test_a_look_back_waits_for_the_slowest_of_what_it_reads():
    """One core would share a sequence's cache with idle ones, or cores read it for each query head for nothing."""
    kernels = evolve(KERNELS, key_seconds=2.0, elements_per_second=0.5)
    assert waited(of.look_back(10.0, 0.0, 0.0, kernels)) == {"kv_cache": 10 * 2 / (4 * 0.5), "launch": 5}
    assert waited(of.look_back(10.0, 6.0, 0.0, kernels)) == {"kv_cache": 6 * 2, "launch": 5}
    assert waited(of.look_back(10.0, 6.0, 0.0, kernels, one_by_one=7.0)) == {"kv_cache": 7 / 0.5, "launch": 5}
    assert waited(of.look_back(10.0, 6.0, 1e3, kernels)) == {"compute": 1e3 / (100 * 0.5), "launch": 5}
    assert waited(of.look_back(1.0, 0.75, 0.0, kernels)) == {"kv_cache": 1.5, "launch": 5}
    assert of.look_back(0.0, 6.0, 0.0, kernels).seconds == 0
