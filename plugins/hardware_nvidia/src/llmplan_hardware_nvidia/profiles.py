"""Every NVIDIA accelerator, the measured ones with their calibrated efficiency."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import HardwareProfile
from llmplan_hardware_nvidia import ada, ampere, blackwell, hopper, turing, volta
from llmplan_hardware_nvidia.efficiency import CALIBRATED

PROFILES: tuple[HardwareProfile, ...] = tuple(
    evolve(profile, efficiency=CALIBRATED.get(profile.name))
    for generation in (volta, turing, ampere, ada, hopper, blackwell)
    for profile in generation.PROFILES
)
"""Oldest generation first."""
