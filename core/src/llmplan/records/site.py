"""What is known of a place where models run: how its rates differ from the published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from llmplan.records.hardware import HardwareProfile


class Site(Protocol):
    """What own measurements make of a cost model: the same one, at the rates of the site."""

    @property
    def name(self) -> str:
        """The name to look it up by."""

    def at(self, cost_model: Any) -> Any:
        """The cost model, pricing every plan at the rates of the site, with the ranges that its runs have earned."""

    def said(self, hardware: HardwareProfile, phase: str) -> str:
        """What the reader has to know of it: on how many runs it rests, and what it changes."""
