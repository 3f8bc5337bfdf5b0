"""A family of dtypes that lists names without end."""

from __future__ import annotations

import re
from itertools import count

from llmplan import hookimpl
from llmplan.records import DTypeFamily

ASKS = ()
CODE = 0
SAID = "plugin family-lists-without-end 1.0 ignored: llmplan_dtype_rules: "


@hookimpl
def llmplan_dtype_rules():
    return [DTypeFamily(pattern=re.compile("never"), build=None, listed=map(str, count()))]
