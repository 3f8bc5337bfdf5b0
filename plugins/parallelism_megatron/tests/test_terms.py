"""Formulas with their words: the algebra that is printed is the function that is called."""

import importlib
import inspect
import math
import pkgutil
import random

import pytest
from attrs import evolve
from megatron_plans import BUSY, MODELS, plan

import llmplan_parallelism_megatron
from llmplan.arrays.quantities import dot
from llmplan.arrays.term import TERMS
from llmplan.records import AttentionCurve, CollectiveCurve, DecodeCurve, GemmCurve, NetworkCurve
from llmplan_costing.recording import recorded
from llmplan_parallelism_megatron.model import Megatron
from llmplan_parallelism_megatron.notation import NOTATION

for found in pkgutil.walk_packages(llmplan_parallelism_megatron.__path__, "llmplan_parallelism_megatron."):
    importlib.import_module(found.name)
FORMULAS = {
    name: described
    for name, described in TERMS.items()
    if name.startswith(("llmplan_parallelism_megatron.", "llmplan.records."))
}
"""Of this package and of the records that it prices by; another cost model explains its own letters."""
CURVES = {curve.__name__: curve for curve in (AttentionCurve, CollectiveCurve, DecodeCurve, GemmCurve, NetworkCurve)}
FUNCTIONS = {"max": max, "min": min, "sqrt": math.sqrt, "ceil": math.ceil, "log2": math.log2, "dot": dot}


def arguments_of(described, chance):
    """A random argument for each parameter."""
    for name, parameter in inspect.signature(described.function).parameters.items():
        if name == "self":
            curve = CURVES[described.name.partition(".")[0]]
            fields = [one.name for one in curve.__attrs_attrs__]
            yield name, curve(**{field: chance.uniform(0.1, 0.9) for field in fields})
        elif "Sequence" in str(parameter.annotation):
            yield name, [chance.uniform(1.0, 9.0) for _ in range(3)]
        else:
            yield name, chance.uniform(1.0, 9.0)


@pytest.mark.parametrize("described", FORMULAS.values(), ids=FORMULAS)
def test_the_algebra_is_the_formula(described):
    """A reader of ``--explain`` or of the book would see another formula than the one that prices."""
    chance = random.Random(described.name)
    for _ in range(20):
        given = dict(arguments_of(described, chance))
        owner = given.get("self")
        others = {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")} if owner else {}
        names = {**described.function.__globals__, **FUNCTIONS, **others, **given}
        computed = eval(described.algebra, names)
        assert computed == pytest.approx(described.function(**given), rel=1e-12)


@pytest.mark.parametrize("described", FORMULAS.values(), ids=FORMULAS)
def test_a_formula_has_words_a_unit_a_source_and_known_symbols(described):
    """A formula would stand in the book without saying what it computes, or in letters that nobody explains."""
    assert described.words.endswith((".", ".)"))
    assert described.unit
    assert described.source
    unknown = [name for name in described.symbols if name not in NOTATION]
    assert not unknown


def test_no_symbol_is_explained_in_vain():
    """The notation would list letters that no formula has."""
    used = {name for described in FORMULAS.values() for name in described.symbols}
    assert not NOTATION.keys() - used


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_recording_changes_no_figure(model):
    """Explaining a plan would price it differently."""
    one = plan(model, tp=2, pp=2, gradient_accumulation=8, framework=BUSY)
    alone = Megatron().train(one)
    with recorded() as record:
        watched = Megatron().train(one)
    assert watched.time_breakdown == alone.time_breakdown
    assert watched.memory_breakdown == alone.memory_breakdown
    assert record.calls
    with recorded() as nothing:
        pass
    assert not nothing.calls


class Counting:
    """A model that counts how often it is lowered."""

    def __init__(self, model):
        self.model, self.lowered = model, 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def lower(self, *sizes):
        """As the model, and one more."""
        self.lowered += 1
        return self.model.lower(*sizes)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_plan_lowers_its_model_once(model):
    """A plan would be priced more slowly than it need be: most of the time goes into operators."""
    one = plan(model, tp=2, pp=2, gradient_accumulation=8, framework=BUSY, offload_activations=True)
    counting = Counting(model)
    Megatron().train(evolve(one, model=counting))
    assert counting.lowered == 1
