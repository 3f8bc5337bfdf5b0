"""What a plan comes to: estimates, the cost models that make them, and the ways out of llmplan."""

from llmplan.estimate.comparison import Comparison, Variant
from llmplan.estimate.cost_model import CostModel, Phase, SearchableCostModel
from llmplan.estimate.explained import Explained
from llmplan.estimate.inference import InferenceEstimate
from llmplan.estimate.launch import Launcher, LaunchFile, LaunchOptions
from llmplan.estimate.line import Kind, Line
from llmplan.estimate.load import Capacity, Means, Simulated
from llmplan.estimate.output import Exporter, Reporter
from llmplan.estimate.server import Estimate, ServerEstimate
from llmplan.estimate.spread import Spread
from llmplan.estimate.training import TrainingEstimate

__all__ = [
    "Capacity",
    "Comparison",
    "CostModel",
    "Estimate",
    "Explained",
    "Exporter",
    "InferenceEstimate",
    "Kind",
    "LaunchFile",
    "LaunchOptions",
    "Launcher",
    "Line",
    "Means",
    "Phase",
    "Reporter",
    "SearchableCostModel",
    "ServerEstimate",
    "Simulated",
    "Spread",
    "TrainingEstimate",
    "Variant",
]
