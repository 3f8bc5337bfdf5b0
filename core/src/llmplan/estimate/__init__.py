"""What a plan comes to: estimates, the cost models that make them, and the ways out of llmplan."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmplan.estimate.comparison import Comparison as Comparison, Variant as Variant
    from llmplan.estimate.cost_model import (
        Command as Command,
        CostModel as CostModel,
        SearchableCostModel as SearchableCostModel,
    )
    from llmplan.estimate.explained import Explained as Explained
    from llmplan.estimate.inference import InferenceEstimate as InferenceEstimate
    from llmplan.estimate.launch import Launcher as Launcher, LaunchFile as LaunchFile, LaunchOptions as LaunchOptions
    from llmplan.estimate.line import Kind as Kind, Line as Line
    from llmplan.estimate.load import Capacity as Capacity, Means as Means, Simulated as Simulated
    from llmplan.estimate.output import Exporter as Exporter, Reporter as Reporter
    from llmplan.estimate.server import Estimate as Estimate, ServerEstimate as ServerEstimate
    from llmplan.estimate.server_model import (
        SearchingServerModel as SearchingServerModel,
        ServerModel as ServerModel,
    )
    from llmplan.estimate.spread import Spread as Spread
    from llmplan.estimate.training import TrainingEstimate as TrainingEstimate

_HOMES = {
    "comparison": "Comparison Variant",
    "cost_model": "CostModel Command SearchableCostModel",
    "explained": "Explained",
    "inference": "InferenceEstimate",
    "launch": "Launcher LaunchFile LaunchOptions",
    "line": "Kind Line",
    "load": "Capacity Means Simulated",
    "output": "Exporter Reporter",
    "server": "Estimate ServerEstimate",
    "server_model": "SearchingServerModel ServerModel",
    "spread": "Spread",
    "training": "TrainingEstimate",
}
"""The public names of each module, as above: a command builds only the classes that it needs."""
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
