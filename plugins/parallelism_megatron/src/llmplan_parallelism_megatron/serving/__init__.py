"""Inference in the cost model ``megatron``: prompts and decoding by operator, on the kernels of an engine."""
