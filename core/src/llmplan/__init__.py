"""llmplan: how long a model trains or serves on given hardware, how much memory it takes, and what it costs."""

from llmplan.catalogues import registry
from llmplan.errors import LlmplanError
from llmplan.hookspecs import hookimpl
from llmplan.planner import infer, plan_inference, plan_training, train

__all__ = ["LlmplanError", "hookimpl", "infer", "plan_inference", "plan_training", "registry", "train"]
