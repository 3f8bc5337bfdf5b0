"""The cost model ``megatron``: what a training step takes on the machines."""

from llmplan_parallelism_megatron.megatron.model import Megatron

__all__ = ["Megatron"]
