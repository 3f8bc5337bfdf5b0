"""From a request to a plan, and from a plan to an estimate."""

from llmplan.planner.infer import infer, plan_inference
from llmplan.planner.train import plan_training, train

__all__ = ["infer", "plan_inference", "plan_training", "train"]
