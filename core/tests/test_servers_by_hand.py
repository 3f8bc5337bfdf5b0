"""Figures of a server that follow from its load, its means and its capacity, in round numbers."""

from types import SimpleNamespace

import pytest
from attrs import evolve

from llmplan.estimate import Capacity, Means, ServerEstimate
from llmplan.records import Lengths, Request, Workload

MEANS = Means(
    queueing_seconds=1.0,
    first_token_seconds=2.0,
    next_token_seconds=0.25,
    total_seconds=6.0,
    requests_per_second=5.0,
    concurrency=30.0,
    decoding=7.0,
    busy_share=0.5,
    prefill_share=0.25,
    kv_share=0.75,
)
CAPACITY = Capacity(requests_per_second=8.0, sequences=9, limit="kv", decoding=8.0, kv_share=1.0, prefill_share=0.125)
TRACE = (Request(0.0, 1, 1), Request(0.0, 1, 1), Request(1.0, 1, 1))
BURST = tuple(Request(at, 1, 1) for at in (0.0, 0.0, 0.0625, 0.125))
ONE = {"prompt": Lengths(16), "output": Lengths(4)}


def served(pool=None, plan=None, **changes):
    """Two replicas on four accelerators answer 4 requests a second; users pay 3 an hour for each."""
    given = {
        "price_per_gpu_hour": 3.0,
        "pue": 1.0,
        "warnings": ("old",),
        "layout_warnings": ("odd",),
        "concerns": lambda _: ("said",),
        "layout": SimpleNamespace(dp=2, gpus=4),
        "hardware": SimpleNamespace(memory_bytes=100.0, tdp_watts=500.0),
        **(plan or {}),
    }
    workload = changes.pop("workload", Workload(rate=4.0, **ONE))
    layout = None if pool is None else SimpleNamespace(layout=SimpleNamespace(dp=3, gpus=pool))
    server = SimpleNamespace(
        plan=SimpleNamespace(**given), workload=workload, prefill_pool=layout, gpus=4 + (pool or 0)
    )
    spread = SimpleNamespace(first_token_spread="first", next_token_spread="next")
    return ServerEstimate(
        **{
            "server": server,
            "prefill": spread,
            "decode": spread,
            "fixed_memory": {"weights": 40.0},
            "kv_bytes": 5.0,
            "mean_lengths": (16.0, 4.0),
            "capacity": CAPACITY,
            "closed_form": MEANS,
            "simulated": None,
            **changes,
        }
    )


def simulated(**changes):
    """The same, counted by a simulation."""
    counted = SimpleNamespace(means=evolve(MEANS, first_token_seconds=3.0, **changes), kv_peak_share=0.875)
    return served(simulated=counted)


def test_means_are_those_of_the_simulation_where_there_is_one():
    """A report would show the closed form beside percentiles that were counted, or fail without either."""
    assert (served().first_token_seconds, simulated().first_token_seconds) == (2, 3)
    assert (served().next_token_seconds, served().total_seconds) == (0.25, 6)
    assert served(closed_form=None).first_token_seconds is None


def test_ranges_are_those_of_the_load_or_of_single_passes():
    """A latency would have the range of another one."""
    loaded = served(spreads=lambda: ("a", "b", "c"))
    assert (loaded.first_token_spread, loaded.next_token_spread, loaded.total_spread) == ("a", "b", "c")
    for alone in (served(), served(spreads=lambda: None)):
        assert (alone.first_token_spread, alone.next_token_spread, alone.total_spread) == ("first", "next", "next")
    assert served().throughput_spread is None
    assert served(workload=Workload(concurrency=7, **ONE)).throughput_spread == "next"


def test_the_fullest_device_holds_the_caches_of_the_load():
    """A device would seem to fit that the peak of a simulation fills, or one pool be shown for the other."""
    assert served().memory_breakdown == {"weights": 40, "kv_cache": 0.75 * 60}
    assert simulated().memory_breakdown == {"weights": 40, "kv_cache": 0.875 * 60}
    assert served(closed_form=None).memory_breakdown == {"weights": 40, "kv_cache": 1.0 * 60}
    assert served(closed_form=None, capacity=None).memory_breakdown == {"weights": 40, "kv_cache": 5}
    assert served(kv_bytes=70.0).memory_bytes_per_gpu == 110
    assert [served(kv_bytes=size).fits for size in (60.0, 60.5)] == [True, False]
    assert (served().fullest_pool, served().max_batch_size, served(capacity=None).max_batch_size) == (None, 9, 0)
    for reading, pool in ((90.0, "prefill"), (85.0, "decode"), (80.0, "decode")):
        divided = served(pool=8, prefill_memory={"weights": reading})
        assert divided.fullest_pool == pool
        assert divided.memory_bytes_per_gpu == max(reading, 85)


@pytest.mark.parametrize(
    ("workload", "offered", "overloaded", "answered"),
    [
        (Workload(rate=4.0, **ONE), 4, False, 4),
        (Workload(rate=8.0, **ONE), 8, True, 8),
        (Workload(rate=10.0, **ONE), 10, True, 8),
        (Workload(concurrency=7, **ONE), None, False, 5),
        (Workload(trace=TRACE, **ONE), 2, False, 5),
        (Workload(trace=BURST, **ONE), 24, False, 5),
        (Workload(trace=(TRACE[0], Request(1 / 16, 1, 1)), **ONE), None, False, 5),  # over before one is answered
    ],
)
def test_a_server_answers_what_comes_or_what_it_can(workload, offered, overloaded, answered):
    """More would be answered than there is capacity for, or a trace that ends overload a server for ever."""
    estimate = served(workload=workload)
    assert (estimate.offered_rate, estimate.overloaded) == (offered, overloaded)
    assert estimate.requests_per_second == answered
    assert estimate.tokens_per_second == answered * 4
    assert estimate.tokens_per_second_per_gpu == answered * 4 / 4
    assert estimate.load == (None if offered is None else offered / 8)
    assert estimate.feasible is not overloaded


def test_without_capacity_or_means_nothing_is_known():
    """A figure would be made up of a load that nothing can carry."""
    bare = served(capacity=None, closed_form=None, workload=Workload(rate=9.0, **ONE))
    assert (bare.offered_rate, bare.overloaded, bare.load, bare.replicas_needed) == (9, False, None, None)
    figures = ("requests_per_second", "tokens_per_second", "tokens_per_second_per_gpu", "cost_per_million_tokens")
    more = ("least_cost_per_million_tokens", "prefill_share", "average_power_watts", "joules_per_token")
    assert [getattr(bare, figure) for figure in (*figures, *more)] == [None] * 8
    assert bare.cost_per_million_output_tokens is None
    assert served(capacity=None, workload=Workload(trace=TRACE, **ONE)).offered_rate == 2
    assert list(bare.warnings) == ["old", "odd", "said"]


def test_a_server_is_feasible_where_all_latencies_hold():
    """One limit that breaks would pass beside another that holds."""
    holds, breaks = SimpleNamespace(holds=True), SimpleNamespace(holds=False)
    assert served(kept=(holds, holds)).feasible
    assert not served(kept=(holds, breaks)).feasible
    assert not served(kv_bytes=70.0).feasible


def test_replicas_have_room_to_spare():
    """A plan would need as many as just do, or more than a trace has requests."""
    assert served(workload=Workload(rate=9.6, **ONE)).replicas_needed == 3  # 1.2 / 0.8 of two
    assert served(workload=Workload(rate=9.7, **ONE)).replicas_needed == 4
    assert served().prefill_replicas_needed is None
    both = served(pool=8, workload=Workload(rate=16.0, **ONE))
    assert (both.replicas_needed, both.prefill_replicas_needed) == (5, 8)
    assert served(workload=Workload(trace=BURST, **ONE)).replicas_needed == 4


def test_tokens_cost_what_all_accelerators_do():
    """Peaks would be free, prompts and answers cost more than both together, or idle hours be paid by nobody."""
    hour, second = 3 * 4, 3 * 4 / 3600
    estimate = served()
    assert estimate.cost_per_million_tokens == pytest.approx(hour / (4 * 4 * 3600) * 1e6, rel=1e-12)
    assert estimate.least_cost_per_million_tokens == pytest.approx(hour / (8 * 4 * 3600) * 1e6, rel=1e-12)
    assert estimate.cost_per_million_input_tokens == pytest.approx(0.25 * second / (4 * 16) * 1e6, rel=1e-12)
    assert estimate.cost_per_million_output_tokens == pytest.approx(0.75 * second / (4 * 4) * 1e6, rel=1e-12)
    peaks = served(workload=Workload(rate=4.0, peak=1.5, **ONE))
    assert peaks.cost_per_million_tokens == pytest.approx(1.5 * estimate.cost_per_million_tokens)
    assert peaks.least_cost_per_million_tokens == estimate.least_cost_per_million_tokens
    free = served(plan={"price_per_gpu_hour": None})
    assert (free.cost_per_million_tokens, free.least_cost_per_million_tokens) == (None, None)


def test_prompts_take_their_share_of_the_price():
    """A pool that reads prompts would be paid for by what is busy, or an overloaded server by what nobody counted."""
    assert served().prefill_share == 0.25
    assert served(pool=12).prefill_share == 12 / 16
    assert served(workload=Workload(rate=10.0, **ONE)).prefill_share == 0.125
    assert served(workload=Workload(rate=10.0, **ONE), closed_form=None).prefill_share == 0.125


def test_energy_is_that_of_all_accelerators_over_what_they_answer():
    """One accelerator alone would draw power, the hall cool for nothing, or an overloaded server rest."""
    idle = served(closed_form=evolve(MEANS, busy_share=0.0)).average_power_watts
    assert served(closed_form=evolve(MEANS, busy_share=1.0)).average_power_watts == 500
    watts = served().average_power_watts
    assert watts == pytest.approx((500 + idle) / 2)
    assert 0 < idle < 250
    assert served(plan={"pue": 1.5}).joules_per_token == pytest.approx(watts * 1.5 * 4 / (4 * 4))
    full = served(workload=Workload(rate=10.0, **ONE), closed_form=None)
    assert full.joules_per_token == pytest.approx(500 * 4 / (8 * 4))
    unknown = served(plan={"hardware": SimpleNamespace(memory_bytes=100.0, tdp_watts=None)})
    assert (unknown.average_power_watts, unknown.joules_per_token) == (None, None)


@pytest.mark.parametrize(
    ("workload", "said"),
    [
        (Workload(rate=7.2, **ONE), None),
        (Workload(rate=7.3, **ONE), "load 91% of the capacity: waiting depends on every burst"),
        (Workload(rate=8.0, **ONE), None),
        (Workload(trace=tuple(Request(at / 16, 1, 1) for at in range(5)), **ONE), "asks for 16 requests/s, more"),
        (
            Workload(trace=tuple(Request(at / 8, 1, 1) for at in range(9)), **ONE),
            "asks for 8 requests/s, more than the 8/s",
        ),
    ],
)
def test_a_load_near_the_capacity_is_warned_of(workload, said):
    """Somebody would count on latencies that grow with every burst, or be warned of what is refused anyway."""
    found = [warning for warning in served(workload=workload).warnings if warning not in ("old", "odd", "said")]
    assert len(found) == (said is not None)
    assert all(said in warning for warning in found)
