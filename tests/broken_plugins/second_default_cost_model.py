"""A cost model that claims to be the default, too."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "cost-model: megatron is the default; so claims second-default-cost-model:broken to be"


class Broken(Delegating):
    default = True


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
