"""Server models: what the kit refuses of one, what is said without any, and whose fault it is when one fails."""

from __future__ import annotations

import math

import pytest
from affine_server import SAMPLE, AffineCostModel, AffineSteps, inference_plan
from attrs import evolve, frozen

from llmplan import infer, registry
from llmplan.catalogues import SERVER_MODELS, Catalogue
from llmplan.errors import BadInputError, PluginFailedError
from llmplan.search import InferenceSpace, search
from llmplan.testing import check_plugin, check_server_model
from llmplan_kit.contracts import ContractError
from llmplan_serving_load import plugin
from llmplan_serving_load.model import ContinuousBatching

SERVED = {**SAMPLE, "prompt_tokens": 200, "output_tokens": 50, "requests": 0, "tp": 1, "pp": 1, "dp": 1}
BATCH = AffineCostModel().infer(inference_plan())


@frozen
class Broken(ContinuousBatching):
    """Ours, but for one thing."""

    wrong: str = ""

    def serve(self, plan, steps, batches):
        """What is wrong of it."""
        found = super().serve(plan, steps, batches)
        means = found.closed_form
        if self.wrong == "another":
            return evolve(found, server=evolve(plan))
        if self.wrong == "endless":
            return evolve(found, closed_form=means and evolve(means, total_seconds=math.inf), simulated=None)
        if self.wrong == "too much":
            return evolve(found, capacity=evolve(found.capacity, requests_per_second=0.5 * found.requests_per_second))
        if self.wrong == "careless" and plan.workload.concurrency == 8:
            return evolve(found, closed_form=evolve(means, total_seconds=0.1, first_token_seconds=0.1), simulated=None)
        return found


WRONG = {
    "another": "returned no ServerEstimate of the plan",
    "endless": "one user: first token, next token and answer take",
    "too much": "with a capacity of",
    "careless": "more users takes less",
}


def test_ours_keeps_the_contract():
    """If it fails, the package breaks what it asks of others."""
    check_plugin(plugin)
    check_server_model(Broken(), BATCH)


@pytest.mark.parametrize(("wrong", "said"), WRONG.items(), ids=WRONG)
def test_what_a_server_model_must_not_say_is_refused(wrong, said):
    """A report would print an answer beyond its capacity, or a latency that nobody waits for."""
    with pytest.raises(ContractError, match=said):
        check_server_model(Broken(wrong=wrong), BATCH)


class _None:
    """Plugins that offer nothing."""

    def ask(self, *_):
        return []


@pytest.mark.parametrize("load", [{"rate": 1.0}, {"concurrency": 2, "dp": None}])
def test_without_a_server_model_a_load_is_refused_in_one_line(monkeypatch, load):
    """If it fails, a core without this package ends in a traceback, or does not say what is missing."""
    monkeypatch.setitem(vars(registry()), "server_models", Catalogue(SERVER_MODELS, _None()))
    asked = next(iter(load))
    wanted = f"{asked}: a load needs a server model: pip install llmplan-serving-load"
    with pytest.raises(BadInputError, match=f"^{wanted}$"):
        infer(**{**SERVED, **load})
    with pytest.raises(BadInputError, match=r"^search: a load needs a server model: pip install"):
        search(InferenceSpace(**{**SERVED, "rate": 1.0}))
    assert infer(**{**SERVED, "requests": None, "batch": 4}).feasible


def test_what_fails_is_named():
    """If it fails, the author of a cost model is blamed for a server model, or the other way round."""

    class Failing(AffineSteps):
        def step_seconds(self, _step):
            raise ZeroDivisionError("no step")

    class Lost(ContinuousBatching):
        def serve(self, *_given):
            raise KeyError("lost")

    with pytest.raises(PluginFailedError, match=r"^cost-model: affine failed: ZeroDivisionError: no step"):
        infer(**{**SERVED, "cost_model": AffineCostModel(steps=Failing()), "rate": 1.0})
    with pytest.raises(PluginFailedError, match=r"^server-model: continuous-batching.* failed: KeyError: 'lost'"):
        infer(**SERVED, server_model=Lost(), rate=1.0)
