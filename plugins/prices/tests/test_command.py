"""``llmplan prices``: the rows behind a price, for people and as JSON."""

from __future__ import annotations

import json

import pytest
from typer import Typer
from typer.testing import CliRunner

from llmplan.errors import BadInputError
from llmplan_prices.command import add_prices


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command by itself, as ``llmplan`` mounts it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = Typer()
    add_prices(app)

    def ran(*arguments):
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False, prog_name="llmplan").output

    return ran


def test_rows_are_of_the_accelerator_and_the_market_cheapest_first(run):
    """What ``--price`` takes could not be looked up."""
    rows = json.loads(run("h100", "--market", "on-demand", "--json"))
    assert {(row["gpu"], row["market"]) for row in rows} == {("h100-sxm-80gb", "on-demand")}
    prices = [row["usd_per_gpu_hour"] for row in rows]
    assert prices == sorted(prices)
    assert all(row["date"] and row["source"] for row in rows)
    assert "aws" in run("h100")
    assert "6.88" in run("h100")


def test_a_list_of_ones_own_is_shown(run, tmp_path):
    """A user could not see how llmplan reads the list."""
    path = tmp_path / "list.csv"
    path.write_text("gpu,provider,usd_per_gpu_hour\nH100,contract,1.5\n")
    assert json.loads(run("h100", "--price-file", str(path), "--json"))[0]["provider"] == "contract"
    assert "no price of l40s is known" in run("l40s", "--price-file", str(path))


def test_a_slip_is_answered_with_the_nearest(run):
    """A newcomer would get an empty table."""
    with pytest.raises(BadInputError, match="market: 'sopt' is unknown; did you mean spot"):
        run("--market", "sopt")
    with pytest.raises(BadInputError, match="gpu: 'h10' is unknown"):
        run("h10")
