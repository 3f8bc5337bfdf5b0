"""Every legal training plan of a case, in chunks: each step adds dimensions to the plans so far and drops what does not
go together.

Depth first, so that no more than a chunk of each step is held. numpy is imported here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np
from attrs import frozen

from llmplan.arrays.rows import Columns, crossed, kept, length, pieces, product_of
from llmplan.records import Schedules
from llmplan.space.batch import Reach
from llmplan.space.case import Masks, TrainingCase
from llmplan.space.dimension import Dimension
from llmplan.space.dimensions import BY_NAME, columns_of, divisors, is_idle, micro_batches, of_step
from llmplan.space.schedules import adopt

_SIZES = tuple(one.name for one in of_step("sizes"))
_AT_ONCE = 65_536


def _as_they_are(columns: Columns) -> Columns:
    return columns


def _none(_columns: Columns) -> Masks:
    return {}


@frozen(eq=False, repr=False)
class Step:
    """One or more dimensions that are listed together."""

    table: Columns
    """Their values, in every combination."""
    outside: Callable[[Columns], Sequence[Any]] = lambda _: ()
    """Where plans are not of the space at all: a value that says the same as another one, or that nobody tries."""
    derive: Callable[[Columns], Columns] = _as_they_are
    """Adds what follows from the columns so far."""
    broken: Callable[[Columns], Masks] = _none
    """Where plans are not legal."""


def expanded(rows: Columns, steps: Sequence[Step], size: int, illegal: Counter[str]) -> Iterator[Columns]:
    """Every legal plan that begins with one of the rows, in order; what is not legal is counted by constraint."""
    if not length(rows):
        return
    if not steps:
        yield rows
        return
    step, *rest = steps
    for piece in pieces(rows, max(1, size // max(1, length(step.table)))):
        grown = crossed(piece, step.table)
        grown = _without(grown, step.outside(grown))
        grown = step.derive(grown)
        yield from expanded(_legal(grown, step.broken(grown), illegal), rest, size, illegal)


def _without(columns: Columns, masks: Sequence[Any]) -> Columns:
    return kept(columns, ~np.logical_or.reduce(masks)) if masks else columns


def _legal(columns: Columns, broken: Masks, illegal: Counter[str]) -> Columns:
    """Each plan that is not legal counts once, for the first constraint that it breaks."""
    plans = length(columns)
    bad = np.zeros(plans, dtype=bool)
    for words, mask in broken.items():
        fresh = np.logical_and(mask, ~bad)
        many = int(np.count_nonzero(fresh))
        if many:
            illegal[words] += many
            bad |= fresh
    return kept(columns, ~bad)


@frozen(eq=False, repr=False)
class Listing:
    """The plans of one case, in one order."""

    case: TrainingCase

    def __attrs_post_init__(self) -> None:
        if isinstance(self.case.template.schedule, Schedules):
            adopt(self.case.template.schedule)

    def roots(self, illegal: Counter[str]) -> Iterator[Columns]:
        """Every division of the GPUs into tp, pp, cp, dp and ep."""
        case = self.case
        known = "gpus" if "gpus" in case.values.of else "dp"
        begin = column(case.values[known])
        steps = [
            Step(self._table("tp"), broken=self._divides),
            Step(self._table("pp"), broken=self._divides),
            Step(self._table("cp"), derive=_completed, broken=self._divides),
            Step(self._table("ep"), broken=case.refused),
        ]
        yield from expanded({"case": np.full(len(begin), case.index), known: begin}, steps, _AT_ONCE, illegal)

    def values(self, roots: Columns) -> dict[str, list[Any]]:
        """Of every dimension: what these roots have, and what is tried on them."""
        chunks = crossed({"pp": column(_distinct(roots["pp"]))}, self._table("vpp"))
        odd = np.logical_or.reduce(self._odd_chunks(chunks))
        found = {
            **{name: roots[name] for name in _SIZES},
            "vpp": chunks["vpp"][~odd],
            "micro_batch": self._batches(roots)["micro_batch"],
        }
        whole = {name: [int(value) for value in _distinct(values)] for name, values in found.items()}
        others = (*of_step("shared"), *of_step("goes"))
        return {**whole, **{one.name: list(self.case.values[one.name]) for one in others}}

    def plans(self, roots: Columns, size: int, illegal: Counter[str], *, usual: bool = False) -> Iterator[Columns]:
        """Every legal plan of these sizes, so many at a time; the usual ones alone where these are wanted."""
        shared, goes = (self._open(of_step(step), usual=usual) for step in ("shared", "goes"))
        steps = [
            Step(shared, outside=partial(self._aside, usual=usual), broken=_unusable_groups),
            Step(self._table("vpp"), outside=self._odd_chunks),
            Step(self._batches(roots), outside=self._outside_batch, derive=self._accumulated, broken=self._missed),
            Step({}, broken=self.case.refused),
            Step(goes, broken=self.case.refused),
        ]
        yield from expanded(roots, steps, size, illegal)

    def usual(self, columns: Columns) -> Any:
        """Which plans are listed where the usual ones alone are wanted."""
        customary = (one for one in (*of_step("shared"), *of_step("goes")) if one.usual is not None)
        tried = [_has_one(columns, one, self._tried_first(one)) for one in customary]
        return np.logical_and.reduce(tried) & ~np.logical_or.reduce(self._aside(columns, usual=True))

    def _tried_first(self, dimension: Dimension) -> list[Any]:
        """The usual values, where they are among them, and the first, which stands where those change nothing; all
        where none is usual.
        """
        values, usual = list(self.case.values[dimension.name]), dimension.usual and dimension.usual()
        return values if usual is None else [values[0], *(value for value in values[1:] if value in usual)]

    def _table(self, name: str) -> Columns:
        return {name: column(self.case.values[name])}

    def _divides(self, columns: Columns) -> Masks:
        """Constraints on sizes, as far as they are known."""
        values, layers, broken = self.case.values, self.case.choice.model.layers, dict[str, Any]()
        if "pp" in columns:
            broken[f"pp is at most the {layers} layers"] = columns["pp"] > layers
        if "gpus" in values.of:
            ranks = columns["tp"] * columns.get("pp", 1.0) * columns.get("cp", 1.0)
            broken["tp x cp x pp divides the gpus"] = columns["gpus"] % ranks != 0
        if "dp" in columns and "dp" in values.of:
            broken["dp x tp x cp x pp makes the gpus"] = ~np.isin(columns["dp"], column(values["dp"]))
        return broken

    def _odd_chunks(self, columns: Columns) -> Sequence[Any]:
        """Several chunks without a pipeline; those that do not cut a stage evenly, but where they are asked for."""
        pp, vpp, values = columns["pp"], columns["vpp"], self.case.values
        alone = is_idle(BY_NAME["vpp"], columns) & (vpp != values["vpp"][0])
        if "vpp" in values.given:
            return [alone]
        return [alone, np.ceil(self.case.choice.model.layers / pp) % vpp != 0]

    def _batches(self, roots: Columns) -> Columns:
        """Micro-batches as given, else those that divide the batch or come near enough."""
        of, batch = self.case.values.of, self.case.batch
        accumulation = of.get("gradient_accumulation", (1,))
        micro: Sequence[Any] | None = of.get("micro_batch")
        if micro is None:
            most = min(
                batch.most_sequences / (float(roots["dp"].min()) * min(accumulation)), self.case.most_micro_batch
            )
            tried = [size for size in self._tried(most) if size <= most] or [1]
            micro = sorted({*tried, *self._odd(roots, most)})
        values = {"micro_batch": micro}
        if "gradient_accumulation" in of:
            values["gradient_accumulation"] = accumulation
        return product_of({name: column(given) for name, given in values.items()})

    def _tried(self, most: float) -> Sequence[int]:
        """Micro-batches that are tried whatever the accumulation."""
        batch = self.case.batch
        return divisors(int(batch.sequences)) if batch.exact else micro_batches(int(most))

    def _odd(self, roots: Columns, most: float) -> Sequence[float]:
        """Those that make the batch with an accumulation that is given, whatever their size."""
        given, batch = self.case.values.of.get("gradient_accumulation"), self.case.batch
        if given is None or batch.reach is Reach.CLOSE:
            return []
        rows = crossed({"dp": column(_distinct(roots["dp"]))}, {"gradient_accumulation": column(given)})
        return [size for size in _distinct(batch.micro_batch(rows)) if size <= most]

    def _outside_batch(self, columns: Columns) -> Sequence[Any]:
        """Micro-batches that nobody gave: of which a replica's share of the batch has not even one, or that are odd
        where another would do.
        """
        if "micro_batch" in self.case.values.of:
            return []
        batch, micro = self.case.batch, columns["micro_batch"]
        share = batch.most_sequences / columns["dp"]
        outside = [(micro > 1) & (micro * columns.get("gradient_accumulation", 1.0) > share)]
        if "gradient_accumulation" not in columns or batch.exact or batch.reach is Reach.CLOSE:
            return outside
        odd = ~np.isin(micro, self._tried(float(micro.max())))
        fits = odd & (micro == batch.micro_batch(columns))
        return [*outside, ~fits if batch.reach is Reach.ODD else odd & ~fits]

    def _accumulated(self, columns: Columns) -> Columns:
        if "gradient_accumulation" in columns:
            return columns
        return {**columns, "gradient_accumulation": self.case.batch.accumulation(columns)}

    def _missed(self, columns: Columns) -> Masks:
        made = columns["dp"] * columns["micro_batch"] * columns["gradient_accumulation"]
        return {
            self.case.batch.words: self.case.batch.missed(columns),
            "tokens last for one iteration": made * self.case.template.sequence_tokens > self.case.template.tokens,
        }

    def _open(self, dimensions: Sequence[Dimension], *, usual: bool) -> Columns:
        """Every combination of these."""
        values = {one.name: self._tried_first(one) if usual else self.case.values[one.name] for one in dimensions}
        at = product_of({name: range(len(given)) for name, given in values.items()})
        table: Columns = {}
        for name, given in values.items():
            columns = [columns_of({name: value}) for value in given]
            table |= {of: column([one[of] for one in columns])[at[name]] for of in columns[0]}
        return table

    def _aside(self, columns: Columns, *, usual: bool) -> Sequence[Any]:
        """Values that change nothing, of which the first stands for all; the first, where only the usual are wanted."""
        aside = []
        for one in of_step("shared"):
            first, idle = self.case.values[one.name][0], is_idle(one, columns)
            aside.append(idle & (columns[one.name] != _number_of(one, first)))
            wanted = one.usual() if usual and one.usual else None
            if wanted is not None and any(value in wanted for value in self.case.values[one.name]):
                numbers = column([_number_of(one, value) for value in wanted])
                aside.append(~idle & ~np.isin(columns[one.name], numbers))
        return aside


def _number_of(dimension: Dimension, value: Any) -> Any:
    """As it stands in the dimension's column."""
    return columns_of({dimension.name: value})[dimension.name]


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


def _has_one(columns: Columns, dimension: Dimension, values: Sequence[Any]) -> Any:
    """Which plans have one of these values."""
    rows = [columns_of({dimension.name: value}) for value in values]
    return np.logical_or.reduce([np.logical_and.reduce([columns[of] == row[of] for of in row]) for row in rows])


def _unusable_groups(columns: Columns) -> Masks:
    group, ranks = columns["zero_group"], columns["dp"] * columns["cp"]
    finite = group < inf
    if not finite.any():
        return {}
    odd = (ranks % np.where(finite, group, 1.0) != 0) | (columns["zero"] == 0)
    return {"zero-group divides dp x cp, with zero 1, 2 or 3": finite & odd}
