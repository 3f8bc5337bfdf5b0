"""ZeRO as PyTorch's fully sharded data parallelism says it: gather weights again for backward, or keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.request import option_name


@frozen
class Sharding:
    """Over how many ranks weights are divided, how many copies there are, and what is said of it."""

    shard: int
    replicate: int
    reshard: bool
    """Weights are dropped after the forward pass of a layer, as ZeRO 3 does; else kept, as ZeRO 2 does."""
    remarks: tuple[str, ...] = ()

    @property
    def shards(self) -> bool:
        """Whether the plan divides anything over data parallel ranks."""
        return self.shard > 1


def sharding(launcher: str, program: str, settings: Mapping[str, Any]) -> Sharding:
    """Of a plan; context parallel ranks share in the sharding, and `shard` does not count them."""
    dp, cp, zero, group = settings["dp"], settings["cp"], settings["zero"], settings["zero_group"]
    if zero == 0 and cp == settings["tp"] == settings["pp"] == 1:
        return Sharding(1, dp, reshard=False)
    if group is not None and group % cp:
        raise BadInputError(
            f"{launcher}: zero-group {group}: {program} shards over whole context parallel groups of {cp}"
        )
    shard = dp if group is None else group // cp
    remarks = []
    if zero < 2 and dp * cp > 1:  # noqa: PLR2004 - ZeRO stages
        remarks = [f"zero {zero}: {program} shards gradients with the optimizer, as ZeRO 2 does"]
    return Sharding(shard, dp // shard, reshard=zero == 3, remarks=tuple(remarks))  # noqa: PLR2004


def accelerate_sharding(launcher: str, program: str, settings: Mapping[str, Any]) -> Sharding:
    """The same on the mesh of Accelerate, which copies nothing that only tensor or context parallel ranks divide."""
    shards = sharding(launcher, program, settings)
    if shards.shard == 1 and shards.replicate > 1 and settings["tp"] * settings["cp"] > 1:
        ranks = settings["cp"] if settings["zero_group"] is None else settings["zero_group"]
        raise BadInputError(
            f"{launcher}: zero-group {ranks}: {program} has replicas of tensor and context parallel ranks only where "
            "these shard weights as well; leave zero-group out"
        )
    return shards


def refuse(launcher: str, program: str, settings: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """BadInputError where a setting is not the one value that the program has."""
    for option, value in usual.items():
        if settings[option] != value:
            raise BadInputError(f"{launcher}: {option_name(option)} {settings[option]}: {program} has none")
