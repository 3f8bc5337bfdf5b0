"""The hook that this package implements; what it returns is imported only when the hook is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.records import HardwareProfile


@hookimpl
def llmplan_hardware_profiles() -> Iterable[HardwareProfile]:
    """NVIDIA accelerators, V100 to B300."""
    from llmplan_hardware_nvidia.profiles import PROFILES

    return PROFILES
