"""Columns: arithmetic on combinations of fields gives each plan what arithmetic on whole arrays gives it."""

import gc
import operator
import weakref

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from llmplan.arrays.quantities import ceil, ceil_log2, floor, has_remainder, maximum, minimum, sqrt, total, where
from llmplan_costing.columns import Column, columns, in_full

NAMES = ("tp", "pp", "dp", "zero", "share", "flag")
VALUES = {
    "tp": [1.0, 2.0, 4.0, 8.0],
    "pp": [1.0, 3.0, 5.0],
    "dp": [1.0, 64.0, 4096.0],
    "zero": [0.0, 1.0, 2.0, 3.0],
    "share": [0.25, 1e9, -3.5, np.inf],
    "flag": [False, True],
}
some = settings(max_examples=60, deadline=None, derandomize=True)


def formula(f):
    """Something of everything, of fields that come together one by one."""
    layer = sqrt(f["tp"] * 3.0) / (1.0 + f["tp"])
    stage = ceil(80.0 / f["pp"]) * layer + floor(f["pp"] / 2.0)
    ranks = minimum(f["tp"] * f["dp"], 512.0) - ceil_log2(f["dp"])
    shared = where(f["zero"] >= 1, ranks, 1.0) ** 2
    kept = where(f["flag"], 0.0, maximum(stage, shared - 1.0))
    known = where(f["share"] < ranks, f["share"], ranks)
    odd = where((f["pp"] > 1) & has_remainder(f["dp"], f["pp"]) | (f["zero"] == 3), 7.0, 5.0)
    rest = where((f["tp"] != 2) | (f["tp"] <= f["pp"]), 2.0 ** f["zero"], 0.0 - f["tp"])
    return total([layer, stage, ranks, shared, kept, known, odd, rest, 1.0 / ranks])


def arrays(random, plans):
    return {name: random.choice(VALUES[name], plans) for name in NAMES}


def priced(given_arrays):
    plans = len(given_arrays["tp"])
    with columns(given_arrays) as fields:
        return in_full(formula(fields), plans)


@given(seed=st.integers(0, 10**6), plans=st.sampled_from([1, 2, 7, 60, 900, 5000]), nested=st.booleans())
@some
def test_a_formula_of_columns_is_the_formula_of_arrays(seed, plans, nested):
    """A search would find other figures than pricing one plan, to the last bit."""
    given_arrays = arrays(np.random.default_rng(seed), plans)
    if nested:
        order = np.lexsort(list(given_arrays.values())[::-1])
        given_arrays = {name: array[order] for name, array in given_arrays.items()}
    assert (priced(given_arrays) == formula(given_arrays)).all()


def test_a_column_is_as_short_as_its_combinations():
    """Formulas would be worked out for every plan: correct, and far too slow."""
    given_arrays = arrays(np.random.default_rng(1), 20_000)
    with columns(given_arrays) as fields:
        assert len(fields["tp"].values) == 4
        assert len((fields["tp"] * fields["pp"]).values) == 12
        assert len((fields["tp"] + fields["pp"] - fields["tp"]).values) == 12
        assert len((fields["tp"] * fields["zero"]).values) == 16
        assert len(maximum(fields["flag"] * 1.0, fields["pp"]).values) == 6
        assert (fields["tp"] * fields["zero"]).array.shape == (20_000,)


def test_what_another_field_decides_adds_no_combinations():
    """dp, which follows from tp and pp, would make columns longer."""
    given_arrays = arrays(np.random.default_rng(2), 5000)
    given_arrays["dp"] = 120 / given_arrays["tp"] / given_arrays["pp"]
    with columns(given_arrays) as fields:
        assert len((fields["tp"] * fields["pp"] * fields["dp"]).values) == 12


def test_a_field_that_all_plans_share_is_a_number():
    """Formulas that take a shortcut for a number would not take it, or would fail at an array."""
    with columns({"tp": np.full(9, 4.0), "flag": np.ones(9, bool), "pp": np.arange(9.0)}) as fields:
        assert fields["tp"] == 4.0
        assert fields["flag"] is True
        assert in_full(fields["tp"] * 2, 9).tolist() == [8.0] * 9
        assert isinstance(fields["pp"], Column)


@pytest.mark.parametrize("values", [np.arange(3e5, 3e5 + 900), np.arange(900) * 1e13, np.linspace(-1, 1, 900)])
def test_fields_may_have_any_values(values):
    """Large, negative or broken numbers would be taken for each other."""
    twice = np.repeat(values, 8)
    given_arrays = {"dp": twice, "tp": np.tile([1.0, 2.0], 3600), "more": np.tile(np.repeat(values[::-1], 2), 4)}
    with columns(given_arrays) as fields:
        assert (in_full(fields["dp"] + fields["more"] * fields["tp"], 7200)).tolist() == (
            given_arrays["dp"] + given_arrays["more"] * given_arrays["tp"]
        ).tolist()


def test_a_column_is_no_truth_value():
    """An `if` in a formula would take one way for all plans."""
    with columns({"tp": np.arange(5.0)}) as fields, pytest.raises(TypeError, match="its plans differ"):
        bool(fields["tp"] > 2)


def test_functions_of_elements_work_on_columns():
    """A model's own formula that calls numpy would fail in a search alone."""
    with columns({"tp": np.arange(1.0, 9.0)}) as fields:
        tp = fields["tp"]
        assert in_full(np.sqrt(tp), 8).tolist() == np.sqrt(np.arange(1.0, 9.0)).tolist()
        assert in_full(np.maximum(3.0, tp), 8).tolist() == np.maximum(3.0, np.arange(1.0, 9.0)).tolist()
        assert in_full(np.float64(2.0) * tp, 8).tolist() == (2.0 * np.arange(1.0, 9.0)).tolist()
        with pytest.raises(TypeError):
            np.add.reduce(tp)
        with pytest.raises(AttributeError, match="mean is no function of elements"):
            tp.__array_namespace__().mean(tp)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow", "lt", "le", "gt", "ge", "eq", "ne"])
def test_operators_take_numbers_on_either_side(name):
    """A formula that begins with a number would differ from one that ends with it."""
    array, function = np.array([1.0, 2.0, 3.0, 2.0]), getattr(operator, name)
    with columns({"tp": array}) as fields:
        assert in_full(function(fields["tp"], 2.0), 4).tolist() == function(array, 2.0).tolist()
        assert in_full(function(2.0, fields["tp"]), 4).tolist() == function(2.0, array).tolist()


def test_nothing_is_kept_until_the_garbage_collector_comes():
    """The memory of a search would grow with every chunk."""
    given_arrays = arrays(np.random.default_rng(3), 5000)
    gc.disable()
    try:
        with columns(given_arrays) as fields:
            found = fields["tp"] * fields["pp"] * fields["dp"]
            array = found.array
            held = [weakref.ref(one) for one in (found.values, found.key.level.plans, found.key.table.plans.level.up)]
        del fields, found
        assert [ref() for ref in held] == [None, None, None]
        assert array.shape == (5000,)
    finally:
        gc.enable()


def test_no_plans_are_no_error():
    """The last chunk of a search, with nothing left in it, would fail."""
    assert priced({name: array[:0] for name, array in arrays(np.random.default_rng(4), 5).items()}).shape == (0,)
