"""``llmplan prices``: the rows behind ``--price``."""

import json
from difflib import get_close_matches
from typing import Annotated

import typer
from attrs import asdict

from llmplan.catalogues import GPUS
from llmplan.cli.options import completer
from llmplan.cli.tables import print_table
from llmplan.errors import UnknownNameError

_HELP = "Prices of accelerators, with who asks them, and when."


def add_prices(app: typer.Typer) -> None:
    """Add ``llmplan prices`` to the app."""

    @app.command("prices", help=_HELP)
    def prices(
        gpu: Annotated[
            str | None, typer.Argument(help="Of which; all without one.", autocompletion=completer("gpus"))
        ] = None,
        market: Annotated[str | None, typer.Option(help="on-demand, reserved, spot, marketplace.")] = None,
        price_file: Annotated[str | None, typer.Option(metavar="FILE.csv", help="Of your own list.")] = None,
        json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        from llmplan.space.choice import find_record
        from llmplan_prices.quotes import kept, of_file, published

        quotes = [*kept(), *published()] if price_file is None else list(of_file(price_file))
        if gpu is not None:
            hardware = find_record(gpu, "gpu", GPUS)
            quotes = [quote for quote in quotes if quote.is_of(hardware)]
        if market is not None:
            known = dict.fromkeys(quote.market for quote in quotes)
            quotes = [quote for quote in quotes if quote.market == market.lower()]
            if not quotes and known:
                near = get_close_matches(market.lower(), known, n=1)
                said = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise UnknownNameError(f"market: {market!r} is unknown; {said}", (market, near[0]) if near else None)
        quotes.sort(key=lambda quote: (quote.gpu, quote.usd_per_gpu_hour))
        if json_:
            print(json.dumps([asdict(quote) for quote in quotes], indent=2))
        elif not quotes:
            print(f"no price of {gpu} is known; llmplan prices lists all")
        else:
            head = ("gpu", ">USD", "provider", "market", "region", "date", "source")
            print_table(head, [
                (one.gpu, f"{one.usd_per_gpu_hour:.4g}", one.provider, one.market, one.region, one.date, one.source)
                for one in quotes
            ])  # fmt: skip
