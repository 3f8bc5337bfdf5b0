"""A family of dtypes that ends the process where it is asked for a rule."""

from __future__ import annotations

import re
import sys

from llmplan import hookimpl
from llmplan.records import DTypeFamily

ASKS = ("--dtype", "broken1")
SAID = "dtype: broken1 of dtype-family-exits failed: SystemExit: 0 (dtype_family_exits.py"


@hookimpl
def llmplan_dtype_rules():
    return [DTypeFamily(pattern=re.compile("broken.*"), build=lambda _match: sys.exit(0), listed=())]
