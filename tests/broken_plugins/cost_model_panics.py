"""A cost model in another language whose errors are no Exception, as panics of pyo3 are."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "cost-model: broken of cost-model-panics failed: PanicException: index out of bounds (cost_model_panics.py"


class Broken(Delegating):
    def train(self, _plan):
        raise PanicException("index out of bounds")


class PanicException(BaseException):
    """No Exception."""


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
