"""How a run trains: framework, optimizer, tuning, failures, where the request leaves them open."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from llmplan.catalogues import FRAMEWORKS, OPTIMIZERS, registry
from llmplan.errors import BadInputError
from llmplan.estimate.energy import IDLE_SHARE
from llmplan.records import Tuning
from llmplan.request import option_name
from llmplan.space.choice import default_record, find_record
from llmplan.space.suspects import parameters_of

if TYPE_CHECKING:
    from llmplan.catalogues import Kind
    from llmplan.records.goodput import Failures
    from llmplan.request import TrainRequest
    from llmplan.space.choice import Choice

_LORA_RANK = 16
"""Between the 8 and 64 of most published adapters (Hu et al. 2021, arXiv:2106.09685, table 6)."""
_EVERY = "all"
"""The word for every matrix."""
_CHECKPOINT_SECONDS = 30.0
_RESTART_SECONDS = 600.0
"""To notice, to replace what failed, to start the program, to read the checkpoint. Assumed, as is the one above."""
_BYTES_OF_WEIGHT, _BYTES_OF_MASTER_WEIGHT = 2.0, 4.0
_GB = 1e9
_NEED_FAILURES = ("checkpoint_seconds", "checkpoint_gb_per_s", "checkpoint_interval", "restart_seconds")


def how_it_trains(request: TrainRequest, choice: Choice, said: list[str]) -> dict[str, Any]:
    """Fields of the plan that are not as they are given, each default said."""
    how = _tuning(request, said)
    for option, kind in (("framework", FRAMEWORKS), ("optimizer", OPTIMIZERS)):
        record = _record(getattr(request, option), option, kind, choice.hardware.architecture, said)
        how |= {} if record is None else {option: record}
    framework = how.get("framework")
    if request.master_weights is None and framework is not None:
        how["master_weights"] = framework.master_weights
    if request.reduction_bits is None and framework is not None:
        how["reduction_bits"] = framework.reduction_bits
    if request.gradient_bits is None and framework is not None:
        how["gradient_bits"] = framework.gradient_bits_of(choice.dtype.name)
    how["failures"] = _failures(request, choice, how, said)
    if choice.hardware.tdp_watts is not None:
        alone = "; PUE 1: energy of the GPUs alone" if request.pue in {None, 1} else ""
        said.append(f"power: the TDP while a GPU works, {IDLE_SHARE:g} of it (assumed) while it waits{alone}")
    return how


def _record(wanted: Any, option: str, kind: Kind, architecture: str, said: list[str]) -> Any:
    """As named, else the default; None where no plugin offers any, which leaves the plan's own."""
    if wanted is not None:
        return find_record(wanted, option, kind)
    if not registry().catalogue(kind):
        return None
    record = default_record(registry().catalogue(kind), option, architecture)
    said.append(f"{option} {record.name}")
    return record


def _tuning(request: TrainRequest, said: list[str]) -> dict[str, Any]:
    adapts = request.lora_rank is not None or request.lora_targets is not None
    tuning = request.tuning or (Tuning.LORA if adapts else Tuning.FULL)
    if tuning is Tuning.FULL:
        if request.lora_rank is not None:
            raise BadInputError(f"lora-rank: {request.lora_rank} with tuning full, which trains all weights")
        if request.lora_targets is not None:
            raise BadInputError(f"lora-targets: {request.lora_targets} with tuning full, which trains all weights")
        return {}
    if request.lora_rank is None:
        said.append(f"LoRA rank {_LORA_RANK}")
    words = (request.lora_targets or _EVERY).lower().replace("+", " ").split()
    targets = () if _EVERY in words else tuple(words)
    return {"tuning": tuning, "lora_rank": request.lora_rank or _LORA_RANK, "lora_targets": targets}


def _failures(request: TrainRequest, choice: Choice, how: dict[str, Any], said: list[str]) -> Failures | None:
    """What was asked about failures; nothing of it makes sense without their rate."""
    if request.failures_per_gpu_day is None:
        for name in _NEED_FAILURES:
            if (given := getattr(request, name)) is not None:
                raise BadInputError(f"{option_name(name)}: {given:g} needs failures-per-gpu-day, which is not given")
        return None
    checkpoint = _checkpoint_seconds(request, choice, how, said)
    if request.checkpoint_interval is None:
        said.append("checkpoint-interval sqrt(2 x checkpoint x MTBF), the optimum (Young 1974, Daly 2006)")
    if request.restart_seconds is None:
        said.append(f"restart-seconds {_RESTART_SECONDS:g}")
    from llmplan.records.goodput import Failures

    return Failures(
        per_gpu_day=request.failures_per_gpu_day,
        checkpoint_seconds=checkpoint,
        checkpoint_interval_seconds=request.checkpoint_interval,
        restart_seconds=_RESTART_SECONDS if request.restart_seconds is None else request.restart_seconds,
    )


def _checkpoint_seconds(request: TrainRequest, choice: Choice, how: dict[str, Any], said: list[str]) -> float:
    """As given, or parameters x (weight + master weight + optimizer states) / bandwidth."""
    given, bandwidth = request.checkpoint_seconds, request.checkpoint_gb_per_s
    if bandwidth is None:
        if given is None:
            said.append(f"checkpoint-seconds {_CHECKPOINT_SECONDS:g}")
        return given or _CHECKPOINT_SECONDS
    if given is not None:
        raise BadInputError(
            f"checkpoint-gb-per-s: {bandwidth:g} contradicts checkpoint-seconds {given:g}; give one of them"
        )
    if how.get("tuning", Tuning.FULL) is not Tuning.FULL:
        raise BadInputError(
            f"checkpoint-gb-per-s: {bandwidth:g} with tuning {how['tuning'].value}, whose checkpoints are small; "
            "give checkpoint-seconds"
        )
    optimizer, framework = how.get("optimizer"), how.get("framework")
    bits = math.inf if framework is None else framework.state_bits
    per_parameter = _BYTES_OF_WEIGHT + (0.0 if optimizer is None else optimizer.state_bytes_in(bits))
    mastered = how.get("master_weights", request.master_weights is not False)
    per_parameter += _BYTES_OF_MASTER_WEIGHT if mastered else 0.0
    stored = per_parameter * parameters_of(choice.model)
    seconds = stored / (bandwidth * _GB)
    said.append(f"checkpoint-seconds {seconds:.3g}: {per_parameter:g} bytes a parameter, {stored / _GB:,.0f} GB")
    return seconds
