"""The result of a search: the best plans, and why they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from llmplan.arrays.rows import Columns
from llmplan.errors import BadInputError
from llmplan.estimate.shown import Shown
from llmplan.request import InferRequest, TrainRequest
from llmplan.search.infeasible import Verdict


@frozen(eq=False, repr=False)
class Counts:
    """How many plans there were; legal = pruned + priced."""

    legal: int
    pruned: int
    priced: int
    infeasible: int
    """Known to break a constraint, by their bound or by their price."""
    illegal_by: Mapping[str, int]
    """Combinations of sizes and modes that are no plans, by constraint, counted where the first value told."""
    pruned_by: Mapping[str, int]
    infeasible_by: Mapping[str, int]


@frozen(eq=False, repr=False)
class SearchResult(Shown):
    """The best plans, why they are, and how many there were."""

    objective: str
    space: Mapping[str, tuple[Any, ...]]
    """The values of every dimension that was searched."""
    constraints: Mapping[str, Any]
    best: tuple[Any, ...]
    """Estimates, the best first; none where no plan is feasible."""
    requests: tuple[TrainRequest | InferRequest, ...]
    """Of each of them the options of `llmplan train` or `infer` that ask for it alone."""
    pareto_of: tuple[str, ...]
    pareto: tuple[Any, ...]
    """Estimates of the frontier in the order of its first figure; of servers points in closed form, by latency,
    as the JSON has them."""
    why: tuple[Any, ...]
    """The winner against others."""
    counts: Counts
    seconds: float
    asked: Mapping[str, Any] = field(factory=dict)
    """All that was given, the space and what was looked for, in the words of a plan file."""
    by_estimate: Any = None
    """Which of the same plans the estimates alone would have chosen, without their ranges, where that is another."""
    confidence: float | None = None
    """With which plans were ranked, and keep to limits; None where they are as they are estimated."""
    complete: bool = True
    """False where it was interrupted."""
    lost: str = ""
    """Why it is not complete, where nobody interrupted it."""
    warnings: tuple[str, ...] = ()
    columns: Columns = field(factory=dict)
    """Every priced plan: its fields and figures as numpy arrays, and whether it is feasible."""
    verdict: Verdict | None = None
    """Where nothing is feasible: why, and what would be."""
    command: str = "train"
    """Or ``infer``: what the best plans are for."""

    def __attrs_post_init__(self) -> None:
        pairs = zip(self.best, self.requests, strict=True)
        object.__setattr__(self, "best", tuple(evolve(estimate, request=request) for estimate, request in pairs))

    @property
    def feasible(self) -> bool:
        """Whether the search found a plan that keeps to all limits."""
        return bool(self.best)

    @property
    def plans_per_second(self) -> float:
        """How many legal plans were looked at in a second; pruned ones count too."""
        return self.counts.legal / self.seconds if self.seconds else 0.0

    def to_pandas(self) -> Any:
        """The priced plans as a data frame; needs ``llmplan-core[frames]``."""
        try:
            import pandas as pd
        except ImportError:
            raise BadInputError("to_pandas: needs pip install 'llmplan-core[frames]'") from None
        return pd.DataFrame(self.columns)

    def to_parquet(self, path: str) -> None:
        """The priced plans in a Parquet file; needs ``llmplan-core[frames]``."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise BadInputError(f"{path}: Parquet needs pip install 'llmplan-core[frames]'") from None
        pq.write_table(pa.table(self.columns), path)


def counts_of(found: Any) -> Counts:
    """The tallies of what a search found."""
    by = {name: dict(getattr(found, name).most_common()) for name in ("illegal", "pruned", "infeasible")}
    totals: Counter[str] = Counter({name: sum(tally.values()) for name, tally in by.items()})
    return Counts(
        legal=found.legal,
        pruned=totals["pruned"],
        priced=found.priced,
        infeasible=totals["infeasible"],
        illegal_by=by["illegal"],
        pruned_by=by["pruned"],
        infeasible_by=by["infeasible"],
    )
