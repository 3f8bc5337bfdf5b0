"""A dtype that claims to be the default, too."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import DTypeRule

ASKS = ()
CODE = 0
SAID = "is the default; so claims second-default-dtype:broken to be"


@hookimpl
def llmplan_dtype_rules():
    return [
        DTypeRule(
            name="broken",
            weight_bits=1,
            activation_bits=1,
            embedding_bits=1,
            kv_bits=1,
            gemm_formats=(("fp16",),),
            default=True,
        )
    ]
