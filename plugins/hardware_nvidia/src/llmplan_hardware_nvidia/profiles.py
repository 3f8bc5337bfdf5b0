"""Every NVIDIA accelerator, with its other names and what it, or its nearest relative, was measured to reach."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import HardwareProfile
from llmplan_hardware_nvidia import ada, ampere, blackwell, hopper, turing, volta
from llmplan_hardware_nvidia.aliases import ALIASES
from llmplan_hardware_nvidia.curves import CURVES
from llmplan_hardware_nvidia.efficiency import CALIBRATED

PROFILES: tuple[HardwareProfile, ...] = tuple(
    evolve(
        profile,
        context_line="cuda_context",
        efficiency=CALIBRATED.get(profile.name),
        kernels=CURVES.get(profile.name),
        aliases=ALIASES.get(profile.name, ()),
    )
    for generation in (volta, turing, ampere, ada, hopper, blackwell)
    for profile in generation.PROFILES
)
"""Oldest generation first."""
