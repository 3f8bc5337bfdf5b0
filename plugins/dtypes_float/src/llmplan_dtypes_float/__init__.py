"""Floating-point dtypes, fp32 to nvfp4, for llmplan."""
