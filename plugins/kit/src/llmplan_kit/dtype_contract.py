"""The contract of dtypes: widths in bits, and formats that are refused where an accelerator has none of them.

`llmplan.testing` is the door to it.
"""

from __future__ import annotations

from llmplan import records
from llmplan.catalogues import DTYPES
from llmplan.errors import BadInputError, UnsupportedFormatError
from llmplan.records.cluster import two_levels
from llmplan_kit.contracts import WIDEST_BITS, WIDTHS, ContractError, checked_name, require

_LEAST_ACTIVATION_BITS = 4
_STRANGE = records.HardwareProfile(
    name="strange",
    memory_bytes=64e9,
    memory_bytes_per_second=2e12,
    peak_flops={"no-such-format": 1.0},
    cluster=two_levels(2e11, 8),
)


def check_dtype(offered: records.DTypeRule | records.DTypeFamily) -> None:
    """A rule refuses hardware without its formats; a family makes a rule of every name that it lists."""
    if not isinstance(offered, records.DTypeFamily):
        _check_rule(offered)
        return
    for name in offered.listed:
        try:
            rule = offered.rule(name)
        except BadInputError as error:
            raise ContractError(f"{name}: listed, and refused: {error}") from error
        if rule is None or rule.name != name:
            raise ContractError(f"{name}: listed, and makes {'no rule' if rule is None else rule.name}")
        _check_rule(rule)


def _check_rule(rule: records.DTypeRule) -> None:
    name = checked_name(DTYPES, rule)
    for width in WIDTHS:
        bits = getattr(rule, f"{width}_bits")
        require(bits > 0, f"{name}: {width}_bits: not positive")
        require(bits <= WIDEST_BITS, f"{name}: {width}_bits: {bits:g} is above {WIDEST_BITS}: is it of one element?")
    least = _LEAST_ACTIVATION_BITS
    require(
        rule.activation_bits >= least,
        f"{name}: activation_bits: {rule.activation_bits:g} is below {least}: is it bits?",
    )
    tiers = rule.gemm_formats
    shaped = tiers and all(isinstance(tier, tuple) and tier for tier in tiers)
    require(shaped, f"{name}: gemm_formats: {tiers!r} is no tuple of tuples, like (('fp8',), ('fp16', 'bf16'))")
    try:
        rule.gemm_format(_STRANGE)
    except UnsupportedFormatError:
        return
    raise ContractError(f"{name}: gemm_format: no UnsupportedFormatError for hardware without its formats")
