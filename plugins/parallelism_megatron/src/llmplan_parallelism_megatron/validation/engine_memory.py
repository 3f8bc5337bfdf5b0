"""What engines print about their memory, and what people found to fit, beside llmplan's figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from llmplan import infer, registry
from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate
from llmplan.units import GIB
from llmplan_parallelism_megatron.ranges.csv_files import read_rows
from llmplan_parallelism_megatron.ranges.serving import VALIDATION

FILE = VALIDATION / "engine_memory.csv"
FITS = "fits"


@frozen(repr=False)
class Printed:
    """One figure that an engine printed, beside the predicted one."""

    reference: str
    case: str
    figure: str
    value: float
    options: Mapping[str, Any]

    def predicted(self) -> float:
        """The same of llmplan; a plan that is beyond the model's context does not fit either."""
        try:
            estimate: Any = infer(**self.options)
        except BadInputError:
            if self.figure == FITS:
                return 0.0
            raise
        return FIGURES[self.figure](estimate)


def _line(*names: str) -> Callable[[InferenceEstimate], float]:
    return lambda estimate: sum(float(estimate.memory_breakdown.get(name, 0.0)) for name in names) / GIB


FIGURES: Mapping[str, Callable[[InferenceEstimate], float]] = {
    "room": lambda estimate: float(estimate.cache_bytes or 0.0) / GIB,
    "tokens": lambda estimate: float(estimate.cache_tokens or 0.0),
    "weights": _line("weights"),
    "cache": _line("kv_cache"),
    "beside": _line("workspace", "cuda_context"),
    FITS: lambda estimate: float(bool(estimate.feasible)),
}
"""GiB, but for tokens."""


def printed() -> Iterator[Printed]:
    """Every figure of the table, in its order."""
    for row in read_rows(FILE):
        yield Printed(row["reference"], row["case"], row["figure"], float(row["value"]), _options(row["options"]))


def _options(cell: str) -> dict[str, Any]:
    """`kv_heads` and `attention_bits` are of the checkpoint: Llama 3.1 405B had each of its 8 heads twice when it was
    released, and a file of Qwen3 32B has one matrix of each layer, the value projection by its size, in 16 bits.
    """
    given = {name: _value(text) for name, text in (one.split("=", maxsplit=1) for one in cell.split())}
    if "kv_heads" in given:
        model: Any = registry().models[given["model"]]
        given["model"] = evolve(model, kv_heads=given.pop("kv_heads"))
    if "attention_bits" in given:
        dtype: Any = registry().dtypes[given["dtype"]]
        given["dtype"] = evolve(dtype, attention_bits=given.pop("attention_bits"))
    return given


def _value(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
