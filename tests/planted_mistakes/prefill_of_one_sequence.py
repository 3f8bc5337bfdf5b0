"""The time of a prompt, whatever the batch."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def infer(self, plan):
        found = super().infer(plan)
        alone = {line: time / plan.batch for line, time in found.prefill_breakdown.items()}
        return evolve(found, prefill_breakdown=alone)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
