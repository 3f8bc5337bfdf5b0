"""Plans that Megatron-Core stops at, by its own checks, and what would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError

if TYPE_CHECKING:
    from llmplan.records import ModelArchitecture


def refuse(launcher: str, settings: Mapping[str, Any], model: ModelArchitecture) -> None:
    """BadInputError with the first reason why Megatron-Core would not start."""
    tp, ep, optimizer = settings["tp"], settings["ep"], settings["optimizer"]
    experts = getattr(model, "moe", None) is not None
    reasons = {
        "offload parameters: Megatron-Core keeps weights on the device; optimizer would do": settings[
            "offload_parameters"
        ],
        f"tp {tp} without sequence-parallel: Megatron-Core trains experts on tensor parallel ranks with it alone": (
            experts and tp > 1 and not settings["sequence_parallel"]
        ),
        f"ep {ep} with dtype fp16: Megatron-Core shares experts in bf16 alone": ep > 1
        and settings["precision"] == "fp16",
        "offload optimizer with zero 0: Megatron-Core has it with zero 1 and above": (
            settings["offload_optimizer"] and not settings["zero"]
        ),
        f"offload optimizer with optimizer {optimizer}: Megatron-Core has it for adam": (
            settings["offload_optimizer"] and optimizer != "adam"
        ),
    }
    for reason, applies in reasons.items():
        if applies:
            raise BadInputError(f"{launcher}: {reason}")
