"""A cost model that prints, in Python and below it."""

from __future__ import annotations

import os

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
CODE = 0
STRICT = 0
SAID = "hello from Python"


class Broken(Delegating):
    def train(self, plan):
        print("hello from Python")
        os.write(1, b"hello from below\n")
        return super().train(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
