"""Servers under load from the options of a request to an estimate."""

from __future__ import annotations

import json

import pytest
from affine_server import SAMPLE, AffineCostModel, AffineSteps
from attrs import evolve

from llmplan import infer
from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.output.document import document
from llmplan.records import EngineProfile
from llmplan.request import InferRequest
from llmplan.testing import SAMPLE_HARDWARE, SAMPLE_MODEL
from llmplan_report.terminal.report import report

ALIKE = {"prompt_lengths": "fixed", "output_lengths": "fixed"}
SERVER = {**SAMPLE, **ALIKE, "prompt_tokens": 512, "output_tokens": 64, "requests": 200, "tp": 1, "pp": 1, "dp": 1}


class TensorParallelCostModel(AffineCostModel):
    """Each GPU of a replica holds its part of the weights."""

    def serving(self, plan):
        """Steps of such a replica."""
        return evolve(super().serving(plan), weight_bytes=self.steps.weight_bytes / plan.layout.tp)


def serving(**options):
    """The server with a rate, unless another load is given."""
    loads = {"rate": "2/s"} if not {"rate", "concurrency", "trace"} & options.keys() else {}
    alike = dict.fromkeys(ALIKE) if "trace" in options else {}
    return infer(**{**SERVER, **loads, **alike, **options})


def refusal(**options):
    """The message with which a server is refused."""
    with pytest.raises(BadInputError) as caught:
        infer(**{**SERVER, **dict.fromkeys(ALIKE), **options})
    return str(caught.value)


@pytest.mark.parametrize(("text", "rate"), [("2/s", 2.0), ("90/min", 1.5), ("5.4K/h", 1.5), ("3", 3.0), (0.5, 0.5)])
def test_rates_are_read_as_people_write_them(text, rate):
    """Requests a second, whatever the unit."""
    assert InferRequest(rate=text).rate == pytest.approx(rate)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": "2/lustrum"}, "rate: '2/lustrum' is not a rate like 2/s, 90/min or 5000/h"),
        ({"rate": "fast/s"}, "rate: 'fast/s' is not a rate like 2/s, 90/min or 5000/h"),
        ({"rate": 1, "concurrency": 2}, "rate: contradicts concurrency; give one"),
        ({"rate": 1, "batch": 2}, "batch: contradicts rate: a loaded server makes its own batches"),
        ({"concurrency": 1, "max_batch": True}, "max-batch: contradicts concurrency"),
        ({"seed": 3, "requests": None}, "seed: means something under a load: give rate, concurrency or trace"),
        ({"rate": 1, "prompt_lengths": "gamma:1"}, "prompt-lengths: 'gamma:1' is not one of fixed, uniform:CV"),
        ({"rate": 1, "prompt_lengths": "uniform"}, "prompt-lengths: 'uniform' is not one of"),
        ({"rate": 1, "output_lengths": "uniform:0.7"}, "output-lengths: 'uniform:0.7' is not a uniform distribution"),
        ({"rate": 1, "output_lengths": 5}, "output-lengths: 5 is not one of"),
        ({"rate": 1, "speculative_tokens": 3}, "speculative-tokens: needs acceptance-rate too"),
        ({"rate": 1, "draft_model": SAMPLE_MODEL}, "draft-model: needs speculative-tokens too"),
        ({"rate": 1, "prefill_tp": 2}, "prefill-tp: needs prefill-replicas too"),
        ({"rate": 1, "prefill_replicas": 1, "prefill_pp": 9}, "prefill-pp: 9 is more than the 4 layers of sample"),
        (
            {"rate": 1, "gpus": 8, "prefill_replicas": 1},
            "gpus: 8 beside prefill-replicas 1 leaves open which pool they are in; give dp",
        ),
        (
            {"rate": 1, "step_tokens": 256},
            "step-tokens: 256 leaves no room for prompts beside 256 sequences; give more",
        ),
        ({"rate": 1, "trace": "x.csv"}, "rate: contradicts trace"),
        ({"trace": "x.csv"}, "prompt-tokens: contradicts trace, which has lengths of its own"),
    ],
)
def test_what_contradicts_itself_is_refused(options, said):
    """One line that names the option, the value and what would be right."""
    assert said in refusal(**options)


def test_a_draft_with_fewer_layers_than_stages_is_refused():
    """Each stage holds layers of both."""
    options = {"rate": 1, "pp": 4, "speculative_tokens": 2, "acceptance_rate": 0.5}
    small = evolve(SAMPLE_MODEL, name="small", layers=2)
    assert refusal(**options, draft_model=small) == "draft-model: small has 2 layers, fewer than pp 4"


def test_a_cost_model_without_servers_says_so():
    """A third party's cost model need not have them."""

    class Plain(AffineCostModel):
        serving = None

    assert refusal(rate=1, cost_model=Plain()) == "rate: the cost model affine prices no server under load"


def test_everything_together():
    """Options that would only work alone."""
    estimate = serving(
        concurrency=12, dp=2, pp=2, prefill_replicas=2, prefill_tp=2, prefill_pp=1, speculative_tokens=3,
        acceptance_rate=0.7, draft_model=evolve(SAMPLE_MODEL, name="small"), prefix_hit_rate=0.3, step_tokens=600,
        max_sequences=64, prompt_lengths="lognormal:0.5", output_lengths="geometric", seed=3, price_per_gpu_hour=2.0,
    )  # fmt: skip
    assert isinstance(estimate, ServerEstimate)
    assert estimate.feasible
    assert estimate.server.gpus == 4 + 4
    printed = json.loads(json.dumps(document(estimate), allow_nan=False))
    assert {"gpus": 4, "tp": 2, "pp": 1, "dp": 2, "ep": 1}.items() <= printed["server"]["prefill_layout"].items()
    assert printed["server"]["speculation"]["draft_model"] == "small"
    assert printed["server"]["simulated"]["requests"] == 200
    text = report(estimate, width=100)
    for words in (
        "tp 2 · pp 1 · dp 2 that prefill",
        "30.0 % of prompt tokens",
        "by small, 70.0 % acc",
        "12 users",
    ):
        assert words in text
    assert "proposing tokens costs nothing" not in text
    assert "prompts cut to fill them" in text
    assert "lognormal, cv 0.5" in text


def test_what_is_assumed_is_said():
    """A reader would not know what the figures rest on."""
    estimate = serving(
        dp=2, pp=2, prefix_hit_rate=0.5, speculative_tokens=1, acceptance_rate=0.5, chunked_prefill=False
    )
    said = " ".join(estimate.plan.assumptions)
    for words in ("first come, first served", "at random", "in rounds", "cached prompt tokens", "costs nothing"):
        assert words in said
    assert "batch" not in estimate.plan.assumptions
    users = serving(concurrency=3, dp=2, requests=None)
    assert {"users stay with a replica", "2,000 requests simulated, seed 0"} <= set(users.plan.assumptions)
    assert users.simulated.requests == 2000


def test_latencies_include_waiting():
    """Percentiles rise, and so does everything with the load."""
    idle, busy = serving(rate=0.5), serving(rate=8)
    for name in ("first_token", "next_token", "total"):
        found = list(getattr(busy.simulated, name).values())
        assert found == sorted(found)
        assert found[0] > getattr(idle.simulated, name)["p50"]
    assert busy.means is busy.simulated.means
    assert busy.first_token_seconds == busy.means.first_token_seconds
    assert busy.total_seconds > idle.total_seconds
    assert busy.next_token_seconds > idle.next_token_seconds


def test_price_and_energy_split_what_all_gpus_cost():
    """Input and output tokens pay for the whole server, and the power is between waiting and working."""
    gpu = evolve(SAMPLE_HARDWARE, tdp_watts=500.0)
    estimate = serving(rate=1, price_per_gpu_hour=3.6, gpu=gpu)
    into, out = estimate.cost_per_million_input_tokens, estimate.cost_per_million_output_tokens
    assert (into * 512 + out * 64) / 1e6 == pytest.approx(0.001)
    assert estimate.cost_per_million_tokens == pytest.approx(0.001 / 64 * 1e6)
    assert estimate.least_cost_per_million_tokens < estimate.cost_per_million_tokens
    assert 100 < estimate.average_power_watts < 500
    busy = estimate.means.busy_share
    assert estimate.average_power_watts == pytest.approx(500 * (0.2 + 0.8 * busy))
    assert estimate.joules_per_token == pytest.approx(estimate.average_power_watts / 64)
    assert "per million input" in report(estimate)
    unknown = serving(rate=1)
    assert (unknown.cost_per_million_tokens, unknown.cost_per_million_input_tokens) == (None, None)
    assert (unknown.joules_per_token, unknown.least_cost_per_million_tokens) == (None, None)
    assert "an accelerator whose TDP is known" in report(unknown)


def test_more_than_can_be_answered():
    """No latency is finite; the capacity, what would serve it, and what it costs flat out, are said."""
    gpu = evolve(SAMPLE_HARDWARE, tdp_watts=500.0)
    estimate = serving(rate=500, price_per_gpu_hour=3.6, gpu=gpu)
    most = estimate.capacity.requests_per_second
    assert (estimate.overloaded, estimate.feasible, estimate.fits) == (True, False, True)
    assert (estimate.means, estimate.first_token_seconds, estimate.closed_form) == (None, None, None)
    assert estimate.requests_per_second == most
    assert estimate.tokens_per_second == pytest.approx(64 * most)
    assert estimate.replicas_needed == -(-500 // (0.8 * most))
    assert estimate.cost_per_million_tokens == pytest.approx(estimate.least_cost_per_million_tokens)
    assert estimate.average_power_watts == 500
    assert serving(rate=500, dp=estimate.replicas_needed, requests=0).feasible
    assert "more than can be answered" in report(estimate)
    json.dumps(document(estimate), allow_nan=False)


def test_a_load_near_the_capacity_is_warned_of():
    """Waiting of the simulated hour says little of a longer one."""
    most = serving(rate=500).capacity.requests_per_second
    *_, warning = serving(rate=0.95 * most).warnings
    assert warning.startswith("load 95% of the capacity")
    assert not any("of the capacity" in said for said in serving(rate=0.5 * most).warnings)


def test_a_trace(tmp_path):
    """Its own lengths and times; one that asks for more than can be answered is answered all the same, with a word."""
    path = tmp_path / "trace.csv"
    path.write_text("".join(f"{number / 500},600,40\n" for number in range(100)), encoding="utf-8")
    without = {"prompt_tokens": None, "output_tokens": None, "requests": None}
    estimate = serving(trace=str(path), **without)
    assert estimate.offered_rate == pytest.approx(500)
    assert (estimate.feasible, estimate.load > 1, estimate.closed_form) == (True, True, None)
    assert "the trace asks for 500 requests/s" in estimate.warnings[-1]
    assert estimate.simulated.requests == 100
    assert document(estimate)["prompt_tokens"] is None
    assert "100 requests of" in report(estimate)
    path.write_text("".join(f"{number},600,40\n" for number in range(100)), encoding="utf-8")
    slow = serving(trace=str(path), **without)
    assert slow.closed_form.requests_per_second == pytest.approx(1)
    assert slow.requests_per_second == pytest.approx(1, rel=0.02)


def test_without_a_simulation_the_closed_form_speaks():
    """Quick, for those who price many."""
    estimate = serving(rate=4, requests=0)
    assert estimate.simulated is None
    assert estimate.means is estimate.closed_form
    assert estimate.memory_breakdown["kv_cache"] > 0
    text = report(estimate)
    assert "simulated" not in text.split("Latency")[1].split("Prefill")[0]
    assert document(estimate)["server"]["simulated"] is None


def test_a_server_that_does_not_fit():
    """Not one sequence: no capacity, no latency, and by how much."""
    heavy = AffineCostModel(steps=AffineSteps(weight_bytes=63.99e9))
    estimate = serving(rate=1, cost_model=heavy, tp=1, pp=1, dp=1)
    assert (estimate.fits, estimate.feasible, estimate.overloaded) == (False, False, False)
    assert (estimate.capacity, estimate.load, estimate.replicas_needed) == (None, None, None)
    assert (estimate.max_batch_size, estimate.requests_per_second, estimate.tokens_per_second) == (0, None, None)
    assert estimate.memory_bytes_per_gpu > estimate.memory_capacity_bytes
    assert "too much" in report(estimate)
    json.dumps(document(estimate), allow_nan=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_sequences": 2}, "--max-sequences 2"),
        ({"cost_model": AffineCostModel(steps=AffineSteps(weight_bytes=62e9))}, "room for caches"),
        ({"cost_model": AffineCostModel(steps=AffineSteps(base=0.0)), "output_tokens": 8}, "% of them for prompts"),
        ({"cost_model": AffineCostModel(steps=AffineSteps(base=0.0)), "prompt_tokens": 8}, "most of them for decoding"),
        ({"prefill_replicas": 1, "output_tokens": 8}, "prefill: more --prefill-replicas"),
        ({"prefill_replicas": 1, "prompt_tokens": 8, "output_tokens": 256,
          "cost_model": AffineCostModel(steps=AffineSteps(base=0.0))}, "decoding: more replicas"),
    ],
)  # fmt: skip
def test_the_limit_comes_with_its_relief(options, words):
    """What stands in the way of more, in words."""
    assert words in " ".join(report(serving(rate=0.5, **options), width=200).split())


def test_pools_of_a_prefix():
    """The prefill pool's share of the price is its share of the GPUs, and both are sized where the rate is too much."""
    estimate = serving(rate=400, prefill_replicas=1, price_per_gpu_hour=1.0)
    assert estimate.prefill_share == 0.5
    assert estimate.prefill_replicas_needed > 1
    assert estimate.replicas_needed >= 1
    served = serving(rate=400, requests=0, dp=estimate.replicas_needed,
                     prefill_replicas=estimate.prefill_replicas_needed)  # fmt: skip
    assert served.feasible


def test_a_prefill_pool_that_does_not_fit_is_named():
    """Its GPUs hold more each than those that decode. If it fails, prompts wait for ever in the simulation."""
    heavy = TensorParallelCostModel(steps=AffineSteps(weight_bytes=100e9))
    estimate = serving(rate=1, cost_model=heavy, tp=2, pp=1, dp=1, prefill_replicas=1, prefill_tp=1)
    assert (estimate.feasible, estimate.fullest_pool, estimate.simulated) == (False, "prefill", None)
    assert estimate.memory_breakdown["weights"] == 100e9
    assert "fullest GPU, in the prefill pool" in report(estimate)
    fits = serving(rate=1, cost_model=heavy, tp=2, pp=1, dp=1, prefill_replicas=1)
    assert (fits.feasible, fits.fullest_pool, fits.memory_breakdown["weights"]) == (True, "decode", 50e9)


@pytest.mark.parametrize(
    ("prompt", "tokens", "why"), [(3000, 3000, "the longest prompt"), (8, 256, "all that decodes")]
)
def test_engines_that_read_prompts_whole_have_room_for_the_longest(prompt, tokens, why):
    """One at a time. If it fails, memory is set aside for prompts that never come."""
    engine = EngineProfile(name="whole", step_tokens=1_000_000, chunked_prefill=False)
    estimate = serving(rate=1, engine=engine, prompt_tokens=prompt, requests=0)
    assert (estimate.server.step_tokens, estimate.server.chunked) == (tokens, False)
    assert estimate.fixed_memory["workspace"] == 1e4 * tokens
    assert any(f"step-tokens {tokens:,}: {why}" in said for said in estimate.plan.assumptions)
    assert serving(rate=1, engine=engine, step_tokens=9000, requests=0).server.step_tokens == 9000


def test_the_title_counts_the_gpus_of_both_pools():
    """All of them are paid for. If it fails, a server looks cheaper than it is."""
    estimate = serving(rate=1, tp=4, dp=1, pp=1, prefill_replicas=1, requests=0)
    assert report(estimate).startswith("sample on 8 x ")
