"""What scripts and the command line ask: `train`, `infer`, `search` and `compare`, each a question about a space."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from llmplan.catalogues import Kind, registry
from llmplan.errors import BadInputError, LlmplanError
from llmplan.estimate import Comparison, Estimate, TrainingEstimate, Variant
from llmplan.request import InferRequest, SearchRequest, TrainRequest, check_names, option_name, options_of
from llmplan.request.changes import Change, combinations, read_changes
from llmplan.search.infer import infer, plan_inference
from llmplan.search.train import plan_training, train
from llmplan.space.choice import find_record
from llmplan.space.training_space import TrainingSpace

if TYPE_CHECKING:
    from llmplan.search.result import SearchResult
    from llmplan.space.inference_space import InferenceSpace

__all__ = ["compare", "infer", "plan_inference", "plan_training", "search", "train"]


def search(space: TrainingSpace | InferenceSpace, objective: str | None = None, **options: Any) -> SearchResult:
    """The best plans of a space: ``search(TrainingSpace(model=..., gpu=..., gpus=2048), "cost")``.

    Options are those of `SearchRequest`, or of `InferSearchRequest`: pareto, finish_within, budget, top, prune; and of
    training those that the space may have, confidence or memory_headroom. Every priced plan is kept as columns unless
    `keep` is false, or goes to `sink`, part by part. `watch` is told of progress. An `InferenceSpace` takes no
    `executor`.
    """
    if isinstance(space, TrainingSpace):
        from llmplan.search.training import search_training

        asked = {name: options.pop(name) for name in options_of(SearchRequest) if name in options}
        of_plans = {name: options.pop(name) for name in options_of(TrainRequest) if name in options}
        space = space.with_values(**of_plans) if of_plans else space
        return search_training(space, SearchRequest(objective=objective, **asked), **options)
    from llmplan.search.servers import search_servers

    if options.pop("executor", None) is not None:
        raise TypeError("a search for servers takes no executor")
    options.pop("chunk", None)
    return search_servers(space, objective or "throughput", **options)


@frozen(repr=False)
class Comparing:
    """How far a comparison is, and the plans that are priced already."""

    done: int
    roots: int
    """Plans that are priced, of all."""
    variants: tuple[Variant, ...]
    """Those that are priced."""


_REQUESTS: Mapping[Any, type[TrainRequest | InferRequest]] = {train: TrainRequest, infer: InferRequest}
_PRICE = "price_per_gpu_hour"
_MOST_REASONS = 4
"""That one line names."""


def compare(
    price: Callable[..., Estimate],
    changes: Mapping[str, Any] | None = None,
    /,
    *,
    watch: Callable[[Comparing], None] | None = None,
    **options: Any,
) -> Comparison:
    """Price several plans: ``compare(infer, model="llama-65b", gpu=["l40s", "h100-sxm-80gb"], batch="1..64")``.

    `price` is `train` or `infer`; of its options those with several values vary, every combination of them. What
    should change together is one entry of `changes`: ``{"gpu+tp": [("l40s", 4), ("h100-sxm-80gb", 2)]}``.
    A plan that cannot be priced stays in its place with the reason; BadInputError where that is all of them. `watch` is
    told how far that is; where it raises an error of a class of KeyboardInterrupt, the plans that are left stay open.
    """
    request = _REQUESTS.get(price)
    if request is None:
        raise TypeError(f"compare prices with train or infer, not {price!r}")
    check_names(request, options, "training" if request is TrainRequest else "inference")
    varying, same = read_changes(request, changes or {}, options)
    same = {name: _resolved(request, name, value) for name, value in same.items()}
    refusals: list[LlmplanError] = []
    variants: tuple[Variant, ...] = ()
    plans, stopped = list(combinations(varying)), False
    for varied in plans:
        try:
            pricing = (
                _stopped if stopped else _watched(price, request, watch, Comparing(len(variants), len(plans), variants))
            )
            variants += (_priced(pricing, request, same, varied, refusals, variants),)
        except KeyboardInterrupt as interrupt:
            if type(interrupt) is KeyboardInterrupt or not any(variant.estimate for variant in variants):
                raise
            stopped = True
            variants += (_priced(_stopped, request, same, varied, refusals),)
    if len(refusals) == len(variants):
        raise _why_none(variants, refusals)
    return Comparison(command=price.__name__, varied=_values(varying, variants), variants=variants)


def _watched(
    price: Callable[..., Any], request: type[Any], watch: Callable[[Comparing], None] | None, state: Comparing
) -> Callable[..., Any]:
    """What prices a plan, and says how far the comparison is before it does and while it looks at many plans."""
    if watch is None:
        return price
    watch(state)
    return partial(price, watch=lambda _: watch(state)) if request is TrainRequest else price


def _stopped(_request: Any) -> Any:
    raise BadInputError("stopped before it was priced")


def _priced(
    price: Callable[..., Any],
    request: type[TrainRequest | InferRequest],
    same: Mapping[str, Any],
    varied: Mapping[str, Any],
    refusals: list[LlmplanError],
    before: Iterable[Variant] = (),
) -> Variant:
    asked = request(**same, **{name: _resolved(request, name, value) for name, value in varied.items()})
    said = {name: _plain(value, getattr(asked, name)) for name, value in varied.items()}
    try:
        return Variant(varied=said, estimate=_repriced(asked, said, before) or price(asked))
    except LlmplanError as error:
        refusals.append(error)
        return Variant(varied=said, estimate=None, refused=str(error))


def _repriced(asked: Any, said: Mapping[str, Any], before: Iterable[Variant]) -> TrainingEstimate | None:
    """The plan that was found already for another price, which decides nothing about it; None where there is none."""
    for one in before if _PRICE in said else ():
        found = one.estimate
        if isinstance(found, TrainingEstimate) and {**one.varied, _PRICE: said[_PRICE]} == said:
            plan = evolve(found.plan, price_per_gpu_hour=asked.price_per_gpu_hour)
            return evolve(found, plan=plan, request=asked)
    return None


def _resolved(request: type[TrainRequest | InferRequest], name: str, value: Any) -> Any:
    """The record that a name stands for: one that nobody offers is a slip, not a plan that cannot be priced."""
    kinds: dict[Any, Kind] = {kind.plural: kind for kind in registry().kinds}
    kind = kinds.get(options_of(request).get(name, {}).get("names"))
    return value if kind is None or value is None else find_record(value, option_name(name), kind)


def _plain(given: Any, converted: Any) -> Any:
    """A name as it was given, a number as it was read."""
    if isinstance(converted, Enum):
        return getattr(converted, "label", converted.value)
    if isinstance(converted, (int, float, str)):
        return converted
    if hasattr(converted, "words"):
        return converted.words or converted.number
    return given if isinstance(given, str) else getattr(converted, "label", "") or converted.name


def _values(varying: Iterable[Change], variants: Iterable[Variant]) -> dict[str, tuple[Any, ...]]:
    return {
        name: tuple(dict.fromkeys(variant.varied[name] for variant in variants))
        for change in varying
        for name in change.options
    }


def _why_none(variants: tuple[Variant, ...], refusals: list[LlmplanError]) -> LlmplanError:
    """The reason that all have in common, or each with its plan."""
    reasons = {str(variant.refused): variant.label for variant in reversed(variants)}
    if len(reasons) == 1:
        return refusals[0]
    listed = [f"{label}: {reason}" for reason, label in reversed(reasons.items())]
    more = f"; and {len(listed) - _MOST_REASONS} more reasons" if len(listed) > _MOST_REASONS else ""
    said = "; ".join(listed[:_MOST_REASONS])
    return BadInputError(f"compare: none of {len(variants)} plans can be priced; {said}{more}")
