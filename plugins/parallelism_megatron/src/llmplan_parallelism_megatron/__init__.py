"""Megatron-style parallelism: what tp, pp, sp, dp and ZeRO cost, for llmplan."""
