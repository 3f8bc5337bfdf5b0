"""What a plan comes to: estimates, the cost models that make them, and the ways out of llmplan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan.estimate.advice import Advice as Advice, Adviser as Adviser
    from llmplan.estimate.comparison import Comparison as Comparison, Variant as Variant
    from llmplan.estimate.cost_model import (
        Command as Command,
        CostModel as CostModel,
        SearchableCostModel as SearchableCostModel,
    )
    from llmplan.estimate.explained import Explained as Explained
    from llmplan.estimate.exporter import Exporter as Exporter
    from llmplan.estimate.inference import InferenceEstimate as InferenceEstimate
    from llmplan.estimate.launch import Launcher as Launcher, LaunchFile as LaunchFile, LaunchOptions as LaunchOptions
    from llmplan.estimate.line import Kind as Kind, Line as Line
    from llmplan.estimate.load import Capacity as Capacity, Means as Means, Simulated as Simulated
    from llmplan.estimate.output import (
        Asking as Asking,
        CommandOption as CommandOption,
        Reporter as Reporter,
    )
    from llmplan.estimate.plan_options import PlanOptions as PlanOptions, Settled as Settled
    from llmplan.estimate.server import Estimate as Estimate, ServerEstimate as ServerEstimate
    from llmplan.estimate.server_model import (
        SearchingServerModel as SearchingServerModel,
        ServerModel as ServerModel,
    )
    from llmplan.estimate.spread import Spread as Spread
    from llmplan.estimate.training import TrainingEstimate as TrainingEstimate

__getattr__, __all__ = lazily(
    __name__,
    {
        "advice": "Advice Adviser",
        "comparison": "Comparison Variant",
        "cost_model": "CostModel Command SearchableCostModel",
        "explained": "Explained",
        "exporter": "Exporter",
        "inference": "InferenceEstimate",
        "launch": "Launcher LaunchFile LaunchOptions",
        "line": "Kind Line",
        "load": "Capacity Means Simulated",
        "output": "Asking CommandOption Reporter",
        "plan_options": "PlanOptions Settled",
        "server": "Estimate ServerEstimate",
        "server_model": "SearchingServerModel ServerModel",
        "spread": "Spread",
        "training": "TrainingEstimate",
    },
)
