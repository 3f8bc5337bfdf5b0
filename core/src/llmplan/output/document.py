"""The JSON contract: what a command found, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from math import isinf
from typing import TYPE_CHECKING, Any

from attrs import fields, has

from llmplan.catalogues import registry
from llmplan.catalogues.figures import figures_of
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figures import SERVER, TRAIN, TRAINING, kind_of_estimate
from llmplan.estimate.spread import LEVEL
from llmplan.output.plan_words import changes
from llmplan.records import OFFLOADS, Recompute, TrainingPlan, Tuning
from llmplan.space.dimensions import SIZES

if TYPE_CHECKING:
    from llmplan.estimate import Comparison, Estimate, Spread
    from llmplan.estimate.figure import Figure
    from llmplan.records import Efficiency, InferencePlan, Samples

SCHEMA = 2
"""Raised when a key changes its meaning or goes away; new keys may join."""
_NAMES = {
    "model": "model",
    "gpu": "hardware",
    "dtype": "dtype",
    "gemm_format": "gemm",
    "cost_model": "cost_model",
    "site": "site",
}
_SIZES = {name: name for name in ("gpus", *SIZES)} | {"sp": "sequence_parallel"}
_KERNELS = ("flops", "hbm", "scale_up", "scale_out")
_BREAKDOWNS = {
    TRAIN: ("time_breakdown", "forward_breakdown", "memory_breakdown"),
    "infer": ("prefill_breakdown", "decode_breakdown", "prefill_bounds", "decode_bounds", "memory_breakdown"),
}


def document(of: Any) -> dict[str, Any]:
    """What ``--json`` prints. SI units, full precision, None where something does not apply."""
    if _is_estimate(of):
        return _estimate(of)
    return _comparison(of) if hasattr(of, "variants") else _search(of)


def _is_estimate(value: Any) -> bool:
    return hasattr(value, "memory_breakdown")


def plain(value: Any) -> Any:
    """The same value in the words of JSON: estimates as their commands print them, records of a catalogue by name."""
    if _is_estimate(value):
        return document(value)
    if isinstance(value, Enum):
        return getattr(value, "label", value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return None if isinf(value) else value
    return _contents(value)


def _contents(value: Any) -> Any:
    """Of mappings, lists and records; a number of numpy as a number."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    if not has(type(value)):  # a record of a plugin may be any object
        return value if value is None or isinstance(value, (bool, int)) else getattr(value, "name", value)
    return getattr(value, "name", None) or {
        field.name: plain(getattr(value, field.name)) for field in fields(type(value))
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    """What was asked, the plan, its figures with their ranges, where time and memory go, what to know."""
    kind, plan = kind_of_estimate(estimate), estimate.plan
    command = TRAIN if kind == TRAIN else "infer"
    figures = [figure for figure in figures_of(kind) if "." not in figure.key]
    values = {figure.key: figure.value(estimate) for figure in figures}
    spreads = {
        name: getattr(estimate, name, None)
        for name in dict.fromkeys(figure.range for figure in figures if figure.range)
    }
    server = {} if kind == TRAIN else {"server": _under_load(estimate) if kind == SERVER else None}
    return {
        "schema": f"llmplan.{command}/{SCHEMA}",
        "request": _asked(estimate),
        **{key: plain(getattr(plan, name)) for key, name in _NAMES.items()},
        "efficiency": _efficiency(plan.efficiency),
        **_parts(plan),
        "layout": layout_of(plan),
        **(_training(plan) if isinstance(plan, TrainingPlan) else _serving(plan, estimate)),
        "feasible": bool(estimate.feasible),
        **{key: plain(value) for key, value in values.items()},
        **{
            f"{figure.key}_range": plain(figure.ends(values[figure.key], figure.own(spreads[figure.range])))
            for figure in figures
            if figure.range
        },
        "ranges": _ranges(spreads),
        **({} if kind == TRAIN else {"limits": _limits(estimate)}),
        **{name: plain(getattr(estimate, name)) for name in _BREAKDOWNS[command]},
        **server,
        "assumptions": list(plan.assumptions),
        "warnings": list(estimate.warnings),
        **(_by_estimate(estimate) if isinstance(estimate, TrainingEstimate) else {}),
    }


def _under_load(estimate: Estimate) -> dict[str, Any]:
    from llmplan.output.server_document import server_document

    return server_document(estimate)


def _parts(plan: TrainingPlan | InferencePlan) -> dict[str, Any]:
    """The price of an hour, and what options of plugins came to."""
    found: dict[str, Any] = {}
    price = plan.price_per_gpu_hour
    for plugin, one in registry().plan_options.offered():
        registry().plugins.run(plugin, f"keys of {one.name}", partial(_join, found, one, plan))
    return {**found, "price": found.get("price") or (None if price is None else {"per_gpu_hour": price})}


def _join(found: dict[str, Any], options: Any, plan: Any) -> None:
    found.update({key: plain(value) for key, value in options.keys(plan).items() if key not in _NAMES})


def _limits(estimate: Any) -> dict[str, Any]:
    """Latencies that were asked for, and whether they hold."""
    if not hasattr(estimate.request, "percentile"):
        return {}
    from llmplan.space.kept import kept

    names = ("limit", "percentile", "seconds", "at_confidence", "holds")
    return {one.option: {name: plain(getattr(one, name)) for name in names} for one in kept(estimate, estimate.request)}


def _by_estimate(estimate: TrainingEstimate) -> dict[str, Any]:
    """What the point estimates alone would have chosen, in short."""
    other = estimate.by_estimate
    if other is None:
        return {"by_estimate": None}
    seconds = TRAINING.value(other)
    ends = TRAINING.ends(seconds, TRAINING.spread(other))
    return {
        "by_estimate": {
            "changed": plain(changes(estimate, other)),
            TRAINING.key: plain(seconds),
            f"{TRAINING.key}_range": plain(ends),
        }
    }


def _asked(estimate: Estimate) -> dict[str, Any]:
    """All that was asked, enough to price it again."""
    if estimate.request is None:
        return {}
    from llmplan.request.plan_file import asked_in_full

    plan = estimate.plan
    records = {"model": plan.model, "gpu": plan.hardware, "parts": plan.parts}
    names = ("framework", "optimizer", "engine", "site")
    records |= {name: record for name in names if (record := getattr(plan, name, None)) is not None}
    words: dict[str, Any] = plain(asked_in_full(estimate.request, records))
    return words


def _efficiency(efficiency: Efficiency) -> dict[str, Any]:
    stated = efficiency.mfu is None
    kernels = {name: getattr(efficiency, name) if stated else None for name in _KERNELS}
    return {"mfu": efficiency.mfu, **kernels, "source": efficiency.source if stated else "given"}


def layout_of(plan: TrainingPlan | InferencePlan) -> dict[str, Any]:
    """Its sizes as the JSON has them, of training with ZeRO and the batch."""
    layout = plan.layout
    sizes = {key: plain(getattr(layout, name)) for key, name in _SIZES.items()}
    if not isinstance(plan, TrainingPlan):
        return sizes
    batch = {"micro_batch": plan.micro_batch, "gradient_accumulation": plan.gradient_accumulation}
    return {**sizes, "zero": layout.zero, "zero_group": layout.zero_group, **batch}


def _training(plan: TrainingPlan) -> dict[str, Any]:
    names = "global_batch seq_len tokens framework optimizer master_weights gradient_bits reduction_bits tuning"
    return {
        **{name: plain(getattr(plan, name)) for name in (*names.split(), "confidence")},
        "lora_rank": None if plan.tuning is Tuning.FULL else plan.lora_rank,
        "lora_targets": list(plan.lora_targets) or None,
        "recompute": Recompute(plan.recompute).label,
        "schedule": plan.schedule_name,
        "samples": None if plan.data is None else _samples(plan.data),
        "offload": {part: part in plan.on_host for part in OFFLOADS["everything"]},
    }


def _samples(data: Samples) -> dict[str, Any]:
    lengths = {"mean_tokens": data.mean, "longest_tokens": data.lengths[-1]}
    return {"number": data.number, "epochs": data.epochs, **lengths, "packed": data.packed}


def _serving(plan: InferencePlan, estimate: Estimate) -> dict[str, Any]:
    """A loaded server makes batches of its own; a trace has lengths of its own."""
    names = ("batch", "prompt_tokens", "output_tokens", "kv_bits", "engine")
    said = {name: plain(getattr(plan, name)) for name in names}
    if hasattr(estimate, "server"):
        load = estimate.server.workload
        lengths = (None, None) if load.trace else (load.prompt.mean, load.output.mean)
        said |= {"batch": None, "prompt_tokens": lengths[0], "output_tokens": lengths[1]}
    return said


def _ranges(spreads: Mapping[str, Spread | None]) -> dict[str, Any]:
    """What they rest on, by what may be off."""
    behind = {
        name.removesuffix("_spread"): spread
        and {"rows": plain(spread.rows), "extrapolated": bool(plain(spread.extrapolated))}
        for name, spread in spreads.items()
    }
    return {"level": LEVEL, **behind}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    """The plans have the same keys: those of one that cannot be priced are None."""
    plans = rows(comparison)
    keys = dict.fromkeys(key for row in plans for key in row)
    return {
        "schema": f"llmplan.compare/{SCHEMA}",
        "command": comparison.command,
        "varied": plain(comparison.varied),
        "rows": [{**keys, **row} for row in plans],
    }


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The plans: what varies, why one was refused, and what its own command prints."""
    return [
        {
            "varied": dict(variant.varied),
            "refused": variant.refused,
            **({} if variant.estimate is None else document(variant.estimate)),
        }
        for variant in comparison.variants
    ]


def _search(result: Any) -> dict[str, Any]:
    """What was looked for and at, the best plans and why they are, the frontier, or what would do."""
    names = ("objective", "confidence", "space", "constraints", "feasible", "complete")
    counts = ("legal", "pruned", "infeasible", "priced", "illegal_by", "pruned_by", "infeasible_by")
    return {
        "schema": f"llmplan.search/{SCHEMA}",
        "command": result.command,
        "request": plain(result.asked),
        **{name: plain(getattr(result, name)) for name in names},
        "plans": {name: plain(getattr(result.counts, name)) for name in counts},
        "seconds": result.seconds,
        "plans_per_second": result.plans_per_second,
        "best": plain(result.best),
        "by_estimate": plain(result.by_estimate),
        "why": [_reason(reason) for reason in result.why],
        "pareto_of": list(result.pareto_of) or None,
        "pareto": frontier_rows(result, result.pareto) if result.pareto_of else None,
        "verdict": plain(result.verdict),
        "warnings": list(result.warnings),
    }


def frontier_rows(result: Any, points: Iterable[Any]) -> list[dict[str, Any]]:
    """Plans as their command prints them; of servers points in closed form, which are no estimates."""
    if result.command == TRAIN:
        return [document(estimate) for estimate in points]
    found: list[dict[str, Any]] = plain(list(points))
    return found


def _reason(reason: Any) -> dict[str, Any]:
    """The winner against another plan."""
    return {
        "against": reason.against,
        "held_back": getattr(reason, "held_back", None),
        "changed": plain(reason.changed),
        "terms": plain(reason.terms),
        "unit": reason.unit,
        "figures": {figure.key: plain(figure.value(reason.estimate)) for figure in _compared(reason.estimate)},
    }


def _compared(estimate: Any) -> Iterator[Figure]:
    """What plans are searched by."""
    return (figure for figure in figures_of(kind_of_estimate(estimate)) if figure.objective)
