"""How close `megatron` comes to published inference: a change that makes it worse has to say so here."""

from statistics import fmean

import pytest

from llmplan import infer, registry
from llmplan_validation.score import by_source, score

LATENCY = ("prefill_ms", "ttft_ms", "decode_ms_per_token", "e2e_ms")
THROUGHPUT = ("tokens_per_s_total_output", "tokens_per_s_per_user")


def errors(served, metrics, grades=("A",)):
    """Absolute errors of the rows of these metrics and grades."""
    return [abs(row.error) for row in served if row.row.metric in metrics and row.row.grade in grades]


@pytest.mark.parametrize(("metrics", "rows", "aim", "now"), [(LATENCY, 178, 0.10, 0.06), (THROUGHPUT, 86, 0.15, 0.065)])
def test_rows_of_grade_a_are_within_what_was_aimed_at(served, metrics, rows, aim, now):
    """Mean absolute errors of at most 10 % on latency and 15 % on throughput; what was reached should stay."""
    found = errors(served, metrics)
    assert len(found) == rows
    assert fmean(found) < now < aim


def test_no_source_is_far_off(served):
    """The mean of the sources' means would hide one that is priced wrongly throughout."""
    means = {source: groups["time"]["mean_absolute_error"] for source, groups in by_source(served).items()}
    of_a = {row.row.source for row in served if row.row.grade == "A"}
    assert len(of_a) == 8
    assert max(means[source] for source in of_a - {"llama.cpp bench (XiongjieDai)"}) < 0.1
    assert score(served)["time"] < 0.06


def test_servers_with_a_fixed_number_of_users_are_close_too(served):
    """Rows of grade B: tokens of vLLM and TensorRT-LLM under 4 to 128 users."""
    found = errors(served, ("decode_ms_per_token",), ("B",))
    assert len(found) == 63
    assert fmean(found) < 0.08


def test_one_profile_serves_every_row_of_an_engine(served):
    """Rows that were fitted one by one would come with profiles of their own."""
    used = {id(row.row.options["engine"]) for row in served}
    engines = registry().engines.entries()
    assert used <= {id(engine) for _, by, engine in engines if by == "llmplan-parallelism-megatron"}


def test_ranges_contain_the_prediction_and_speeds_are_the_other_way_round():
    """If it fails, a latency that may be 20 % longer goes with a throughput that may be 20 % higher."""
    estimate = infer(model="llama-2-70b", gpu="h100-sxm-80gb", tp=4, batch=8)
    for found in (estimate.first_token_spread, estimate.next_token_spread):
        assert found.low <= 1 <= found.high
    assert estimate.next_token_spread.rows >= 20
    assert estimate.next_token_spread.inverted().high == 1 / estimate.next_token_spread.low
