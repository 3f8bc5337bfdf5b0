"""The space of a search for a server: what is fixed, and the values of what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.request import InferRequest, check_names, option_name, options_of
from llmplan.request.changes import several
from llmplan.request.latencies import LIMITED
from llmplan.request.options import Options
from llmplan.space.dimensions import served

LAYOUT = served("replica", "group", "total", "load")
"""Options that may have several values; all sensible ones where they are left out."""
CASES = ("model", "dtype", "engine", *served("pool", "case"))
"""Options of which each combination of the values given is a case of its own; one value where they are left out."""
PRICED = ("gpu", "price_per_gpu_hour")
RANGED = (*CASES, *PRICED, *LAYOUT)


@frozen(init=False, repr=False, eq=False)
class InferenceSpace:
    """Options of `llmplan infer`; some may have several values, as a list or as text like ``1..16``.

    ``InferenceSpace(model="llama-3.1-70b", gpu=["h100-sxm-80gb", "l40s"], tp=[2, 4, 8], kv_bits=[8, 16])``
    """

    request: InferRequest
    """What has one value or none."""
    layout: Mapping[str, tuple[int, ...]]
    """The layout's options that are given, each with its values."""
    cases: Mapping[str, tuple[Any, ...]]
    """Those of which each combination is a case."""
    priced: tuple[tuple[Any, float | None], ...]
    """Accelerators, each with the price of an hour."""

    def __init__(self, **options: Any) -> None:
        check_names(InferRequest, options, "inference")
        options = {name: value for name, value in options.items() if value is not None}
        values = {name: _values(name, options.pop(name)) for name in RANGED if name in options}
        priced = _with_prices(values.get("gpu", (None,)), values.get("price_per_gpu_hour", (None,)))
        layout = {name: tuple(sorted(values[name])) for name in LAYOUT if name in values}
        cases = {name: values[name] for name in CASES if name in values}
        self.__attrs_init__(InferRequest(**options), layout, cases, priced)

    def requests(self) -> Iterator[InferRequest]:
        """Of each case, in the order given."""
        for (gpu, price), *chosen in product(self.priced, *self.cases.values()):
            case = dict(zip(self.cases, chosen, strict=True))
            yield evolve(self.request, gpu=gpu, price_per_gpu_hour=price, **case)

    def within(self, asked: Options) -> InferenceSpace:
        """The same with the latencies that a search has to keep to, and of how many requests."""
        same = InferenceSpace.__new__(InferenceSpace)
        given = {name: getattr(asked, name) for name in (*LIMITED, "percentile")}
        limited = evolve(self.request, **{name: value for name, value in given.items() if value is not None})
        same.__attrs_init__(limited, self.layout, self.cases, self.priced)
        return same

    def without(self, name: str) -> InferenceSpace:
        """The same with an option of the layout left open."""
        kept = {option: values for option, values in self.layout.items() if option != name}
        same = InferenceSpace.__new__(InferenceSpace)
        same.__attrs_init__(self.request, kept, self.cases, self.priced)
        return same


def _with_prices(gpus: tuple[Any, ...], prices: tuple[float | None, ...]) -> tuple[tuple[Any, float | None], ...]:
    if len(prices) not in {1, len(gpus)}:
        raise BadInputError(
            f"{option_name(PRICED[1])}: {len(prices)} prices for {len(gpus)} GPUs; give one, or one for each"
        )
    return tuple(zip(gpus, prices * (len(gpus) if len(prices) == 1 else 1), strict=True))


def _values(name: str, value: Any) -> tuple[Any, ...]:
    """Each value as the option has it, none twice but of prices."""
    given = several(InferRequest, name, value)
    convert = options_of(InferRequest)[name]["convert"]
    found = [convert(one, name) for one in ((value,) if given is None else given)]
    return tuple(one for at, one in enumerate(found) if name == PRICED[1] or one not in found[:at])
