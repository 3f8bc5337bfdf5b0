"""The format of last resort first."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_dtype_rules():
    from llmplan.records import DTypeRule

    return [
        DTypeRule(
            name="planted",
            weight_bits=8,
            activation_bits=8,
            embedding_bits=16,
            gemm_formats=(("bf16", "fp16"), ("fp8",)),
        )
    ]
