"""NVIDIA accelerators, V100 to B300, for llmplan."""
