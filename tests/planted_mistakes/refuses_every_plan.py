"""Nothing is priced."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.errors import BadInputError
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def check(self, plan):
        raise BadInputError("tp: no")


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
