"""How training plans are listed: sizes that divide the GPUs, then chunks, batch, and what a layout leaves open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np
from attrs import frozen

from llmplan.records import Schedule
from llmplan.search.arrays import Columns, crossed, product_of
from llmplan.search.batches import Batch
from llmplan.search.dimensions import OFFLOADS, Dimensions, divisors, micro_batches
from llmplan.search.enumeration import Masks, Step, expanded

_SHARED = ("sequence_parallel", "zero", "zero_group", "schedule")
"""How ranks share what each could hold alone, and in which order stages work."""
_RUN = ("recompute", "offload")
"""What is open once all else is known. Plans that differ in these alone lie side by side, which is how cost models
price them fastest.
"""
_USUAL: Mapping[str, Sequence[Any]] = {
    "sequence_parallel": (True,), "zero": (1, 3), "schedule": (Schedule.ONE_F_ONE_B,), "offload": ("none",),
}  # fmt: skip
"""What most runs do about it: a search looks at these plans first."""
_AT_ONCE = 65_536


@frozen(eq=False)
class Listing:
    """The plans of one case, in one order."""

    dimensions: Dimensions
    batch: Batch
    layers: int
    seq_len: int
    tokens: float
    most_micro_batch: float
    refused: Callable[[Columns], Masks]
    """By the cost model; of what is not decided yet it sees the plainest."""

    def roots(self, case: int, illegal: Counter[str]) -> Iterator[Columns]:
        """Every division of the GPUs into tp, pp, cp, dp and ep."""
        known = "gpus" if "gpus" in self.dimensions.of else "dp"
        values = column(self.dimensions[known])
        steps = [
            Step(self._table("tp"), broken=self._divides),
            Step(self._table("pp"), broken=self._divides),
            Step(self._table("cp"), derive=_completed, broken=self._divides),
            Step(self._table("ep"), broken=self.refused),
        ]
        yield from expanded({"case": np.full(len(values), case), known: values}, steps, _AT_ONCE, illegal)

    def values(self, roots: Columns) -> dict[str, list[Any]]:
        """Of every dimension: what these roots have, and what is tried on them."""
        found = {name: roots[name] for name in ("gpus", "tp", "pp", "cp", "dp", "ep")}
        chunks = crossed({"pp": column(_distinct(roots["pp"]))}, self._table("vpp"))
        odd = np.logical_or.reduce(self._odd_chunks(chunks))
        found |= {"vpp": chunks["vpp"][~odd], "micro_batch": self._batches(roots)["micro_batch"]}
        whole = {name: [int(value) for value in _distinct(values)] for name, values in found.items()}
        return {**whole, **{name: list(self.dimensions[name]) for name in (*_SHARED, *_RUN)}}

    def plans(self, roots: Columns, size: int, illegal: Counter[str], *, usual: bool = False) -> Iterator[Columns]:
        """Every legal plan of these sizes, so many at a time; the usual ones alone where these are wanted."""
        steps = [
            Step(self._open(_SHARED, usual=usual), outside=partial(self._aside, usual=usual), broken=_unusable_groups),
            Step(self._table("vpp"), outside=self._odd_chunks),
            Step(self._batches(roots), outside=self._too_large, derive=self._accumulated, broken=self._missed),
            Step({}, broken=self.refused),
            Step(self._open(_RUN, usual=usual), broken=self.refused),
        ]
        yield from expanded(roots, steps, size, illegal)

    def _table(self, name: str) -> Columns:
        return {name: column(self.dimensions[name])}

    def _divides(self, columns: Columns) -> Masks:
        """Constraints on sizes, as far as they are known."""
        broken: dict[str, Any] = {}
        if "pp" in columns:
            broken[f"pp is at most the {self.layers} layers"] = columns["pp"] > self.layers
        if "gpus" in self.dimensions.of:
            ranks = columns["tp"] * columns.get("pp", 1.0) * columns.get("cp", 1.0)
            broken["tp x cp x pp divides the gpus"] = columns["gpus"] % ranks != 0
        if "dp" in columns and "dp" in self.dimensions.of:
            broken["dp x tp x cp x pp makes the gpus"] = ~np.isin(columns["dp"], column(self.dimensions["dp"]))
        return broken

    def _odd_chunks(self, columns: Columns) -> Sequence[Any]:
        """Several chunks without a pipeline; those that do not cut a stage evenly, but where they are asked for."""
        pp, vpp = columns["pp"], columns["vpp"]
        alone = (pp == 1) & (vpp != self.dimensions["vpp"][0])
        if "vpp" in self.dimensions.given:
            return [alone]
        return [alone, np.ceil(self.layers / pp) % vpp != 0]

    def _batches(self, roots: Columns) -> Columns:
        """Micro-batches as given, else those that divide the batch or come near enough."""
        of = self.dimensions.of
        micro: Sequence[Any] | None = of.get("micro_batch")
        if micro is None:
            most = min(self.batch.most_sequences / float(roots["dp"].min()), self.most_micro_batch)
            exact = self.batch.exact and self.batch.sequences
            micro = divisors(int(exact)) if exact else micro_batches(int(most))
            micro = [size for size in micro if size <= most] or [1]
        values = {"micro_batch": micro}
        if "gradient_accumulation" in of:
            values["gradient_accumulation"] = of["gradient_accumulation"]
        return product_of({name: column(given) for name, given in values.items()})

    def _too_large(self, columns: Columns) -> Sequence[Any]:
        """Micro-batches that nobody gave, of which a replica's share of the batch has not even one."""
        if "micro_batch" in self.dimensions.of:
            return []
        return [(columns["micro_batch"] > 1) & (columns["micro_batch"] * columns["dp"] > self.batch.most_sequences)]

    def _accumulated(self, columns: Columns) -> Columns:
        if "gradient_accumulation" in columns:
            return columns
        return {**columns, "gradient_accumulation": self.batch.accumulation(columns)}

    def _missed(self, columns: Columns) -> Masks:
        made = columns["dp"] * columns["micro_batch"] * columns["gradient_accumulation"] * self.seq_len
        return {
            self.batch.words: self.batch.missed(columns),
            "tokens last for one iteration": made > self.tokens,
        }

    def _open(self, names: Sequence[str], *, usual: bool) -> Columns:
        """Every combination of these."""
        values = {name: list(self.dimensions[name]) for name in names}
        if usual:
            values = {name: _first_and(given, _USUAL.get(name)) for name, given in values.items()}
        at = product_of({name: range(len(given)) for name, given in values.items()})
        table = {name: column(given)[at[name]] for name, given in values.items() if name != "offload"}
        waits = [OFFLOADS[word] for word in values.get("offload", ())]
        for of, what in enumerate(("optimizer", "activations") if waits else ()):
            table[f"offload_{what}"] = column([pair[of] for pair in waits])[at["offload"]]
        return table

    def _aside(self, columns: Columns, *, usual: bool) -> Sequence[Any]:
        """Values that change nothing, of which the first stands for all; the first, where only the usual are wanted."""
        alone = columns["dp"] * columns["cp"] == 1
        idle = {
            "sequence_parallel": columns["tp"] == 1, "zero": alone, "zero_group": alone, "schedule": columns["pp"] == 1,
        }  # fmt: skip
        aside = [mask & (columns[name] != self.dimensions[name][0]) for name, mask in idle.items()]
        for name, wanted in _USUAL.items() if usual else ():
            if name in idle and any(value in wanted for value in self.dimensions[name]):
                aside.append(~idle[name] & ~np.isin(columns[name], column(wanted)))
        return aside


def column(values: Sequence[Any]) -> Any:
    """Flags as booleans, all else as floats."""
    flags = all(isinstance(value, bool) for value in values)
    return np.array(values, dtype=bool if flags else float)


def _distinct(values: Any) -> list[float]:
    return sorted(set(values.tolist()))


def _completed(columns: Columns) -> Columns:
    """With the size that follows from the others."""
    ranks = columns["tp"] * columns["pp"] * columns["cp"]
    other = {"dp": columns["gpus"] / ranks} if "gpus" in columns else {"gpus": columns["dp"] * ranks}
    return {**columns, **other, "model_parallel": ranks}


def _first_and(values: list[Any], usual: Sequence[Any] | None) -> list[Any]:
    """The usual ones, where they are among them, and the first, which stands where those change nothing; all where
    none is usual.
    """
    return values if usual is None else [values[0], *(value for value in values[1:] if value in usual)]


def _unusable_groups(columns: Columns) -> Masks:
    group, ranks = columns["zero_group"], columns["dp"] * columns["cp"]
    finite = group < inf
    if not finite.any():
        return {}
    odd = (ranks % np.where(finite, group, 1.0) != 0) | (columns["zero"] == 0)
    return {"zero-group divides dp x cp, with zero 1, 2 or 3": finite & odd}
