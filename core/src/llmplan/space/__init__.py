"""From a request to a plan, and from a plan to an estimate."""

from llmplan.space.inference import infer, plan_inference

__all__ = ["infer", "plan_inference"]
