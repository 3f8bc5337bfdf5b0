"""Prices and emissions in plans, searches, comparisons and results: the same money wherever it is asked for."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from llmplan import compare, hookimpl, infer, train
from llmplan.catalogues import plugged
from llmplan.errors import BadInputError, PluginFailedError
from llmplan.output.document import document
from llmplan.request import InferRequest, TrainRequest
from llmplan.request.plan_file import read_plan
from llmplan.search import InferenceSpace, TrainingSpace, search
from llmplan_prices.figures import (
    api_cost_per_million_tokens,
    break_even_requests_per_second,
    break_even_share,
    carbon_grams_per_million_tokens,
    carbon_tonnes,
)
from llmplan_prices.records import Price

PLAN = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "tp": 1, "pp": 1, "dp": 8}
TRAIN = {
    **PLAN, "cp": 1, "micro_batch": 1, "gradient_accumulation": 4, "seq_len": 2048, "tokens": 1e9, "recompute": "none"
}  # fmt: skip
INFER = {**PLAN, "dp": 1, "prompt_tokens": 512, "output_tokens": 128}
AWS = 6.88
"""Of an H100, by the published list."""


@pytest.fixture(autouse=True)
def _as_things_were(monkeypatch, tmp_path):
    """Prices get old, and whoever runs the tests may keep a list."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795910400")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own(tmp_path):
    """A list and hardware of one's own."""
    (tmp_path / "list.csv").write_text("gpu,provider,usd_per_gpu_hour\nH100,contract,1.5\nA100,contract,0.9\n")
    (tmp_path / "own.toml").write_text(
        "years = 4\nutilisation = 0.5\nelectricity_per_kwh = 0.2\ncapital = 35_040.0\ndate = '2026-11-01'\n"
    )


def test_a_word_is_the_number_that_it_stands_for():
    """A plan, a search or a comparison would cost something else by the same price."""
    word, number = train(**TRAIN, price="aws"), train(**TRAIN, price_per_gpu_hour=AWS)
    assert word.cost == number.cost == train(**TRAIN, price=AWS).cost == pytest.approx(word.gpu_hours * AWS)
    assert (word.plan.parts["price"].provider, word.plan.parts["price"].region) == ("aws", "us-east-1")
    assert infer(**INFER, price="aws").cost_per_million_tokens == infer(**INFER, price=AWS).cost_per_million_tokens
    rows = compare(train, **TRAIN, price=["aws", "2", "nobody"]).variants
    assert [row.estimate and row.estimate.plan.price_per_gpu_hour for row in rows] == [AWS, 2.0, None]


def test_prices_given_as_records_are_compared_by_their_words():
    """A comparison in Python would fail on a price that ``train`` takes."""
    prices = [Price(per_gpu_hour=2.0, provider="us"), {"per_gpu_hour": 3.0}, 4]
    rows = compare(train, **TRAIN, price=prices).variants
    assert [row.varied["price"] for row in rows] == ["2 a GPU-hour: us", 3.0, 4.0]
    assert [row.estimate.cost / row.estimate.gpu_hours for row in rows] == pytest.approx([2.0, 3.0, 4.0])


def test_a_search_prices_each_accelerator_by_itself_and_keeps_the_budget_at_the_confidence():
    """The dearer accelerator would win, or a budget hold for the point estimate alone."""
    space = {**TRAIN, "gpu": ["h100-sxm-80gb", "a100-sxm-80gb"], "micro_batch": [1, 2], "gradient_accumulation": None}
    space["global_batch"] = 32
    found = search(TrainingSpace(**space, price="aws"), "cost", top=20)
    prices = {best.plan.hardware.name: best.plan.price_per_gpu_hour for best in found.best}
    assert prices == {"h100-sxm-80gb": AWS, "a100-sxm-80gb": 3.4309}
    stated = search(TrainingSpace(**space, price_per_gpu_hour=[AWS, 3.4309]), "cost", top=20)
    assert [best.cost for best in found.best] == [best.cost for best in stated.best]
    dearest = [best.cost * best.time_spread.upper(0.9) for best in found.best]
    budget = sorted(dearest)[1]
    kept = search(TrainingSpace(**space, price="aws"), "cost", top=20, budget=budget * 1.0001)
    assert len(kept.best) == sum(one <= budget * 1.0001 for one in dearest)


def test_a_search_for_a_server_ranks_by_the_same_price():
    """``search infer --objective cost`` would not know a price that ``infer`` does."""
    space = {**PLAN, "dp": None, "tp": [1, 2], "rate": 2.0, "requests": 0}
    found = search(InferenceSpace(**space, price="aws", api_price="0.2/0.6", carbon=100), "cost", top=1)
    best = found.best[0]
    assert best.plan.price_per_gpu_hour == AWS
    assert break_even_share(best) > 0 < carbon_grams_per_million_tokens(best)


@pytest.mark.parametrize(
    "options",
    [
        {"price": "median", "carbon": "france"},
        {"price": 2.5, "carbon": 100},
        {"price": "aws", "price_region": "us-east-1", "price_market": "on-demand"},
        {"price": "contract", "price_file": "list.csv"},
        {"price_file": "list.csv"},
        {"price": "own.toml", "pue": 1.3},
        {"price": {"per_gpu_hour": 1.25, "provider": "us", "date": "2026-11-01", "terms": {"capital": 1.25}}},
        {"price_per_gpu_hour": 2.0},
    ],
)
@pytest.mark.parametrize("command", [train, infer])
@pytest.mark.usefixtures("own")
def test_a_result_comes_back_the_same_without_its_files(command, options, tmp_path):
    """A stored result would cost something else once a list has moved, or not be read at all."""
    plan, request = (TRAIN, TrainRequest) if command is train else (INFER | {"api_price": "3/15"}, InferRequest)
    first = document(command(**plan, **options))
    for path in (tmp_path / "list.csv", tmp_path / "own.toml"):
        path.unlink()
    stored = tmp_path / "elsewhere" / "result.json"
    stored.parent.mkdir()
    stored.write_text(json.dumps(first))
    again = document(command(**read_plan(str(stored), request)))
    assert again == {**first, "request": again["request"]}
    assert again["price"] == first["price"] is not None


@pytest.mark.usefixtures("own")
def test_a_search_of_several_accelerators_at_own_prices_comes_back(tmp_path):
    """Two tables would stand where one price is taken."""
    space = {**TRAIN, "gpu": ["h100-sxm-80gb", "a100-sxm-80gb"], "price_file": "list.csv"}
    found = search(TrainingSpace(**space), "cost")
    stored = tmp_path / "elsewhere" / "result.json"
    stored.parent.mkdir()
    stored.write_text(json.dumps(document(found)))
    options = read_plan(str(stored), TrainRequest)
    assert train(**options).cost == found.best[0].cost == pytest.approx(found.best[0].gpu_hours * 1.5)
    from llmplan.request import SearchRequest

    asked = read_plan(str(stored), TrainRequest, SearchRequest)
    objective = asked.pop("objective")
    assert [best.cost for best in search(TrainingSpace(**asked), objective).best] == [best.cost for best in found.best]


@pytest.mark.usefixtures("own")
def test_a_plan_file_names_prices_beside_it(tmp_path, monkeypatch):
    """A plan in another folder would look for its list where somebody happens to stand."""
    for name, line in (("list", 'price_file = "list.csv"'), ("own", 'price = "own.toml"'), ("plain", "price = 2.5")):
        (tmp_path / f"{name}-plan.toml").write_text(line)
    monkeypatch.chdir("/")
    prices = [
        train(**TRAIN, **read_plan(str(tmp_path / f"{name}-plan.toml"), TrainRequest)).plan.parts["price"].provider
        for name in ("list", "own", "plain")
    ]
    assert prices == ["contract", "own hardware", ""]


def test_an_old_price_is_warned_of():
    """Somebody would book by what a GPU cost last winter."""
    days = {
        date: train(**TRAIN, price=Price(per_gpu_hour=2, date=date)).warnings for date in ("2026-09-30", "2026-09-29")
    }
    assert not any("ask again" in warning for warning in days["2026-09-30"])
    assert any("2 a GPU-hour, asked 2026-09-29, is 61 days old: ask again" in warning for warning in days["2026-09-29"])
    assert any("days old" in warning for warning in infer(**{**INFER, "gpu": "tpu-v5e", "tp": 4}, price="gcp").warnings)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 10), st.floats(0, 5), st.floats(0.01, 20))
def test_at_break_even_a_server_costs_what_the_api_does(price, prompt, output):
    """The load that is named would not be the one from which on the GPUs cost less."""
    server = {**INFER, "requests": 0, "price": price, "api_price": f"{prompt}/{output}"}
    estimate = infer(**server, rate=1.0)
    even = break_even_requests_per_second(estimate)
    assert even == pytest.approx(price / 3600 / (512e-6 * prompt + 128e-6 * output))
    assert break_even_share(estimate) == pytest.approx(even / estimate.capacity.requests_per_second)
    warned = any("the API costs less than this server under any load" in warning for warning in estimate.warnings)
    assert warned == (break_even_share(estimate) > 1)
    if 0.01 < break_even_share(estimate) < 0.95:
        there = infer(**server, rate=even)
        assert there.cost_per_million_tokens == pytest.approx(api_cost_per_million_tokens(there))
        assert infer(**server, rate=even * 1.02).cost_per_million_tokens < api_cost_per_million_tokens(there)


def test_a_batch_breaks_even_where_it_costs_the_same():
    """The share of a batch's own speed would be another than that of the two costs."""
    estimate = infer(**INFER, batch=16, price=3.6, api_price="1/2")
    assert api_cost_per_million_tokens(estimate) == pytest.approx((512 * 1 + 128 * 2) / 128)
    costs = estimate.cost_per_million_tokens / api_cost_per_million_tokens(estimate)
    assert break_even_share(estimate) == pytest.approx(costs)
    assert break_even_share(infer(**INFER, price=3.6)) is None
    assert break_even_requests_per_second(infer(**INFER, api_price="1/2")) is None


def test_carbon_is_energy_by_the_grid():
    """Tonnes of a run, or grams of tokens, would not be those of its energy in the data center."""
    run = train(**TRAIN, carbon="france", pue=1.5)
    assert carbon_tonnes(run) == pytest.approx(run.energy_kwh * 56.0 / 1e6)
    plain, hall = infer(**INFER, batch=8, carbon=360), infer(**INFER, batch=8, carbon=360, pue=2)
    assert carbon_grams_per_million_tokens(plain) == pytest.approx(plain.joules_per_token * 100)
    assert carbon_grams_per_million_tokens(hall) == pytest.approx(2 * carbon_grams_per_million_tokens(plain))
    loaded = infer(**INFER, rate=2, requests=0, carbon=360, pue=2)
    assert carbon_grams_per_million_tokens(loaded) == pytest.approx(loaded.joules_per_token * 100)
    assert carbon_tonnes(train(**TRAIN)) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"price": "median", "price_per_gpu_hour": 2},
            "price: median contradicts price-per-gpu-hour 2; give one of them",
        ),
        ({"price_market": "spot", "price_per_gpu_hour": 2}, "price-market: spot contradicts price-per-gpu-hour 2"),
        (
            {"price_market": "spot", "price": 2},
            "price-market: spot is where a price is looked up, and price states one",
        ),
        ({"price": "list.csv"}, "price: list.csv is a list of prices: give it as --price-file list.csv"),
        ({"price": "lamda"}, "price: 'lamda' is unknown; did you mean lambda"),
        ({"carbon": "frnace"}, "carbon: grid: 'frnace' is unknown; did you mean france"),
        ({"price": "nothing.toml"}, "nothing.toml: No such file"),
    ],
)
def test_a_slip_is_one_line(options, message):
    """A newcomer would read a traceback, or a price of something else."""
    with pytest.raises(BadInputError, match=message):
        train(**TRAIN, **options)


def test_without_the_package_a_number_still_is_a_price():
    """An installation without prices could not plan, or would take an option of theirs for granted."""
    priced = train(**TRAIN, price=2.0).cost
    with plugged(without=("llmplan-prices",)):
        assert train(**TRAIN, price_per_gpu_hour=2.0).cost == priced
        for name in ("price", "carbon"):
            with pytest.raises(TypeError, match=f"'{name}' is no option of training"):
                train(**TRAIN, **{name: "france"})


def test_a_source_that_answers_nonsense_is_named():
    """A stranger's plugin would leave a number without a name in a plan."""
    source = SimpleNamespace(name="acme", description="", default=False, price=lambda _asked: 2.0)
    said = "price: acme of acme-prices answered with a float, not a Price"
    plugin = SimpleNamespace(__name__="acme_prices", llmplan_prices=hookimpl(lambda: [source]))
    with plugged(plugin), pytest.raises(PluginFailedError, match=said):
        train(**TRAIN, price="acme")
