"""Passes over several prompts: what each further one adds, before computation binds and after."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from llmplan_serving_load.queueing.prefill import PrefillTimes

TIMES = PrefillTimes(
    seconds=1.0,
    square=1.0,
    extra=0.5,
    packed_seconds=0.3,
    packed_extra=0.25,
    held=16.0,
    some=4.0,
    another=0.1,
    further=0.25,
)


def test_further_prompts_cost_what_binds_them():
    """By hand: 1 s for one, 0.1 s for each of three more, 0.25 s for each beyond these."""
    assert [1.0 + TIMES.others(prompts) for prompts in (1.0, 4.0, 8.0, 16.0)] == [1.0, 1.3, 2.3, pytest.approx(4.3)]


@given(st.floats(0.1, 3.5))
@settings(max_examples=30, deadline=None)
def test_passes_that_follow_each_other_read_what_came_during_the_last(rate):
    """If it fails, prompts that wait for a pass are more, or fewer, than those that it has room for and that came."""
    prompts = TIMES._backlog(rate)  # noqa: SLF001 - what `at` reads
    assert prompts == pytest.approx(rate * (1.0 + TIMES.others(prompts))) or prompts < 1


def test_many_servers_have_what_each_of_them_has():
    """If it fails, a search over servers reads prompts in other passes than the server alone."""
    rates = np.array([0.2, 1.0, 3.0, 3.9, 5.0])
    together = TIMES.at(rates, 0.5)
    for place, rate in enumerate(rates):
        alone = TIMES.at(float(rate), 0.5)
        assert [np.broadcast_to(getattr(together, name), 5)[place] for name in ("busy", "seconds", "prompts")] == [
            pytest.approx(getattr(alone, name)) for name in ("busy", "seconds", "prompts")
        ]
