"""A family of dtypes that has a rule for every name."""

from __future__ import annotations

import re

from llmplan import hookimpl
from llmplan.records import DTypeFamily, DTypeRule

ASKS = ("--dtype", "BF16")
CODE = 0
SAID = "dtype: BF16 is that of llmplan-dtypes-float; there is dtypes-of-every-name:BF16, too"


@hookimpl
def llmplan_dtype_rules():
    return [DTypeFamily(pattern=re.compile(".*"), build=rule, listed=())]


def rule(match):
    bits = {"weight_bits": 1, "activation_bits": 1, "embedding_bits": 1, "kv_bits": 1}
    return DTypeRule(name=match.group().lower(), **bits, gemm_formats=(("fp16",),))
