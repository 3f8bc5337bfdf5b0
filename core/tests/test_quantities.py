"""One formula for a number and for an array: each element of an array comes out as the number alone would."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

from llmplan.arrays import quantities
from llmplan.arrays.quantities import ceil, floor, maximum, minimum, where

np = pytest.importorskip("numpy")

NUMBERS = st.floats(-1e18, 1e18)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8)


@pytest.mark.parametrize("function", [minimum, maximum])
@settings(max_examples=30, deadline=None)
@given(pairs=PAIRS)
def test_choosing_between_two_is_the_same_for_numbers_and_arrays(function, pairs):
    """If it fails, a sweep prices a plan differently from the plan alone."""
    firsts, seconds = (np.array(column) for column in zip(*pairs, strict=True))
    assert function(firsts, seconds).tolist() == [function(a, b) for a, b in pairs]


@pytest.mark.parametrize("function", [floor, ceil])
@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=8))
def test_rounding_is_the_same_for_numbers_and_arrays(function, numbers):
    """If it fails, whole iterations or layers of a stage differ between a sweep and a single plan."""
    assert function(np.array(numbers)).tolist() == [function(number) for number in numbers]


@settings(max_examples=30, deadline=None)
@given(pairs=PAIRS, bound=NUMBERS)
def test_where_is_the_same_for_numbers_and_arrays(pairs, bound):
    """If it fails, a condition takes another branch in a sweep than for a single plan."""
    firsts, seconds = (np.array(column) for column in zip(*pairs, strict=True))
    assert where(firsts < bound, firsts, seconds).tolist() == [where(a < bound, a, b) for a, b in pairs]


@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=8), other=NUMBERS)
def test_a_number_meets_an_array_element_by_element(numbers, other):
    """If it fails, a sweep over one dimension with the others fixed is wrong."""
    array = np.array(numbers)
    assert maximum(array, other).tolist() == [max(number, other) for number in numbers]
    assert minimum(other, array).tolist() == [min(number, other) for number in numbers]


@pytest.mark.parametrize(
    ("value", "below", "above"),
    [(2, 2.0, 2.0), (2.5, 2.0, 3.0), (-2.5, -3.0, -2.0), (0.0, 0.0, 0.0), (1e15, 1e15, 1e15)],
)
def test_rounding_gives_floats(value, below, above):
    """If it fails, formulas get integers, and 6 x 65e9 x 1.4e12 overflows once they meet an int64 array."""
    for rounded, expected in ((floor(value), below), (ceil(value), above)):
        assert type(rounded) is float
        assert rounded == expected


def test_numbers_of_numpy_work_like_any_other():
    """If it fails, a figure taken out of an array (a numpy scalar) crashes a formula."""
    assert minimum(np.float64(1.5), 2.0) == 1.5
    assert where(np.True_, 1.0, 2.0) == 1.0
    assert floor(np.float64(1.5)) == floor(np.float32(1.5)) == floor(np.array(1.5)) == 1.0


def test_plain_numbers_import_no_numpy():
    """If it fails, every start of the command line waits for numpy."""
    code = (
        "import sys; from llmplan.arrays.quantities import ceil, floor, maximum, minimum\n"
        "ceil(1.5), floor(1.5), maximum(1.0, 2.0), minimum(1.0, 2.0)\n"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_powers_products_and_remainders():
    """Numbers would be multiplied by their exponents, lists of different lengths be added up, or thirds be whole."""
    assert quantities.power(2.0, 3.0) == 8
    assert quantities.power(np.array([2.0, 3.0]), 3.0).tolist() == [8, 27]
    assert quantities.power(2.0, np.array([1.0, 3.0])).tolist() == [2, 8]
    assert quantities.power(np.array([[2.0], [3.0]]), np.array([2.0, 3.0])).tolist() == [[4, 8], [9, 27]]
    assert quantities.dot([2.0, 3.0], [5.0, 7.0]) == 31
    with pytest.raises(ValueError, match="argument 2 is longer"):
        quantities.dot([2.0], [5.0, 7.0])
    assert [quantities.has_remainder(whole, 4) for whole in (7, 8, 9)] == [True, False, True]


class Elsewhere:
    """An array of a library that has no `tolist`."""

    def __init__(self, values):
        self.values = values

    def __array_namespace__(self):
        return np

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype, copy=copy)


@pytest.mark.parametrize(
    ("name", "value"), [("exp", 1.0), ("expm1", 1e-9), ("log", 8.0), ("log1p", 1e-9), ("log2", 8.0)]
)
def test_functions_are_those_of_the_standard_library_wherever_an_array_can_be_read(name, value):
    """An array would differ in the last digit from its numbers, or one of a library without lists be refused."""
    function = getattr(quantities, name)
    alone = getattr(math, name)(value)
    assert function(value) == alone
    assert function(np.array([[value], [value]])).tolist() == [[alone], [alone]]
    assert function(Elsewhere([value])) == pytest.approx([alone])


def test_doublings_until_there_are_enough():
    """A tree of three would be as high as one of two, or that of four higher."""
    assert [quantities.ceil_log2(many) for many in (1, 2, 3, 4, 5)] == [0, 1, 2, 2, 3]
    assert quantities.ceil_log2(np.array([1.0, 2, 3, 4, 5])).tolist() == [0, 1, 2, 2, 3]


def test_sums_begin_with_nothing_and_take_all():
    """A breakdown would sum to more or less than its lines, or a curve's root be that of another number."""
    assert quantities.total([1.0, 2.0, 4.0]) == 7
    assert quantities.total([]) == 0
    assert quantities.total([np.array([1.0, 2.0]), 4.0]).tolist() == [5, 6]
    assert quantities.sqrt(9.0) == 3
    assert quantities.sqrt(np.array([9.0, 16.0])).tolist() == [3, 4]
