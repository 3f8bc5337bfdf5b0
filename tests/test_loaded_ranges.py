"""Ranges of servers under a load, by the default cost model: waiting takes nothing off what the printed peaks allow."""

import pytest
from attrs import evolve

from llmplan import infer
from llmplan.search import InferenceSpace, search

SERVERS = {
    "AWQ over PCIe": {"model": "llama-2-70b", "gpu": "rtx-4090", "tp": 2, "dtype": "w4a16e16", "engine": "autoawq"},
    "experts": {"model": "mixtral-8x7b", "gpu": "a100-sxm-80gb", "tp": 4},
    "one card": {"model": "llama-2-7b", "gpu": "h100-sxm-80gb", "tp": 1},
}


@pytest.mark.parametrize("rate", [0.05, 2.0])
@pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)
def test_no_answer_of_a_server_comes_before_its_weights_are_read(options, rate):
    """If it fails, the low end of a latency under load is one that no engine reaches with a single user."""
    server = infer(**options, pp=1, dp=1, prompt_tokens=300, output_tokens=60, rate=rate, requests=0)
    first, further = server.decode.ideal(evolve(server.decode.plan, batch=1))
    assert server.first_token_seconds * server.first_token_spread.low >= first
    assert server.next_token_seconds * server.next_token_spread.low >= further
    assert server.total_seconds * server.total_spread.low >= first + 59 * further


@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
def test_engines_that_leave_stages_idle_are_searched_at_a_rate(engine):
    """If it fails, a search ends with a traceback where a replica has one batch in flight whatever its stages."""
    space = InferenceSpace(model="llama-2-7b", gpu="a100-sxm-80gb", engine=engine, gpus=2, rate=0.2, requests=0)
    assert search(space, top=1).best
