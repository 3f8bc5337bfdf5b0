"""Lists of prices: what stands in the published one, what is refused in a user's, and what a word makes of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from llmplan import registry
from llmplan.errors import BadInputError
from llmplan_prices import sources
from llmplan_prices.quotes import Quote, of_file, place, published
from llmplan_prices.records import PriceAsked

H100 = registry().gpus["h100-sxm-80gb"]


@pytest.fixture(autouse=True)
def _no_list_of_this_machine(monkeypatch, tmp_path):
    """Whoever runs the tests may keep one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def asked(word="median", hardware=H100, **options):
    """The price that a word stands for."""
    catalogue = registry().prices
    return catalogue[word if word in catalogue else "median"].price(PriceAsked(word=word, hardware=hardware, **options))


def kept(text):
    """A list in the place where nobody has to name it."""
    place().parent.mkdir(parents=True)
    place().write_text(text)


def test_every_published_price_can_be_found_and_checked():
    """A row would be of an accelerator that nobody can name, or could not be looked up again."""
    for quote in published():
        assert quote.gpu in registry().gpus
        assert quote.market in {"on-demand", "spot", "reserved", "marketplace"}
        assert quote.date
        assert quote.source
        assert asked(quote.provider, registry().gpus[quote.gpu], market=quote.market, region=quote.region)
    keys = [(quote.gpu, quote.provider, quote.market, quote.region) for quote in published()]
    assert len(set(keys)) == len(keys)


def test_every_grid_has_one_name():
    """A region would have two answers."""
    grids = list(registry().grids.values())
    words = [word for grid in grids for word in (grid.name, *grid.aliases)]
    assert len(set(words)) == len(words)
    assert all(grid.source and 0 < grid.grams_per_kwh < 1000 for grid in grids)
    assert registry().grids["us-east-1"] is registry().grids["us-east4"]


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.floats(0.1, 20), st.sampled_from(["2026-10-01", "2026-11-01"])),
    min_size=2, max_size=12,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(ROWS, st.sampled_from(sorted(sources.PERCENTILES)))
def test_a_percentile_is_of_providers_each_at_its_least(rows, word):
    """A dear region of one provider would move the price, or a percentile leave what is asked."""
    quotes = tuple(Quote(gpu="H100", provider=who, usd_per_gpu_hour=usd, date=date) for who, usd, date in rows)
    least = sorted({who: min(usd for other, usd, _ in rows if other == who) for who, _, _ in rows}.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "published", lambda: quotes)
        price = asked(word).per_gpu_hour
        dearer = (*quotes, Quote(gpu="H100", provider=rows[0][0], usd_per_gpu_hour=99.0, date="2026-11-01"))
        patch.setattr(sources, "published", lambda: dearer)
        assert asked(word).per_gpu_hour == price
        shares = [asked(each).per_gpu_hour for each in ("p10", "p25", "median", "p75", "p90")]
    assert least[0] - 1e-6 <= price <= least[-1] + 1e-6
    assert shares == sorted(shares)


def test_a_percentile_by_hand(monkeypatch):
    """1, 2, 4, 8: a quarter of the way is 1.75, the middle 3; the date is the middle one."""
    quotes = [
        Quote(gpu="h100-sxm-80gb", provider=f"p{usd}", usd_per_gpu_hour=usd, date=f"2026-1{month}-01", source="x")
        for month, usd in zip((0, 1, 1, 2), (1, 2, 4, 8), strict=True)
    ]
    monkeypatch.setattr(sources, "published", lambda: quotes)
    assert (asked("p25").per_gpu_hour, asked("median").per_gpu_hour) == (1.75, 3.0)
    assert asked("median").date == "2026-11-01"
    assert "asked 2026-10-01 to 2026-12-01" in asked("median").source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no prices; wanted are rows of gpu, provider, market, usd_per_gpu_hour, region, date, source"),
        ("gpu,usd_per_gpu_hour\n", "no prices below the row of column names"),
        ("gpu,price\nH100,2\n", "row 1, column price: not a column of prices; did you mean usd_per_gpu_hour"),
        ("gpu,colour\nH100,2\n", "row 1, column colour: not a column of prices; there are gpu,"),
        (
            "gpu,usd_per_gpuhour\nH100,2\n",
            "row 1, column usd_per_gpuhour: not a column of prices; did you mean usd_per_g",
        ),
        ("gpu,date\nH100,2026-01-01\n", "row 1: no column usd_per_gpu_hour"),
        ("gpu,usd_per_gpu_hour\nH100,2\n\nH100,two\n", "row 4, column usd_per_gpu_hour: 'two' is not a price above 0"),
        ("gpu,usd_per_gpu_hour\nH100,-2\n", "row 2, column usd_per_gpu_hour: '-2' is not a price above 0"),
        ("gpu,usd_per_gpu_hour\nH100,nan\n", "row 2, column usd_per_gpu_hour: 'nan' is not a price above 0"),
        ("gpu,usd_per_gpu_hour\n,2\n", "row 2, column gpu: empty"),
        ("gpu,usd_per_gpu_hour,date\nH100,2,1 May\n", "row 2, column date: '1 May' is not a date like 2026-11-09"),
        ("gpu,usd_per_gpu_hour,date\nH100,2\n", "row 2, column date: missing"),
        ("gpu,usd_per_gpu_hour\nH100,2,3\n", "row 2, column 3: '3' is in no column"),
        ('gpu,usd_per_gpu_hour\n"H100,2\n', "row 2: unexpected end of data"),
    ],
)
def test_a_bad_list_is_one_line_with_row_and_column(text, message, tmp_path):
    """Whoever wrote the list would have to look for the cell."""
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(BadInputError) as caught:
        of_file(str(path))
    assert str(caught.value).startswith(f"price-file: {path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_list_that_is_named_is_the_only_one(tmp_path):
    """A published price would stand in for one that the contract does not have."""
    path = tmp_path / "list.csv"
    path.write_text("gpu,provider,usd_per_gpu_hour\nH100,Our Cloud,1.5\n")
    price = asked(file=str(path))
    assert (price.per_gpu_hour, price.provider, price.own, price.source) == (1.5, "our cloud", True, "list.csv")
    assert asked("our cloud", file=str(path)).per_gpu_hour == 1.5
    with pytest.raises(BadInputError, match=r"no price of l40s; state one, --price 2.5, or there are H100"):
        asked(hardware=registry().gpus["l40s"], file=str(path))
    with pytest.raises(BadInputError, match="'our clowd' is unknown; did you mean our cloud"):
        asked("our clowd", file=str(path))


def test_a_list_in_its_place_wins_where_it_has_the_accelerator():
    """A contract would be forgotten, or hide what others ask for everything else."""
    before, other = asked(), asked(hardware=registry().gpus["l40s"])
    kept("gpu,provider,market,usd_per_gpu_hour\nH100,contract,reserved,1.5\n")
    assert (asked().per_gpu_hour, asked().own) == (1.5, True)
    assert asked("contract").per_gpu_hour == 1.5
    assert asked("aws").per_gpu_hour == 6.88
    assert asked(market="on-demand").per_gpu_hour == before.per_gpu_hour
    assert asked(hardware=registry().gpus["l40s"]).per_gpu_hour == other.per_gpu_hour
    assert not asked(hardware=registry().gpus["l40s"]).own


def test_a_provider_of_a_list_in_its_place_has_a_name():
    """``llmplan list prices`` would not know whose price ``--price`` takes."""
    kept("gpu,provider,usd_per_gpu_hour\nH100,contract,1.5\n")
    assert "contract" in [source.name for source in sources.sources()]
    place().write_text("nonsense")
    assert "aws" in [source.name for source in sources.sources()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"market": "spto"}, "price-market: no 'spto' price of h100-sxm-80gb; did you mean spot"),
        (
            {"region": "us-eats-1", "word": "aws"},
            "price-region: no 'us-eats-1' price of h100-sxm-80gb; did you mean us-",
        ),
        ({"word": "digitalocean"}, "price: digitalocean has no price of h100-sxm-80gb; .*aws"),
        ({"hardware": SimpleNamespace(name="acme", aliases=())}, "price: no price of acme; state one, --price 2.5, or"),
    ],
)
def test_what_there_is_no_price_of_says_what_there_is(options, message):
    """A slip would be answered with nothing to go on with."""
    with pytest.raises(BadInputError, match=message):
        asked(**options)


def test_regions_are_kept_apart():
    """Spot in Stockholm would cost what it does in Ohio."""
    h200 = registry().gpus["h200-sxm-141gb"]
    prices = [asked("aws", h200, market="spot", region=region).per_gpu_hour for region in ("eu-north-1", "us-east-2")]
    assert prices == pytest.approx([39.8158 / 8, 26.5714 / 8], abs=1e-4)
    assert asked("runpod", h200, region="anywhere").per_gpu_hour == 4.59
