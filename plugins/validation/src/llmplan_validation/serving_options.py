"""The options of ``llmplan infer`` that a row of a table of measurements stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.records import DTypeRule, EngineProfile, HardwareProfile
from llmplan_validation.cells import Cells, text, whole
from llmplan_validation.models import lookup_name_of, model_of, named_model
from llmplan_validation.options import called, default_of

_COLUMNS = {"n_gpus": "gpus", "tp": "tp", "pp": "pp"}
"""Columns that hold an option as it is."""
UNKNOWN = ("", "unknown")
"""Cells that say nothing."""
STATIC, CLOSED_LOOP, SATURATED = "static", "closed_loop", "inflight_max"
"""How requests meet: all at once, one new as soon as one is done, or as many as memory holds."""
BATCHING = (STATIC, CLOSED_LOOP, SATURATED)


def serving_options_of_row(cells: Cells) -> dict[str, Any]:
    """Records and numbers; BadInputError where a cell makes no sense."""
    hardware = called(text(cells, "accelerator"), [profile for _, _, profile in registry().gpus.entries()])
    prompt, output = max(1, whole(cells, "input_len", 0) or 0), max(1, whole(cells, "output_len", 0) or 0)
    options: dict[str, Any] = {
        "model": model_of({**cells, "seq_len": str(prompt + output)}, named_model(cells)),
        "gpu": hardware,
        "dtype": _dtype(cells, hardware),
        "engine": profile_of(text(cells, "engine"), hardware),
        "kv_bits": _kv_bits(cells),
        "prompt_tokens": prompt,
        "output_tokens": output,
        **{option: whole(cells, column) for column, option in _COLUMNS.items()},
        "ep": whole(cells, "ep") or 1,
        **_load(cells),
    }
    return {name: value for name, value in options.items() if value is not None}


def _load(cells: Cells) -> dict[str, Any]:
    """Sequences at once, by how the table batches them."""
    batching = batching_of(cells)
    if batching == SATURATED:
        return {"max_batch": True}
    sequences = whole(cells, "batch_or_concurrency")
    if batching == STATIC:
        return {"batch": sequences or 1}
    if sequences is None:
        raise BadInputError("batch_or_concurrency: empty, and batching is closed_loop")
    return {"concurrency": sequences, "requests": 0}


def batching_of(cells: Cells) -> str:
    """``static`` where the table does not say."""
    batching = text(cells, "batching") or STATIC
    if batching not in BATCHING:
        raise BadInputError(f"batching: {batching!r} is none of {', '.join(BATCHING)}")
    return batching


def _dtype(cells: Cells, hardware: HardwareProfile) -> DTypeRule | None:
    weight, activation = text(cells, "weight_dtype").lower(), text(cells, "activation_dtype").lower()
    if weight in UNKNOWN:
        return None
    return dtype_of(weight, activation if activation not in UNKNOWN else weight, hardware)


def dtype_of(weight: str, activation: str, hardware: HardwareProfile) -> DTypeRule:
    """The rule that tables call ``weight/activation``; one by its own name where both are alike."""
    dtypes, words = registry().dtypes, f"{weight}/{activation}"
    for _, _, rule in dtypes.entries():
        if words in rule.aliases:
            return rule
    if weight == activation and weight in dtypes:
        return dtypes[weight]
    raise BadInputError(f"weight_dtype: {words} on {hardware.name} is no dtype that is registered")


def _kv_bits(cells: Cells) -> float | None:
    """Of a registered dtype's activations."""
    word = text(cells, "kv_dtype").lower()
    if word in UNKNOWN:
        return None
    if word not in registry().dtypes:
        raise BadInputError(f"kv_dtype: {word!r} is no dtype that is registered")
    rule = registry().dtypes[word]
    return rule.kv_bits or min(rule.weight_bits, rule.activation_bits)


def profile_of(cell: str, hardware: HardwareProfile) -> EngineProfile | None:
    """An engine that no profile knows is priced with the default one, under its own name; None where none is named."""
    profiles = [engine for _, _, engine in registry().engines.entries()]
    found = engine_of(cell, profiles, hardware.architecture)
    default = default_of(profiles, hardware.architecture)
    if found is not None or cell.lower() in UNKNOWN or default is None:
        return found
    described = f"{cell}: not known, priced as {default.name}"
    return evolve(default, name=lookup_name_of(cell), default=False, aliases=(), description=described)


def engine_of(cell: str, profiles: Iterable[EngineProfile], architecture: str = "") -> EngineProfile | None:
    """The profile whose alias stands first in the cell, of several there the longest, one meant for this architecture
    before others: what runs on something else is named before it. None where no alias occurs.
    """
    every = [one for one in profiles if not one.architectures or architecture in one.architectures]
    found = [
        (place, -len(alias), -len(profile.architectures), number)
        for number, profile in enumerate(every)
        for alias in profile.aliases
        if (place := cell.lower().find(alias.lower())) >= 0
    ]
    return every[min(found)[-1]] if found else None
