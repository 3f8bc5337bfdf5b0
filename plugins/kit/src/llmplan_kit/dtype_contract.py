"""The contract of dtypes: widths in bits, and formats that are refused where an accelerator has none of them.

`llmplan.testing` is the door to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from llmplan import records
from llmplan.catalogues import DTYPES, registry
from llmplan.errors import BadInputError, UnsupportedFormatError
from llmplan.records.cluster import two_levels
from llmplan_kit.contracts import (
    WIDEST_BITS,
    ContractError,
    check_aliases,
    check_within,
    check_words_of_others,
    checked_name,
    require,
)

_BITS = {
    "weight_bits": (1, WIDEST_BITS, "of one element, in bits"),
    "activation_bits": (4, WIDEST_BITS, "of one element, in bits"),
    "embedding_bits": (2.01, WIDEST_BITS, "of one element, in bits"),
    "norm_bits": (8, WIDEST_BITS, "of one element, in bits"),
    "loss_bits": (8, WIDEST_BITS, "of one element, in bits"),
    "kv_bits": (2.01, WIDEST_BITS, "of one element, in bits"),
    "training_weight_bits": (2.01, WIDEST_BITS, "of one element, in bits"),
    "expert_bits": (1, WIDEST_BITS, "of one element, in bits"),
    "attention_bits": (1, WIDEST_BITS, "of one element, in bits"),
}
_WIDTH = re.compile(r"\d+$")
"""Of a format, at the end of its name: ``bf16``."""
_STRANGE = records.HardwareProfile(
    name="strange",
    memory_bytes=64e9,
    memory_bytes_per_second=2e12,
    peak_flops={"no-such-format": 1.0},
    cluster=two_levels(2e11, 8),
)


def check_dtype(offered: records.DTypeRule | records.DTypeFamily, formats: Iterable[str] = ()) -> None:
    """A rule refuses hardware without its formats; a family makes a rule of every name that it lists.

    `formats` are those of accelerators that are not installed yet.
    """
    if not isinstance(offered, records.DTypeFamily):
        _check_rule(offered, formats)
        return
    for name in offered.listed:
        try:
            rule = offered.rule(name)
        except BadInputError as error:
            raise ContractError(f"{name}: listed, and refused: {error}") from error
        if rule is None or rule.name != name:
            raise ContractError(f"{name}: listed, and makes {'no rule' if rule is None else rule.name}")
        _check_rule(rule, formats)


def _check_rule(rule: records.DTypeRule, formats: Iterable[str]) -> None:
    name = checked_name(DTYPES, rule)
    check_within(name, rule, _BITS)
    require(rule.norm_bits > 0 and rule.loss_bits > 0, f"{name}: norm_bits or loss_bits: not positive")
    whole = rule.scale_bits < rule.weight_bits
    require(
        whole,
        f"{name}: scale_bits: {rule.scale_bits:g} of each weight, which has {rule.weight_bits:g}: is it of a group?",
    )
    check_aliases(name, rule.aliases)
    check_words_of_others(DTYPES, name, rule.aliases)
    tiers = rule.gemm_formats
    shaped = tiers and all(isinstance(tier, tuple) and tier for tier in tiers)
    require(shaped, f"{name}: gemm_formats: {tiers!r} is no tuple of tuples, like (('fp8',), ('fp16', 'bf16'))")
    kept = rule.held_bits >= rule.weight_bits
    require(kept, f"{name}: training_weight_bits: {rule.held_bits:g}, below weight_bits, {rule.weight_bits:g}")
    _check_tiers(name, tiers)
    for format_name in dict.fromkeys(one for tier in tiers for one in tier):
        _check_format(name, rule, format_name, formats)
    try:
        rule.gemm_format(_STRANGE)
    except UnsupportedFormatError:
        return
    raise ContractError(f"{name}: gemm_format: no UnsupportedFormatError for hardware without its formats")


def _check_tiers(name: str, tiers: tuple[tuple[str, ...], ...]) -> None:
    """What an accelerator falls back to has no fewer bits than what the dtype asks for."""
    widths = [[int(found[0]) for one in tier if (found := _WIDTH.search(one))] for tier in tiers]
    for place, (asked, instead) in enumerate(pairwise(widths)):
        wider = not asked or not instead or max(asked) <= min(instead)
        require(
            wider,
            f"{name}: gemm_formats: {tiers[place + 1]} has fewer bits than {tiers[place]}: what it asks for first",
        )


def _check_format(name: str, rule: records.DTypeRule, of: str, formats: Iterable[str]) -> None:
    """Some accelerator multiplies so, and with as many bits as what it multiplies has."""
    gpus = (gpu.peak_flops for _, _, gpu in registry().gpus.entries())
    known = of in formats or any(of in peaks for peaks in gpus)
    require(known, f"{name}: gemm_formats: no accelerator has {of}; there are {', '.join(_formats())}")
    narrow = int(min(rule.weight_bits, rule.activation_bits, rule.expert_bits or WIDEST_BITS))
    width = _WIDTH.search(of)
    wide = width is None or int(width[0]) >= narrow
    require(wide, f"{name}: gemm_formats: {of} has fewer bits than the {narrow} of what it multiplies")


def _formats() -> list[str]:
    return sorted({one for _, _, gpu in registry().gpus.entries() for one in gpu.peak_flops})
