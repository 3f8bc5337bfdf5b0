"""How a run trains: framework, optimizer, tuning, schedule, offload, where the request leaves them open."""

from __future__ import annotations

from typing import Any

from llmplan.catalogues import FRAMEWORKS, OPTIMIZERS, Kind, registry
from llmplan.errors import BadInputError
from llmplan.planner.choice import default_record, find_record
from llmplan.records import Schedule, Tuning
from llmplan.requests import TrainRequest

_LORA_RANK = 16
"""Between the 8 and 64 of most published adapters (Hu et al. 2021, arXiv:2106.09685, table 6)."""


def how_it_trains(request: TrainRequest, dtype: str, said: list[str]) -> dict[str, Any]:
    """Fields of the plan, each default said."""
    how: dict[str, Any] = {
        "schedule": Schedule.ONE_F_ONE_B if request.schedule is None else request.schedule,
        "offload_optimizer": request.offload in ("optimizer", "all"),
        "offload_activations": request.offload in ("activations", "all"),
        "master_weights": request.master_weights is not False,
        "expert_imbalance": request.expert_imbalance or 1.0,
        **_tuning(request, said),
    }
    for option, kind in (("framework", FRAMEWORKS), ("optimizer", OPTIMIZERS)):
        record = _record(getattr(request, option), option, kind, said)
        how |= {} if record is None else {option: record}
    framework = how.get("framework")
    if request.gradient_bits is not None or framework is not None:
        how["gradient_bits"] = request.gradient_bits or framework.gradient_bits_of(dtype)
    return how


def _record(wanted: Any, option: str, kind: Kind, said: list[str]) -> Any:
    """As named, else the default; None where no plugin offers any, which leaves the plan's own."""
    if wanted is not None:
        return find_record(wanted, option, kind)
    if not registry().catalogue(kind):
        return None
    record = default_record(registry().catalogue(kind), option)
    said.append(f"{option} {record.name}")
    return record


def _tuning(request: TrainRequest, said: list[str]) -> dict[str, Any]:
    tuning = request.tuning or (Tuning.FULL if request.lora_rank is None else Tuning.LORA)
    if tuning is Tuning.FULL:
        if request.lora_rank is not None:
            raise BadInputError(f"lora-rank: {request.lora_rank} with tuning full, which trains all weights")
        return {}
    if request.lora_rank is None:
        said.append(f"LoRA rank {_LORA_RANK}")
    return {"tuning": tuning, "lora_rank": request.lora_rank or _LORA_RANK}
