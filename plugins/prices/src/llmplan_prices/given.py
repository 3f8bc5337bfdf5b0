"""Prices and emissions as people give them: a number, a word that a plugin knows, a file, a table of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.request.values import as_money, as_not_negative, as_text, refuse

if TYPE_CHECKING:
    from llmplan_prices.records import ApiPrice, Grid, Price

_WANTED = "a price, like 2.5, median, or a provider of llmplan list prices"


def as_price(value: Any, name: str) -> float | str | Price:
    """An amount, a word, or the whole price of a result."""
    from llmplan_prices.records import Price

    if isinstance(value, Price):
        return value
    if isinstance(value, Mapping):
        try:
            return Price.of_table(value)
        except BadInputError as error:
            raise BadInputError(f"{name}: {error}") from error
    if isinstance(value, str) and "," in value:
        raise refuse(name, value, f"{_WANTED}; a search looks one up for each accelerator")
    return _amount_or_word(value, name, _WANTED)


def as_carbon(value: Any, name: str) -> float | str | Grid:
    """Grams a kilowatt-hour, a region, or the record of one."""
    from llmplan_prices.records import Grid

    if isinstance(value, Grid):
        return value
    if isinstance(value, Mapping):
        try:
            return Grid.of_table(value)
        except BadInputError as error:
            raise BadInputError(f"{name}: {error}") from error
    if isinstance(value, str):
        value = value.strip()
        for unit in ("g/kWh", "g"):
            value = value.removesuffix(unit) if value[:1].isdigit() else value
    return _amount_or_word(value, name, "grams of CO2 a kWh, like 369, or a region of llmplan list grids")


def as_api_price(value: Any, name: str) -> ApiPrice:
    """``3/15`` or ``$3/$15``: of a million tokens, input and output; one number is both."""
    from llmplan_prices.records import ApiPrice

    if isinstance(value, ApiPrice):
        return value
    wanted = "the price of a million tokens, input and output, like 3/15"
    prompt, slash, output = value.partition("/") if isinstance(value, str) else (value, "", value)
    try:
        amounts = [as_money(as_not_negative)(one, name) for one in (prompt, output if slash else prompt)]
    except BadInputError:
        raise refuse(name, value, wanted) from None
    if not any(amounts):
        raise refuse(name, value, wanted)
    return ApiPrice(*amounts)


def _amount_or_word(value: Any, name: str, wanted: str) -> float | str:
    """What has a letter and no number in it is a word, for a plugin to look up."""
    try:
        return as_money(as_not_negative)(value, name)
    except BadInputError:
        if not isinstance(value, str) or not any(letter.isalpha() for letter in value) or value[:1] in "-+$":
            raise refuse(name, value, wanted) from None
    return as_text(value, name)
