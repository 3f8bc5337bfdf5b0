"""Wide weights and activations that multiply in few bits."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_dtype_rules():
    from llmplan.records import DTypeRule

    return [DTypeRule(name="planted", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp8",),))]
