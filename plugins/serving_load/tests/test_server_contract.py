"""The contract of a server's steps: what `llmplan.testing` refuses of a cost model that offers them."""

from __future__ import annotations

import pytest
from affine_server import AffineSteps
from attrs import frozen

from llmplan import registry
from llmplan.estimate import Kind, Line
from llmplan.testing import check_cost_model
from llmplan_kit.contracts import ContractError
from llmplan_kit.serving_contract import check_serving_steps


@frozen
class Broken(AffineSteps):
    """Steps of which one thing is wrong."""

    wrong: str = ""

    @property
    def batches_in_flight(self):
        """None at all."""
        return 0 if self.wrong == "batches" else 1

    def step_seconds(self, step):
        """Less with more sequences, or no time at all."""
        seconds = super().step_seconds(step)
        return {"faster": seconds / (1 + step.sequences), "nothing": 0.0, "endless": float("inf")}.get(
            self.wrong, seconds
        )

    def step_interval_seconds(self, step):
        """Longer than the step."""
        return 2 * self.step_seconds(step) if self.wrong == "interval" else self.step_seconds(step)

    def fixed_memory(self, _step_tokens):
        """Less than nothing."""
        return {Line("weights", Kind.TENSORS): -1.0 if self.wrong == "memory" else 1.0}

    def kv_bytes(self, tokens):
        """The fewer the more tokens there are."""
        return 1e9 - tokens if self.wrong == "cache" else super().kv_bytes(tokens)


WRONG = {
    "batches": "batches_in_flight: 0 is no count",
    "faster": "step_seconds: more sequences takes less",
    "nothing": "are all nothing",
    "endless": "are not all finite",
    "interval": "step_interval_seconds",
    "memory": "fixed_memory: weights: -1.0",
    "cache": "kv_bytes: more tokens takes less",
}


def test_right_steps_pass():
    """A plugin's author would be sent looking for nothing."""
    check_serving_steps("affine", AffineSteps())
    check_serving_steps("affine", AffineSteps(stages=4))
    check_serving_steps("affine", Broken())


@pytest.mark.parametrize(("wrong", "said"), WRONG.items(), ids=WRONG)
def test_wrong_steps_are_refused(wrong, said):
    """A simulation would fail, or answer nonsense."""
    with pytest.raises(ContractError, match=said):
        check_serving_steps("broken", Broken(wrong=wrong))


def test_those_of_the_cost_models_that_come_along_pass():
    """They are checked with the rest of a cost model."""
    for cost_model in registry().cost_models.values():
        check_cost_model(cost_model)
