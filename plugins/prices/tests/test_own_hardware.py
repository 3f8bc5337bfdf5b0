"""Own hardware: capital, upkeep and power over the hours in which it works."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from llmplan import registry
from llmplan.errors import BadInputError
from llmplan_prices.own_hardware import Terms, hourly, price_of_own
from llmplan_prices.records import PriceAsked

H100, L40S = registry().gpus["h100-sxm-80gb"], registry().gpus["l40s"]
FILE = """
years = 4
utilisation = 0.5
electricity_per_kwh = 0.2
capital = 8_760.0

[gpus.h100-sxm-80gb]
capital = 35_040.0
upkeep = 0.1
residual = 0.25
power_watts = 1_000
pue = 1.5
"""


def priced(tmp_path, text, hardware=H100, pue=None):
    """The price that a file makes of an hour."""
    path = tmp_path / "own.toml"
    path.write_text(text)
    return price_of_own(PriceAsked(word=str(path), hardware=hardware, pue=pue))


def test_an_hour_by_hand(tmp_path):
    """35,040 x 0.75 over 4 x 4,380 hours of work, a tenth of it over 4,380, and 1.5 kWh with a fifth of it beside."""
    price = priced(tmp_path, FILE)
    assert price.terms == pytest.approx({"capital": 1.5, "upkeep": 0.8, "power": 1.0 * 1.5 * 1.2 * 0.2})
    assert price.per_gpu_hour == pytest.approx(sum(price.terms.values()))
    assert (price.own, price.provider) == (True, "own hardware")
    assert "4 years at 50% utilisation" in price.source


def test_an_accelerator_without_a_table_has_the_terms_of_all(tmp_path):
    """Terms of one accelerator would be those of another, or --pue and its TDP be left out."""
    price = priced(tmp_path, FILE, L40S, pue=2.0)
    assert price.terms == pytest.approx({"capital": 0.5, "power": 0.35 * 2.0 * 1.2 * 0.2})
    assert priced(tmp_path, FILE, H100, pue=3.0).terms["power"] == pytest.approx(1.0 * 3.0 * 1.2 * 0.2)


def test_a_building_of_which_nobody_says_anything_takes_nothing(tmp_path):
    """Power would be free without a PUE, or be that of a building that wastes half of it."""
    assert priced(tmp_path, FILE, L40S).terms["power"] == pytest.approx(0.35 * 1.2 * 0.2)


@settings(max_examples=30, deadline=None)
@given(
    capital=st.floats(1e3, 1e5), years=st.floats(1, 10), utilisation=st.floats(0.05, 0.9),
    power_watts=st.floats(50, 3e3),
    electricity_per_kwh=st.floats(0.01, 1), pue=st.floats(1, 2), upkeep=st.floats(0, 0.3), residual=st.floats(0, 0.9),
)  # fmt: skip
def test_what_is_paid_over_the_years_is_what_was_spent(**terms):
    """The hours of work would not add up to the money: capital, upkeep, and the energy of work and of waiting."""
    parts = hourly(Terms(**terms))
    hours = terms["years"] * 8760.0
    worked, waited = hours * terms["utilisation"], hours * (1 - terms["utilisation"])
    energy = terms["power_watts"] / 1e3 * terms["pue"] * (worked + 0.2 * waited)
    spent = terms["capital"] * (1 - terms["residual"] + terms["upkeep"] * terms["years"])
    assert sum(parts.values()) * worked == pytest.approx(spent + energy * terms["electricity_per_kwh"])
    busier = hourly(Terms(**{**terms, "utilisation": terms["utilisation"] * 1.1}))
    assert sum(busier.values()) < sum(parts.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("yeers = 4", "line 1: yeers: not a field .did you mean years"),
        (
            "years = 4\nutilisation = 70\nelectricity_per_kwh = 0.1\ncapital = 1",
            "line 2: utilisation: 70.0 is not a frac",
        ),
        (
            "years = 4\nutilisation = 0.7\nelectricity_per_kwh = 0.1",
            "capital: missing for h100-sxm-80gb, there or under",
        ),
        ("years = 4\ncapital = 1\nelectricity_per_kwh = 0.1", "utilisation: missing for h100-sxm-80gb"),
        ("pue = 0.9", "line 1: pue: 0.9 is not a number of at least 1"),
        ('years = "four"', "line 1: years: 'four' is not a number"),
        ("residual = 1.0", "line 1: residual: 1.0 is not a fraction of at least 0 and below 1"),
        ("[gpus.h100-sxm-80gb]\ncapitol = 1", "gpus.h100-sxm-80gb.capitol: not a field"),
        ("years = ", "line 1"),
    ],
)
def test_a_bad_file_is_one_line_with_the_key(tmp_path, text, message):
    """Whoever wrote the file would have to look for the slip."""
    with pytest.raises(BadInputError, match=message) as caught:
        priced(tmp_path, text)
    assert "\n" not in str(caught.value)
