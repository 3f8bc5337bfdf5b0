"""Two bytes where sixteen bits are meant."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_dtype_rules():
    from llmplan.records import DTypeRule

    widths = {"weight_bits": 2, "activation_bits": 2, "embedding_bits": 2}
    return [DTypeRule(name="planted", gemm_formats=(("bf16",),), **widths)]
