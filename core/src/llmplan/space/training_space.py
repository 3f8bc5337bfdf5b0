"""The space of a search: what is fixed, and the values of what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.records import OFFLOADS
from llmplan.request import TrainRequest, check_names, option_name, options_of
from llmplan.request.changes import several
from llmplan.space.dimensions import NAMES

RECORDS = ("model", "gpu", "dtype")
"""What several records may be given for: each combination is a case of its own."""
RANGED = (*RECORDS, *NAMES)
"""Options of training that may have several values; all legal ones where they are left out of a layout."""
_PRICE = "price_per_gpu_hour"
SEVERAL = (*RANGED, _PRICE)
"""All that may have several values."""


@frozen(init=False, repr=False, eq=False)
class TrainingSpace:
    """Options of `llmplan train`; a layout's may have several values, as a list or as text like ``1..16``.

    ``TrainingSpace(model="llama-65b", gpu="a100-sxm-80gb", gpus=2048, tp=[1, 2, 4, 8], pp="1..16")``
    """

    request: TrainRequest
    """What has one value or none."""
    values: Mapping[str, tuple[Any, ...]]
    """The layout's options that are given, each with its values."""
    records: Mapping[str, tuple[Any, ...]]
    prices: tuple[float | None, ...]
    """Of an hour of each accelerator in turn, or of all."""

    def __init__(self, **options: Any) -> None:
        check_names(TrainRequest, options, "training")
        options = {name: value for name, value in options.items() if value is not None}
        values = {name: values_of(name, options.pop(name)) for name in RANGED if name in options}
        records = {name: values.pop(name) for name in RECORDS if name in values}
        prices = values_of(_PRICE, options.pop(_PRICE)) if _PRICE in options else (None,)
        gpus = len(records.get("gpu", ()))
        if len(prices) not in {1, gpus}:
            raise BadInputError(
                f"{option_name(_PRICE)}: {len(prices)} prices for {gpus} GPUs; give one, or one for each"
            )
        self.__attrs_init__(TrainRequest(**options), values, records, prices)

    @classmethod
    def of(cls, request: TrainRequest) -> TrainingSpace:
        """The space that a request leaves open."""
        return cls(**{name: getattr(request, name) for name in options_of(TrainRequest)})

    def requests(self) -> Iterator[TrainRequest]:
        """Of each model, accelerator and dtype, in the order given."""
        prices = self.prices * (len(self.records.get("gpu", (None,))) if len(self.prices) == 1 else 1)
        priced = list(zip(self.records.get("gpu", (None,)), prices, strict=True))
        others = (self.records.get(name, (None,)) for name in ("model", "dtype"))
        for (gpu, price), model, dtype in product(priced, *others):
            yield evolve(self.request, model=model, gpu=gpu, dtype=dtype, price_per_gpu_hour=price)

    def with_values(self, **options: Any) -> TrainingSpace:
        """The same with other values, or none, for some options."""
        given = {name: getattr(self.request, name) for name in options_of(TrainRequest) if name not in RANGED}
        prices = {"price_per_gpu_hour": self.prices if self.prices != (None,) else None}
        return TrainingSpace(**{**given, **self.values, **self.records, **prices, **options})


def values_of(name: str, value: Any) -> tuple[Any, ...]:
    """Each value as the option has it, none twice; numbers in order."""
    given = several(TrainRequest, name, value)
    convert = options_of(TrainRequest)[name]["convert"]
    found = [convert(one, name) for one in ((value,) if given is None else given)]
    if name == _PRICE:
        return tuple(found)
    distinct = [one for at, one in enumerate(found) if one not in found[:at]]
    return tuple(distinct if name in (*RECORDS, "schedule") else sorted(distinct, key=_rank))


def _rank(value: Any) -> Any:
    """Words in the order of their meaning."""
    return list(OFFLOADS).index(value) if isinstance(value, str) else value
