"""Lists of prices: this package's own, and those of users. A row is what one provider asks for one accelerator."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Any

from attrs import evolve, fields, frozen

from llmplan.errors import BadInputError, shown
from llmplan.records import HardwareProfile
from llmplan.text_file import read_text
from llmplan_prices.records import Price

_FILE = Path(__file__).with_name("prices.csv")
ON_DEMAND = "on-demand"
_PRICE, _DATE = "usd_per_gpu_hour", "date"
_NEEDED = ("gpu", _PRICE)


@frozen(kw_only=True)
class Quote:
    """A row; its fields are the columns."""

    gpu: str
    provider: str = "own"
    market: str = ON_DEMAND
    usd_per_gpu_hour: float
    region: str = ""
    """Empty where the provider asks the same everywhere."""
    date: str = ""
    source: str = ""

    def is_of(self, hardware: HardwareProfile) -> bool:
        """Whether it is of this accelerator, by its name or an alias."""
        names = (hardware.name, *getattr(hardware, "aliases", ()))
        return self.gpu.lower() in [name.lower() for name in names]

    def price(self, *, own: bool) -> Price:
        """The record that plans are priced with."""
        return Price(
            per_gpu_hour=self.usd_per_gpu_hour,
            provider=self.provider,
            market=self.market,
            region=self.region,
            date=self.date,
            source=self.source,
            own=own,
        )


_COLUMNS = tuple(of.name for of in fields(Quote))


def published() -> tuple[Quote, ...]:
    """The list of published prices that this package ships."""
    return _read(str(_FILE), _stamp(str(_FILE)), "")


def of_file(path: str) -> tuple[Quote, ...]:
    """A user's list; BadInputError names row and column. A file that has not changed is read once."""
    return _read(path, _stamp(path), "price-file")


def place() -> Path:
    """Where a user's own list is looked for without being named."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - without a home too
    return Path(home) / "llmplan" / "prices.csv"


def kept() -> tuple[Quote, ...]:
    """The list in that place; none where there is no file."""
    found = place()
    return of_file(str(found)) if found.is_file() else ()


def _stamp(path: str) -> tuple[int, ...]:
    """Another one where the file has changed."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=8)
def _read(path: str, _stamp: tuple[int, ...], option: str) -> tuple[Quote, ...]:
    where = f"{option}: {path}" if option else path
    lines = csv.reader(read_text(path, option).splitlines(), strict=True)
    try:
        rows = [(lines.line_num, row) for row in lines if any(map(str.strip, row))]
    except csv.Error as error:
        raise BadInputError(f"{where}: row {lines.line_num}: {error}") from error
    if not rows:
        raise BadInputError(f"{where}: no prices; wanted are rows of {', '.join(_COLUMNS)}")
    columns = _columns(where, rows[0][1])
    quotes = tuple(_quotes(where, columns, rows[1:]))
    if not quotes:
        raise BadInputError(f"{where}: no prices below the row of column names")
    return tuple(quote if quote.source else evolve(quote, source=Path(path).name) for quote in quotes)


def _columns(where: str, head: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in head]
    for column in columns:
        if column not in _COLUMNS:
            amount = any(word in column for word in ("price", "usd", "cost"))
            near = [_PRICE] if amount else get_close_matches(column, _COLUMNS, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(_COLUMNS)}"
            raise BadInputError(
                f"{where}: row 1, column {column or 'without a name'}: not a column of prices; {advice}"
            )
    for needed in _NEEDED:
        if needed not in columns:
            raise BadInputError(f"{where}: row 1: no column {needed}; there are {', '.join(columns)}")
    return columns


def _quotes(where: str, columns: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> Iterator[Quote]:
    """Each with the number of its line."""
    for number, row in rows:
        at = f"{where}: row {number}"
        if len(row) < len(columns):
            raise BadInputError(f"{at}, column {columns[len(row)]}: missing; leave a comma for what is empty")
        if len(row) > len(columns):
            raise BadInputError(f"{at}, column {len(columns) + 1}: {shown(row[len(columns)])} is in no column")
        cells = {column: cell.strip() for column, cell in zip(columns, row, strict=True)}
        yield _quote(at, {column: cell for column, cell in cells.items() if cell})


def _quote(at: str, cells: Mapping[str, str]) -> Quote:
    for needed in _NEEDED:
        if needed not in cells:
            raise BadInputError(f"{at}, column {needed}: empty")
    values: dict[str, Any] = {**cells, _PRICE: _amount(f"{at}, column {_PRICE}", cells[_PRICE])}
    values |= {name: cells[name].lower() for name in ("provider", "market") if name in cells}
    quote = Quote(**values)
    try:
        quote.price(own=True)
    except BadInputError as error:
        raise BadInputError(f"{at}, column {error}") from error
    return quote


def _amount(at: str, cell: str) -> float:
    try:
        amount = float(cell.lstrip("$"))
    except ValueError:
        amount = -1.0
    if not 0 < amount < inf:
        raise BadInputError(f"{at}: {shown(cell)} is not a price above 0, like 2.5")
    return amount
