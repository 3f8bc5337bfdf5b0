"""How a static batch goes through the stages of a pipeline, which engines differ in."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, ceil, has_remainder, where
from llmplan.arrays.term import term
from llmplan.records import InferencePlan

BATCHES, MICRO_BATCHES, ONE_BY_ONE = "batches", "micro-batches", "one-by-one"
_HALVINGS = 16
"""More than any batch that fits has."""


def static_batches(plan: InferencePlan) -> Number:
    """In work at once on a replica: one for each stage, or a single one, whether it is cut or not."""
    return plan.layout.pp if plan.engine.pipeline == BATCHES else 1


def served_batches(plan: InferencePlan) -> Number:
    """The same of a server, which deals its sequences out to the stages where it does not leave them idle."""
    return 1 if plan.engine.pipeline == ONE_BY_ONE else plan.layout.pp


def micro_batches(plan: InferencePlan, tokens: Number) -> Number:
    """Parts that a batch is cut into, of so many tokens a sequence: 1 where it is not."""
    if plan.engine.pipeline != MICRO_BATCHES:
        return 1.0
    batch, pp, most = 1.0 * plan.batch, plan.layout.pp, plan.engine.micro_batch_tokens
    if not most:
        return ceil(batch / ceil(batch / pp))
    part = where(has_remainder(batch, pp), batch, batch / pp)
    for _ in range(_HALVINGS):
        part = where((part * tokens > most) & (has_remainder(part, 2.0) == False), part / 2.0, part)  # noqa: E712
    return where(pp > 1, batch / part, 1.0)


@term(
    "all_stages + (m - 1) * stage",
    unit="s",
    source="FasterTransformer, ParallelGptContextDecoder.cc: micro-batches follow each other through the stages",
)
def filled_seconds(all_stages: Number, m: Number, stage: Number) -> Number:
    """The first of m parts, or passes, goes through all stages; the others come out behind it, one by one."""
    return all_stages + (m - 1.0) * stage
