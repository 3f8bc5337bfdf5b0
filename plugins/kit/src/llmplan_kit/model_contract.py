"""The contract of models: their operators, parameters and caches agree with each other, in every phase.

`llmplan.testing` is the door to it.
"""

from __future__ import annotations

import math
from typing import Any

from llmplan.catalogues import MODELS
from llmplan.records import Block, LoweredModel, ModelArchitecture, Operator, Phase, Works
from llmplan.records.model import ALWAYS_KEPT
from llmplan_kit.contracts import NUMPY, ROUNDING, WIDTHS, ContractError, checked_name, require, same

_TIMES = 2
_NEAR = (0.95, 1.05)
"""Of 2 FLOPs for each weight and token."""


def check_model(model: ModelArchitecture) -> None:
    """Operators and parameter counts agree in every phase; FLOPs are linear in batch, operators in what they claim, the
    cache at most linear in tokens.
    """
    name = checked_name(MODELS, model)
    try:
        hash(model)
    except TypeError as error:
        raise ContractError(f"{name}: {error}; attrs.frozen(eq=False) makes it hashable") from error
    parts = model.parameters_by_part()
    for part, count in parts.items():
        require(isinstance(count, int) and count >= 0, f"{name}: parameters_by_part: {part}: {count!r} is no count")
    for phase in Phase:
        lowered = _lowered(name, model, phase)
        for block in _blocks(lowered):
            _check_block(name, block)
            _check_flops(name, block)
        _check_totals(name, model, lowered, phase)
        _check_claims(name, model, phase)
    _check_scaling(name, model)
    _check_cache(name, model)
    first, again = (_all_figures(model, 2.0, 16.0) for _ in range(_TIMES))
    require(first == again, f"{name}: lower or kv_cache: other figures for the same tokens when asked again")
    if NUMPY is not None:
        _check_arrays(name, model)


def _lowered(name: str, model: ModelArchitecture, phase: Phase) -> LoweredModel:
    try:
        return model.lower(2, 16, 16, phase)
    except TypeError as error:
        raise ContractError(f"{name}: lower: takes no context and phase: {error}") from error


def _check_totals(name: str, model: ModelArchitecture, lowered: LoweredModel, phase: Phase) -> None:
    """What only training runs is held beside the model itself."""
    held = sum(block.count * block.parameters for block in _blocks(lowered))
    stated = sum(model.parameters_by_part().values())
    layers = sum(block.count for block in lowered.layers)
    more = phase is Phase.TRAINING
    require(
        held == stated or (more and held > stated),
        f"{name}: parameters_by_part says {stated} parameters, the blocks of lower {held} ({phase.value})",
    )
    require(
        layers == model.layers or (more and layers > model.layers),
        f"{name}: layers says {model.layers}, the blocks of lower {layers} ({phase.value})",
    )


def _check_claims(name: str, model: ModelArchitecture, phase: Phase) -> None:
    """An operator is in proportion to the tokens of a sequence in the same context, or, as it claims, not at all."""
    one, two = (_operators(model.lower(1, tokens, 64, phase)) for tokens in (16, 32))
    alike = [operator.name for operator in one] == [operator.name for operator in two]
    require(alike, f"{name}: lower: other operators of 32 tokens than of 16 ({phase.value})")
    for few, many in zip(one, two, strict=True):
        whole = few.works is Works.SEQUENCE
        require(
            not whole or phase is not Phase.DECODE,
            f"{name}: {few.name}: works once on a sequence, and is there in decode too",
        )
        claim = "a sequence" if whole else "tokens"
        for figure, (less, more) in _proportional(few, many).items():
            right = math.isclose(more, less if whole else 2 * less)
            require(right, f"{name}: {few.name}: {figure}: {less} of 16 tokens, {more} of 32: not as of {claim}")


def _proportional(few: Operator, many: Operator) -> dict[str, tuple[Any, Any]]:
    """The figures that follow from what an operator works on, of both; not what is read of weights."""
    names = ("flops", "reduced_elements", "moved", "exchanged")
    found = {name: (getattr(few, name) or 0, getattr(many, name) or 0) for name in names}
    inputs = zip(few.inputs, many.inputs, strict=True)
    found |= {f"inputs[{place}]": (one.elements, two.elements) for place, (one, two) in enumerate(inputs)}
    if few.gemm is not None and many.gemm is not None:
        found["gemm.m"] = few.gemm.m * few.gemm.groups, many.gemm.m * many.gemm.groups
    return found


def _blocks(lowered: LoweredModel) -> tuple[Block, ...]:
    return (lowered.embedding, *lowered.layers, lowered.head)


def _operators(lowered: LoweredModel) -> list[Operator]:
    return [operator for block in _blocks(lowered) for operator in block.operators]


def _check_block(name: str, block: Block) -> None:
    matrices, held = sum(operator.weights for operator in block.operators), block.parameters + block.shared_parameters
    require(matrices <= held, f"{name}: operators of a block weigh {matrices}, its parameters are {held}")
    for operator in block.operators:
        where = f"{name}: {operator.name}"
        again, figures = operator.recomputed_from, _figures(operator)
        require(0 < again <= ALWAYS_KEPT, f"{where}: recomputed_from: {again!r} is not 1 to {ALWAYS_KEPT}")
        require(all(0 <= figure < math.inf for figure in figures), f"{where}: negative or infinite: {figures}")
        read, weights = operator.weights_read, operator.weights
        require(read is None or read <= weights, f"{where}: weights_read: {read} is more than its weights, {weights}")
        for tensor in operator.inputs:
            dropped = tensor.dropped_from
            require(0 <= dropped <= ALWAYS_KEPT, f"{where}: dropped_from: {dropped!r} is not 0 to {ALWAYS_KEPT}")
            require(tensor.width in WIDTHS, f"{where}: width: {tensor.width!r} is none of {', '.join(WIDTHS)}")


def _check_flops(name: str, block: Block) -> None:
    """A multiplication is two FLOPs, its sum one of them."""
    for operator in block.operators:
        gemm = operator.gemm
        if gemm is not None and operator.flops:
            ratio = operator.flops / (2.0 * gemm.m * gemm.n * gemm.k * gemm.groups)
            low, high = _NEAR
            require(low < ratio < high, f"{name}: {operator.name}: flops: {ratio:.3g} times 2 m n k of its gemm")


def _check_cache(name: str, model: ModelArchitecture) -> None:
    """What is kept of every token is read by attention; layers may read what others keep."""
    blocks = _blocks(model.lower(2, 16, 16, Phase.DECODE))
    caches = [(block.count, one.scores.cache) for block in blocks for one in block.operators if one.scores is not None]
    if not caches or any(cache is None for _, cache in caches):
        return
    read = 32 * sum(count * cache.elements for count, cache in caches if cache is not None)
    kept = model.kv_cache(2, 16).elements
    require(kept <= read * (1 + ROUNDING), f"{name}: kv_cache: {kept:g} elements are kept of 32 tokens, {read:g} read")


def _figures(operator: Operator) -> list[Any]:
    optional = (operator.reduced_elements, operator.weights_read)
    stated = (figure for figure in optional if figure is not None)
    return [operator.flops, operator.weights, *stated, *(tensor.elements for tensor in operator.inputs)]


def _check_scaling(name: str, model: ModelArchitecture) -> None:
    flops, cache = model.lower(2, 16).flops, model.kv_cache(2, 16).elements
    require(flops > 0, f"{name}: lower: no FLOPs")
    require(math.isclose(model.lower(4, 16).flops, 2 * flops), f"{name}: lower: FLOPs are not linear in batch")
    further = model.lower(2, 16, 32).flops
    require(further >= flops, f"{name}: lower: fewer FLOPs with a context of 32 tokens than of 16")
    require(math.isclose(model.kv_cache(4, 16).elements, 2 * cache), f"{name}: kv_cache: not linear in batch")
    longer = model.kv_cache(2, 32).elements
    require(cache <= longer <= 2 * cache, f"{name}: kv_cache: {cache} of 16 tokens, {longer} of 32: not 1 to 2 times")


def _check_arrays(name: str, model: ModelArchitecture) -> None:
    """Every figure of two batches at once is that of each alone."""
    batches = ((1.0, 16.0), (2.0, 32.0))
    alone = zip(*(_all_figures(model, *batch) for batch in batches), strict=True)
    for numbers, arrays in zip(alone, _all_figures(model, *NUMPY.array(batches).T), strict=True):
        require(same(arrays, numbers), f"{name}: lower or kv_cache: {arrays} for arrays, {numbers} one by one")


def _all_figures(model: ModelArchitecture, batch: Any, seq_len: Any) -> list[Any]:
    operators = _operators(model.lower(batch, seq_len))
    cache = model.kv_cache(batch, seq_len).elements
    return [cache, *(figure for operator in operators for figure in _figures(operator))]
