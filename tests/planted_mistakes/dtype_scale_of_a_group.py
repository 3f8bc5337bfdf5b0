"""Bits of a whole scale for its part of one weight."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_dtype_rules():
    from llmplan.records import DTypeRule

    return [
        DTypeRule(
            name="planted",
            weight_bits=4,
            activation_bits=16,
            embedding_bits=16,
            gemm_formats=(("fp16", "bf16"),),
            scale_bits=16,
        )
    ]
