"""A dtype that ends the process when it is asked for its format."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.records import DTypeRule

ASKS = ("--dtype", "broken")
SAID = "dtype-exits failed: SystemExit: 0 (dtype_exits.py"


class Broken(DTypeRule):
    """With no answer to what it multiplies in."""

    def gemm_format(self, hardware):
        sys.exit(0)


@hookimpl
def llmplan_dtype_rules():
    bits = {"weight_bits": 16, "activation_bits": 16, "embedding_bits": 16}
    return [Broken(name="broken", **bits, gemm_formats=(("fp16",),))]
