"""From a request to a plan, and from a plan to an estimate."""

from llmplan.planner.inference import infer, plan_inference
from llmplan.planner.training import plan_training, train

__all__ = ["infer", "plan_inference", "plan_training", "train"]
