"""What serving costs and emits, reckoned on paper in round numbers."""

from types import SimpleNamespace

import pytest

from llmplan_prices import figures

SERVED = SimpleNamespace(of_request=lambda prompt, output: 0.25 * prompt + 0.5 * output)
"""An API that takes a quarter for each token of a prompt and a half for each of an answer."""


def batch(price=3.0, api=SERVED, grid=None, **own):
    """A static batch on eight accelerators, of prompts of 8 tokens that are answered with 4."""
    layout = SimpleNamespace(gpus=8.0)
    parts = {name: part for name, part in (("api_price", api), ("carbon", grid)) if part is not None}
    plan = SimpleNamespace(price_per_gpu_hour=price, layout=layout, parts=parts, prompt_tokens=8, output_tokens=4)
    return SimpleNamespace(plan=plan, **own)


def served(capacity=0.5, **changes):
    """The same by a server of 12 accelerators in two pools, whose prompts have 16 tokens on average and answers 2."""
    most = None if capacity is None else SimpleNamespace(requests_per_second=capacity)
    estimate = batch(**changes)
    estimate.server = SimpleNamespace(gpus=12.0)
    estimate.mean_lengths, estimate.capacity = (16.0, 2.0), most
    return estimate


def test_all_accelerators_are_paid_for_730_hours_a_month():
    """The second pool of a server would be free, or a month have another number of hours than 8,760 / 12."""
    assert (figures.price_per_hour(batch()), figures.price_per_hour(served())) == (3 * 8, 3 * 12)
    assert (figures.price_per_month(batch()), figures.price_per_month(served())) == (24 * 730, 36 * 730)
    assert figures.price_per_hour(batch(price=None)) is None is figures.price_per_month(batch(price=None))


def test_an_api_is_paid_by_the_lengths_of_the_traffic():
    """A server's requests would be as long as those that its plan names."""
    assert figures.api_cost_per_million_tokens(batch()) == (8 / 4 + 4 / 2) / 4 * 1_000_000
    assert figures.api_cost_per_million_tokens(served()) == (16 / 4 + 2 / 2) / 2 * 1_000_000
    assert figures.api_cost_per_million_tokens(batch(api=None)) is None


def test_where_the_accelerators_cost_what_the_api_does():
    """The load that is named would be that of another hour, or its share that of another server."""
    assert figures.break_even_requests_per_second(batch()) == 24 / 3600 / 4
    assert figures.break_even_share(batch(tokens_per_second=2.0)) == pytest.approx(24 / 3600 / 4 / (2 / 4), rel=1e-12)
    assert figures.break_even_requests_per_second(served()) == 36 / 3600 / 5
    assert figures.break_even_share(served()) == pytest.approx(36 / 3600 / 5 / 0.5, rel=1e-12)
    for unknown in (batch(price=None), batch(api=None), served(capacity=None), served(capacity=0.0)):
        assert figures.break_even_share(unknown) is None


def test_energy_emits_what_the_grid_does():
    """Grams would be no million of a tonne, or joules no 3.6 million of a kilowatt-hour."""
    grid = SimpleNamespace(grams_per_kwh=500.0)
    assert figures.carbon_tonnes(batch(grid=grid, energy_kwh=4000.0)) == 4000 * 500 / 1_000_000
    assert figures.carbon_grams_per_million_tokens(batch(grid=grid, joules_per_token=7.2)) == 2 * 500
    for of, key in (
        (figures.carbon_tonnes, "energy_kwh"),
        (figures.carbon_grams_per_million_tokens, "joules_per_token"),
    ):
        assert of(batch(**{key: 1.0})) is None
        assert of(batch(grid=grid, **{key: None})) is None


def test_shares_stand_in_percent():
    """A column that says percent would hold parts of one."""
    shares = [figure for figure in figures.FIGURES if "%" in figure.heading]
    assert [0.25 / figure.scale for figure in shares] == [25, 25]
