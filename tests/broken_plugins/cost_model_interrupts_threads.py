"""A cost model that raises in a thread."""

from __future__ import annotations

import threading

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
CODE = 0
STRICT = 0
SAID = "hello from a thread"


class Broken(Delegating):
    def train(self, plan):
        thread = threading.Thread(target=print, args=("hello from a thread",))
        thread.start()
        thread.join()
        return super().train(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
