"""Sizes that make the GPUs: tp x cp x pp x dp, checked, and the last of them where the others are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from llmplan.errors import BadInputError
from llmplan.records import ModelArchitecture

FACTORS = ("tp", "cp", "pp", "dp")


def check_sizes(values: Mapping[str, Sequence[Any]], model: ModelArchitecture) -> None:
    """BadInputError where the sizes that have one value do not go together."""
    known = {name: given[0] for name in ("gpus", *FACTORS) if len(given := values.get(name, ())) == 1}
    pp, gpus = known.get("pp"), known.get("gpus")
    if pp is not None and pp > model.layers:
        raise BadInputError(f"pp: {pp} is more than the {model.layers} layers of {model.name}")
    factors = [(name, known[name]) for name in FACTORS if name in known]
    made = prod(size for _, size in factors)
    if gpus is None or not factors:
        return
    terms = [f"{name} {size}" for name, size in factors if name != "cp" or size > 1]
    if gpus % made:
        below, above = gpus // made * made, (gpus // made + 1) * made
        near = f"{below} or {above}" if below else f"{above}"
        product_of = f"{' x '.join(terms)} = {made}" if len(terms) > 1 else terms[0]
        raise BadInputError(f"gpus: {gpus} is not divisible by {product_of}; {near} would be")
    if len(factors) == len(FACTORS) and made != gpus:
        raise BadInputError(f"gpus: {gpus} contradicts {' x '.join(terms)} = {made}")


def numbers_of_gpus(values: Mapping[str, Sequence[Any]]) -> list[int]:
    """What the values of tp, pp and dp make, where all are given: few share a sequence, and say so where they do."""
    if not values.keys() >= {*FACTORS} - {"cp"}:
        return []
    return sorted({prod(sizes) for sizes in product(*(values.get(name, (1,)) for name in FACTORS))})


def missing_size(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """All that is given, and the sizes that follow from it; None where more than these are open."""
    row = dict(given)
    made = prod(row.get(name, 1) for name in FACTORS)
    missing = [name for name in FACTORS if name not in row]
    if "gpus" not in row:
        return None if missing else {**row, "gpus": made}
    if len(missing) > 1 and made != row["gpus"]:
        return None
    for at, name in enumerate(missing):
        row[name] = row["gpus"] // made if at == 0 else 1
    return row
