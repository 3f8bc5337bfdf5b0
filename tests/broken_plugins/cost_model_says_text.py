"""A cost model that forgets a comma behind its only word against a layout."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "check: returned the text 'tp is odd', not a tuple of texts"


class Broken(Delegating):
    def check(self, _plan):
        return "tp is odd"


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
