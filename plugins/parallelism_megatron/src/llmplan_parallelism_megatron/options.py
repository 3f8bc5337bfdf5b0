"""Options that the formulas of this cost model alone read: the core hands them on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from llmplan.estimate import PlanOptions
from llmplan.request.options import described
from llmplan.request.values import as_at_least_one, as_bits, as_flag, as_positive, as_text, as_whole

if TYPE_CHECKING:
    from llmplan.records import InferencePlan

_GRAPHS = "cuda_graphs"
_setting = partial(described, setting=True)


def captured(plan: InferencePlan) -> bool:
    """Whether steps of decoding are launched whole: as it is given, else as the engine does."""
    return bool(plan.setting(_GRAPHS, plan.engine.captures_launches))


def _keys(plan: Any) -> Mapping[str, Any]:
    return {_GRAPHS: captured(plan)} if hasattr(plan, "engine") else {}


OPTIONS = PlanOptions(
    name="megatron",
    description="what the cost model megatron is told beside the plan",
    train={
        "frozen_bits": _setting(
            "Bits of the weights that adapters leave frozen: 8 or fp8; as held while training by default.",
            as_bits,
            heading="Fine-tuning",
        ),
        "cross_entropy": _setting(
            "How the loss goes over logits, by words of the cost model: plain, fused, chunked, linear, cut; as the "
            "framework does by default.",
            as_text,
            metavar="WORD",
            heading="Fine-tuning",
        ),
        "expert_imbalance": _setting(
            "Tokens of the busiest expert parallel rank, against the mean.",
            as_at_least_one,
            metavar="TIMES",
            heading="Efficiency",
        ),
        "expert_tp": _setting(
            "Tensor parallel ranks that share an expert's matrices: all, or fewer, so that --ep may reach over the "
            "others.",
            as_whole(1),
            heading="Layout",
        ),
    },
    infer={
        _GRAPHS: _setting(
            "Launch the steps of decoding whole; as the engine does by default.",
            as_flag,
            heading="How the server works",
        ),
        "host_bandwidth": _setting(
            "GB/s of an accelerator's share of the host's memory, where the engine multiplies there what waits there.",
            as_positive,
            metavar="GB/S",
            heading="Network and nodes",
        ),
    },
    keys=_keys,
)
