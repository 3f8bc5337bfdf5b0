"""A word by which tables know another dtype."""

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
            gemm_formats=(("fp8",),),
            aliases=("bf16",),
        )
    ]
