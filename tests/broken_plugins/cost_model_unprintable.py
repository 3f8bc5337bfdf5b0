"""A cost model whose error cannot say what it is."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "failed: UnprintableError: no message (cost_model_unprintable.py"


class Broken(Delegating):
    def train(self, _plan):
        raise UnprintableError


class UnprintableError(Exception):
    """Fails twice."""

    def __str__(self):
        raise RuntimeError


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
