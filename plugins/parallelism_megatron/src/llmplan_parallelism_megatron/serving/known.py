"""Ranks that were divided a moment ago: plans that differ in lengths, batches and loads alone share one.

Lowering a model and dividing it takes as long as pricing a pass, and a server asks for it three times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, fields

from llmplan.arrays.term import WATCH
from llmplan.records import InferencePlan
from llmplan_parallelism_megatron.serving.rank import Rank

MOST = 16
"""Ranks that are kept, of one process."""
KNOWN: dict[tuple[Any, ...], Rank] = {}
_SIMPLE = (int, float, str, type(None))


def known_rank(plan: InferencePlan) -> Rank:
    """That of a plan; divided anew where nothing like it was, or where its layout is of many plans at once."""
    layout = _values(plan.layout)
    if WATCH.get() is not None or not all(isinstance(value, _SIMPLE) for value in layout):
        return Rank.of(plan)
    key = (*_records(plan), layout, _values(plan.gemm), _values(plan.efficiency), _value(plan.settings))
    known = KNOWN.pop(key, None) or Rank.of(plan)
    KNOWN[key] = known
    if len(KNOWN) > MOST:
        del KNOWN[next(iter(KNOWN))]
    return evolve(known, plan=plan)


def _records(plan: InferencePlan) -> tuple[Any, ...]:
    """Records by which they are: the rank that is kept keeps its plan, and that keeps them from being others."""
    return *map(id, (plan.model, plan.hardware, plan.dtype, plan.engine, plan.site)), plan.kv_bits, plan.offload


def _values(record: Any) -> tuple[Any, ...]:
    return tuple(_value(getattr(record, field.name)) for field in fields(type(record)))


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((name, _value(one)) for name, one in value.items())
    if isinstance(value, (tuple, list, set, frozenset)):
        return tuple(map(_value, value))
    return value if isinstance(value, _SIMPLE) else id(value)
