"""Which tokens a pass works on and what an engine holds for them, in small numbers by hand."""

from math import inf

import pytest
from attrs import evolve
from megatron_plans import GPU, MEGATRON, PLAIN
from serving_plans import IDEAL, serving

from llmplan.records import Step, Works
from llmplan_parallelism_megatron.serving.extent import Extent, Flow, of_decoding, of_prompts, of_step
from llmplan_parallelism_megatron.serving.held import driver_bytes
from llmplan_parallelism_megatron.serving.streaming import cycle_bytes, streaming_bytes_per_second
from llmplan_parallelism_megatron.serving.traffic import rank_wait_seconds


def numbers(extent):
    """Of an extent."""
    return extent.sequences, extent.start, extent.end, extent.each


def test_what_an_operator_works_on():
    """A tower would run for every token, a head for every position of a prompt, or answers be read as prompts."""
    flow = Flow(Extent(4.0, 0.0, 100.0, 100.0), Extent(8.0, 200.0, 201.0, 1.0))
    assert (flow.tokens, flow.rows) == (408, 12)
    assert flow.over(Works.ALL) is flow
    reading = flow.over(Works.PROMPT)
    assert (numbers(reading.prompts), reading.tokens) == ((4, 0, 100, 100), 400)
    once = flow.over(Works.SEQUENCE)
    assert (numbers(once.prompts), once.tokens) == ((4, 0, 1, 1), 4)
    answering = flow.over(Works.ANSWER)
    assert numbers(answering.prompts) == (4, 99, 100, 1)  # the last token of a prompt gives the first of the answer
    assert numbers(answering.decoding) == (8, 200, 201, 1)
    assert numbers(Flow(Extent(0.0, 0.0, 0.0, 0.0), flow.decoding).of_one_at_least().prompts) == (1, 0, 1, 1)
    assert numbers(Flow(Extent(2.0, 4.0, 10.0, 3.0), flow.decoding).of_one_at_least().prompts) == (2, 4, 10, 3)


def test_prompts_of_a_token_and_of_none():
    """A token alone would look back on another one, or no prompt at all be read from its first token on."""
    short = Flow(Extent(4.0, 0.0, 1.0, 1.0), Extent(8.0, 200.0, 201.0, 1.0))
    assert numbers(short.over(Works.SEQUENCE).prompts) == (4, 0, 1, 1)
    assert numbers(short.over(Works.ANSWER).prompts) == (4, 0, 1, 1)
    none = of_decoding(8.0, 100.0, 11.0)
    assert numbers(none.prompts) == numbers(of_prompts(8.0, 100.0).decoding) == (0, 0, 0, 0)
    assert numbers(none.over(Works.ANSWER).prompts) == (0, 0, 0, 1)
    assert numbers(none.over(Works.SEQUENCE).prompts) == (0, 0, 1, 1)
    assert numbers(of_step(Step(sequences=3.0, context=9.0)).prompts) == (0, 0, 0, 0)


def test_passes_over_prompts_and_answers():
    """Prompts that are cut into steps would be read whole in each, or a step of decoding look back on itself alone."""
    assert numbers(of_prompts(8.0, 100.0).prompts) == (8, 0, 100, 100)
    assert numbers(of_prompts(8.0, 100.0, passes=4.0).prompts) == (2, 0, 100, 100)
    assert numbers(of_prompts(1.0, 100.0, passes=4.0).prompts) == (1, 0, 100, 25)
    assert numbers(of_decoding(8.0, 100.0, 11.0).decoding) == (8, 100, 110, 1)
    assert numbers(of_decoding(8.0, 100.0, 1.0).decoding) == (8, 100, 101, 1)


@pytest.mark.parametrize(
    ("context", "looks_back"), [(0.0, (0, 1)), (1.0, (0, 1)), (1.5, (0.5, 1.5)), (300.0, (299, 300))]
)
def test_a_step_of_a_server(context, looks_back):
    """Chunks of prompts would look back on nothing, or answers without a context divide by it."""
    step = Step(
        prompts=2.0, prompt_tokens=20.0, prompt_context=50.5, sequences=3.0, context=context, tokens_per_sequence=1.0
    )
    flow = of_step(step)
    assert numbers(flow.prompts) == (2, 45, 55, 10)  # ten tokens of each, the middle one at 50.5
    assert numbers(flow.decoding) == (3, *looks_back, 1)
    alone = evolve(step, prompts=1.0, prompt_tokens=10.0)
    assert numbers(of_step(alone).prompts) == (1, 45, 55, 10)


@pytest.mark.parametrize("window", [4, 10, 30, inf])
def test_tokens_that_are_read_from_the_cache(window):
    """Sums over a growing cache would be off by one, or a window count for more than it holds."""
    extent = Extent(1.0, 12.0, 20.0, 1.0)
    assert extent.keys(window) == pytest.approx(sum(min(at, window) for at in range(13, 21)) / 8)
    assert extent.cached(window) == pytest.approx(min(extent.keys(window), window))
    chunk = Extent(1.0, 0.0, 8.0, 8.0)
    assert chunk.cached(inf) == 8
    assert chunk.cached(2) == min(1.875 + 3.5, 2 + 7)


def held(**changes):
    """Lines of memory of a batch of two."""
    return MEGATRON.infer(serving(PLAIN, batch=2, **changes)).memory_breakdown


def test_what_a_pass_holds():
    """Long prompts would need no more room than short ones, or logits the room of a whole prompt."""
    short, long = (held(prompt_tokens=tokens) for tokens in (64, 128))
    # the residual stream twice and the widest operator, h in and 4 h out, in 16 bits
    assert long["activations"] - short["activations"] == 2 * 64 * (2 * 512 + 512 + 2048) * 2
    assert short["logits"] == long["logits"] == 2 * 4000 * 4


def test_what_a_step_holds_that_code_calls_one_by_one():
    """A warm-up would free what the loop over layers, or an activation function's caller, still refers to."""
    warmed = evolve(IDEAL, warm_up_bytes=1e-9)
    short, long = (held(engine=evolve(warmed, step_tokens=tokens))["activations"] for tokens in (1000, 2000))
    # the residual stream, what attention added, what the layer was called with; 4 h into an activation and out of it
    assert long - short == pytest.approx(1000 * (3 * 512 + 2048 + 2048) * 2)


def test_what_a_driver_holds():
    """A context would be as large on a small chip as on an H100, or larger on more cores than were looked at."""
    assert [driver_bytes(6.6e8, cores) for cores in (66, 132, 264)] == pytest.approx([3.3e8, 6.6e8, 6.6e8])


def test_what_an_engine_leaves_alone():
    """An engine that takes 90 % would be said to use all, or count twice what lies beside its share."""
    memory = GPU.memory_bytes
    tenth = held(engine=evolve(IDEAL, memory_share=0.9))
    assert tenth["kept_free"] == pytest.approx(0.1 * memory)
    beside = held(engine=evolve(IDEAL, memory_share=0.9, context_bytes=3e10, beside_share=("driver",)))
    assert beside["kept_free"] == pytest.approx(0.1 * memory - 3e10)
    full = held(engine=evolve(IDEAL, memory_share=0.9, context_bytes=3e11, beside_share=("driver",)))
    assert full["kept_free"] == 0
    rest = held(engine=evolve(IDEAL, memory_share=0.9, share_of_free=True))
    others = sum(bytes_ for line, bytes_ in rest.items() if line not in ("kept_free", "kv_cache"))
    assert rest["kept_free"] == pytest.approx(0.1 * (memory - others))


def test_what_the_driver_keeps_is_no_engines():
    """A share would be one of memory that nobody gets, or what the driver keeps be free."""
    plan = serving(PLAIN, engine=evolve(IDEAL, memory_share=0.9))
    plan = evolve(plan, hardware=evolve(plan.hardware, reserved_bytes=1e11))
    assert MEGATRON.infer(plan).memory_breakdown["kept_free"] == pytest.approx(1e11 + 0.1 * 9e11)


def test_workspaces_of_groups():
    """Buffers of collectives would be held by one rank alone, or missing from many."""
    engine = evolve(IDEAL, workspace_bytes=1e9, group_bytes=2e9)
    assert [held(engine=engine, tp=tp)["workspace"] for tp in (1, 2)] == [1e9, 3e9]


def test_ranks_that_come_late():
    """A sum would wait for no rank, or for those of other nodes as long as for its own."""
    assert [rank_wait_seconds(2.0, 1, 1), rank_wait_seconds(2.0, 8, 1), rank_wait_seconds(2.0, 8, 4)] == [0, 14, 46]


def test_cores_take_so_many_bytes_a_cycle():
    """Weights of 4 bits with their scales would come in as fast as those of 16, or wider ones as slowly."""
    engine = evolve(IDEAL, cycle_bytes={"4": 8.0, "8": 16.0})
    assert [cycle_bytes(engine, bits) for bits in (4.0, 4.5, 5.0, 5.5, 8.0, 9.0, 16.0)] == [8, 8, 8, 16, 16, 16, inf]
    cores = evolve(GPU, sm_count=100, clock_hertz=1e9)
    assert streaming_bytes_per_second(2e12, 8.0, cores) == 8e11
    assert streaming_bytes_per_second(2e11, 8.0, cores) == 2e11
    assert streaming_bytes_per_second(2e12, inf, cores) == 2e12
    assert streaming_bytes_per_second(2e12, 8.0, evolve(cores, sm_count=None)) == 2e12
