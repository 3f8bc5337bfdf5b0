"""The few functions that formulas need beyond ``+ - * / **``, for a number or an array of numbers alike.

A plain number stays plain Python; an array goes to its own array namespace (numpy >= 2 and others), which this module
never imports. Formulas written with these price one plan and a million plans with the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Number: TypeAlias = float
"""A float, or an array of floats: arrays answer the same arithmetic, so formulas are annotated once."""
Truth: TypeAlias = Any
"""True or False, or an array of them; ``&`` and ``|`` put two together."""


def where(condition: Truth, then: Number, otherwise: Number) -> Number:
    """`then` where the condition holds, else `otherwise`. Both are evaluated, so both must be safe."""
    if condition is True:
        return then
    if condition is False:
        return otherwise
    chosen: Number = condition.__array_namespace__().where(condition, then, otherwise)
    return chosen


def minimum(a: Number, b: Number) -> Number:
    """The smaller of the two, element by element."""
    less: Any = a < b
    if less is True:
        return a
    if less is False:
        return b
    smaller: Number = less.__array_namespace__().minimum(a, b)
    return smaller


def maximum(a: Number, b: Number) -> Number:
    """The larger of the two, element by element."""
    more: Any = a > b
    if more is True:
        return a
    if more is False:
        return b
    larger: Number = more.__array_namespace__().maximum(a, b)
    return larger


def total(values: Iterable[Number]) -> Number:
    """Their sum, from left to right: since Python 3.12 ``sum`` compensates floats, and so differs from arrays."""
    result: Number = 0.0
    for value in values:
        result = result + value
    return result


def dot(numbers: Iterable[Number], values: Iterable[Number]) -> Number:
    """The sum of the products of two equally long lists, from left to right."""
    result: Number = 0.0
    for number, value in zip(numbers, values, strict=True):
        result = result + number * value
    return result


def sqrt(value: Any) -> Number:
    """The square root of a number or of each one of an array."""
    if isinstance(value, (int, float)):
        return math.sqrt(value)
    root: Number = value.__array_namespace__().sqrt(value)
    return root


def exp(value: Any) -> Number:
    """Return e to the power of the value."""
    return _function(value, math.exp, "exp")


def expm1(value: Any) -> Number:
    """Return e to the power of the value, less 1, exact where the value is small."""
    return _function(value, math.expm1, "expm1")


def log(value: Any) -> Number:
    """The natural logarithm of a number or of each one of an array."""
    return _function(value, math.log, "log")


def log1p(value: Any) -> Number:
    """Return the natural logarithm of 1 plus the value, exact where the value is small."""
    return _function(value, math.log1p, "log1p")


def log2(value: Any) -> Number:
    """Return the doublings from 1 to the value."""
    return _function(value, math.log2, "log2")


def ceil_log2(value: Any) -> Number:
    """Doublings until at least this many: 0 for 1, 2 for 3 and 4."""
    if isinstance(value, (int, float)):
        return float(math.ceil(math.log2(value)))
    namespace = value.__array_namespace__()
    doublings: Number = namespace.ceil(namespace.log2(value))
    return doublings


def floor(value: Number) -> Number:
    """The largest whole number that is not above the value, as a float."""
    return _rounded(value, math.floor, "floor")


def ceil(value: Number) -> Number:
    """The smallest whole number that is not below the value, as a float."""
    return _rounded(value, math.ceil, "ceil")


def has_remainder(whole: Number, part: Number) -> Truth:
    """Whether a whole number is no multiple of another."""
    return floor(whole / part) * part != whole


def _rounded(value: Any, plain: Callable[[float], int], name: str) -> Number:
    if isinstance(value, (int, float)):
        return float(plain(value))
    rounded: Number = getattr(value.__array_namespace__(), name)(value)
    return rounded


def power(base: Any, exponent: Any) -> Number:
    """The base to the power of the exponent; of arrays each element as of two numbers, to the last digit."""
    arrays = [value for value in (base, exponent) if hasattr(value, "tolist")]
    if not arrays:
        result: Number = base**exponent
        return result
    namespace = arrays[0].__array_namespace__()
    bases, exponents = namespace.broadcast_arrays(namespace.asarray(base), namespace.asarray(exponent))
    pairs = zip(bases.ravel().tolist(), exponents.ravel().tolist(), strict=True)
    powers: Number = namespace.asarray([one**other for one, other in pairs]).reshape(bases.shape)
    return powers


def _function(value: Any, plain: Callable[[float], float], name: str) -> Number:
    """A function of the standard library; of an array each element as of a number, to the last digit."""
    if isinstance(value, (int, float)):
        return plain(value)
    namespace = value.__array_namespace__()
    if not hasattr(value, "tolist"):
        result: Number = getattr(namespace, name)(value)
        return result
    each: Number = namespace.asarray([plain(one) for one in value.ravel().tolist()]).reshape(value.shape)
    return each
