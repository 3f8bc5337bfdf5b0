"""The largest batch and the longest context: they fit, and nothing larger does."""

import pytest
from attrs import evolve
from megatron_plans import PLAIN
from serving_plans import IDEAL, serving

from llmplan_parallelism_megatron.serving import memory as of
from llmplan_parallelism_megatron.serving.rank import Rank

WHOLE = evolve(IDEAL, memory_share=1.0, block_tokens=1)
ENGINES = {
    "prompts together": WHOLE,
    "prompts in parts": evolve(WHOLE, step_tokens=100),
    "a token of each": evolve(WHOLE, step_tokens=4),
    "scores": evolve(WHOLE, held_score_bytes=4.0),
    "two caches": evolve(WHOLE, cache_copies=2),
    "warmed up": evolve(WHOLE, warm_up_bytes=28.0, max_sequences=8, step_tokens=100),
}
EACH = 2 * 8 * 512 * 2 * 128
"""Bytes of keys and values of a sequence of 128 tokens."""


def given(engine, memory, **changes):
    """A plan on an accelerator of so many bytes."""
    plan = serving(PLAIN, **{"engine": engine, "prompt_tokens": 64, "output_tokens": 64, **changes})
    return evolve(plan, hardware=evolve(plan.hardware, memory_bytes=memory))


def held(plan):
    """Bytes of the fullest device."""
    return sum(of.memory(Rank.of(plan), plan).values())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("room", [0.5, 1.5, 2.0, 7.0, 40.0])
def test_the_largest_batch_fits_and_no_larger_one(engine, room):
    """A search would be told of a batch that does not fit, or that more would not."""
    alone = held(given(ENGINES[engine], 1e12, batch=1))
    plan = given(ENGINES[engine], alone + (room - 1) * EACH * 1.01)
    largest = of.largest_batch(Rank.of(plan), plan)
    assert (largest >= 1) is (room >= 1)
    if largest:
        assert held(evolve(plan, batch=largest)) <= plan.hardware.memory_bytes
    assert held(evolve(plan, batch=largest + 1)) > plan.hardware.memory_bytes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch", [1, 2, 3, 40])
def test_the_largest_batch_fits_to_the_byte(engine, batch):
    """A batch would be said to fit that lacks a byte, or not to fit though it has every byte."""
    memory = held(given(ENGINES[engine], 1e12, batch=batch))
    for missing, largest in ((0.0, batch), (1.0, batch - 1)):
        plan = given(ENGINES[engine], memory - missing, batch=1)
        assert of.largest_batch(Rank.of(plan), plan) == largest


@pytest.mark.parametrize("engine", ENGINES)
def test_no_batch_fits_beside_weights_that_do_not(engine):
    """A batch of less than none would fit, or of one."""
    plan = given(ENGINES[engine], 1e6)
    assert of.largest_batch(Rank.of(plan), plan) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_that_fits_is_never_more_than_the_largest(engine):
    """A batch would be said to fit, and to be too large."""
    plan = given(ENGINES[engine], held(given(ENGINES[engine], 1e12, batch=37)), batch=37)
    assert of.largest_batch(Rank.of(plan), plan) >= 37


def test_caches_in_host_memory_leave_the_device_alone():
    """The device would hold them too, or as many sequences fit as it has room for caches of."""
    away = evolve(WHOLE, offloads=("kv",), max_sequences=77)
    plan = given(away, 1e12, offload="kv", batch=2)
    rank = Rank.of(plan)
    assert of.memory(rank, plan)["kv_cache"] == 0
    assert of.host_bytes(rank, plan) == 2 * EACH
    assert of.cache_tokens(rank, plan) is None
    assert of.largest_batch(rank, plan) == 77
    small = given(away, 1e6, offload="kv", batch=2)
    assert of.largest_batch(Rank.of(small), small) == 0
    here = given(WHOLE, 1e12, batch=2)
    assert of.host_bytes(Rank.of(here), here) is None


def test_room_for_tokens():
    """An engine would be told that its cache holds more tokens than there is room for, or less than none."""
    fixed = held(given(WHOLE, 1e12, batch=1)) - EACH
    plan = given(WHOLE, fixed + 2.5 * EACH, batch=1)
    assert of.cache_tokens(Rank.of(plan), plan) == 2.5 * 128
    more = given(WHOLE, fixed + 2.505 * EACH, batch=1)
    assert of.cache_tokens(Rank.of(more), more) == 320  # whole ones
    none = given(WHOLE, fixed / 2, batch=1)
    assert of.cache_tokens(Rank.of(none), none) == 0


def test_caches_come_in_whole_pages():
    """A token would take no page, or a page be copied where ranks share heads."""
    paged = given(evolve(WHOLE, block_tokens=16), 1e12, tp=2)
    pages = [of.sequence_bytes(Rank.of(paged), tokens) / (EACH / 8 / 2) for tokens in (1.0, 16.0, 17.0)]
    assert pages == [1, 1, 2]
    assert of.sequence_cache_bytes(3.0, 4.0) == 3 + 4  # and states beside them
    assert of.caches_bytes(3.0, 2.0, 5.0) == 3 * 2 * 5
    halves = given(WHOLE, 1e12, pp=2)
    assert of.sequence_bytes(Rank.of(halves), 128.0) == EACH / 2


@pytest.mark.parametrize("longest", [0, 1, 2, 3, 4, 99, 100])
def test_the_longest_context_is_found(monkeypatch, longest):
    """The search would end beside it, or not at all."""
    monkeypatch.setattr(of, "memory", lambda _rank, plan: {"all": plan.prompt_tokens + plan.output_tokens})
    plan = given(WHOLE, longest + 0.5, output_tokens=0)
    limited = evolve(plan, model=evolve(PLAIN, max_seq_len=100))
    assert of.longest_context(Rank.of(plan), limited) == longest


def test_a_model_without_a_limit_has_a_longest_context_all_the_same(monkeypatch):
    """The search would have no end, or end where some model goes on."""
    monkeypatch.setattr(of, "memory", lambda _rank, _plan: {"all": 0.0})
    plan = given(WHOLE, 1.0, output_tokens=0)
    assert of.longest_context(Rank.of(plan), evolve(plan, model=evolve(PLAIN, max_seq_len=None))) == 2**24


def test_answers_are_part_of_the_context(monkeypatch):
    """A context would be longer by the answer than what fits."""
    monkeypatch.setattr(of, "memory", lambda _rank, plan: {"all": plan.prompt_tokens + plan.output_tokens})
    plan = given(WHOLE, 50.0, output_tokens=20)
    limited = evolve(plan, model=evolve(PLAIN, max_seq_len=100))
    assert of.longest_context(Rank.of(plan), limited) == 50
    short = evolve(limited, hardware=evolve(plan.hardware, memory_bytes=20.5))
    assert of.longest_context(Rank.of(plan), short) == 0  # an answer follows on a token at least


def test_what_a_step_holds():
    """Activations of all prompts would be held at once, or fewer tokens than there are sequences."""
    plan = given(evolve(WHOLE, step_tokens=100), 1e12)
    assert [of.step_tokens(plan, batch) for batch in (1, 2, 200)] == [64, 100, 200]
