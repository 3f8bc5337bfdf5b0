"""The options of ``llmplan train`` that a row of a table of measurements stands for.

An empty cell is filled in as most runs are, where it is no size of a layout: what a source does not say is rarely out
of the ordinary. The rest is left open, and chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attrs import evolve

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.records import DTypeRule, EngineProfile, FrameworkProfile, HardwareProfile, Recompute
from llmplan.records.cluster import ROUND
from llmplan.space.schedules import schedule_names
from llmplan_validation.cells import Cells, flag, number, text, whole
from llmplan_validation.models import lookup_name_of, model_of

_COLUMNS = {
    "n_gpus": "gpus",
    "tp": "tp",
    "cp": "cp",
    "pp": "pp",
    "vpp": "vpp",
    "ep": "ep",
    "expert_tp": "expert_tp",
    "micro_batch": "micro_batch",
    "global_batch": "global_batch",
    "seq_len": "seq_len",
    "lora_rank": "lora_rank",
}
"""Columns that hold an option as it is."""
_ON = {"on q and v": "q+v", "on attention": "attention"}
"""Words of notes: the matrices that have adapters."""
_RAN = {
    "packed, eager": "eager",
    "+ compile;": "compiled",
    "base in gptq": "DeepSpeed, AutoGPTQ",
    "no torch.compile": "eager",
    "async tp": "async TP",
    "vtrain config": "2023",
}
"""Words of notes: how a program ran. AutoGPTQ trains in FP16, which needs DeepSpeed (QwenLM/Qwen, finetune/*.sh)."""
_SELECTIVE = "selective"
Profile = TypeVar("Profile", FrameworkProfile, EngineProfile)
_RACK = "NVL72"
"""In the notes: the scale-up domain is the rack, however many accelerators a node holds."""


def options_of_row(cells: Cells) -> dict[str, Any]:
    """Records and numbers; BadInputError where a cell makes no sense. dp follows from n_gpus, where that is stated."""
    hardware = hardware_of(cells)
    options: dict[str, Any] = {
        "model": model_of(cells),
        "gpu": hardware,
        "dtype": _dtype(text(cells, "dtype").lower()),
        "framework": _framework(_program(cells), hardware),
        "recompute": recompute_of(text(cells, "recompute").lower()),
        "sequence_parallel": flag(cells, "sp"),
        "zero": whole(cells, "zero_stage", 0),
        "nic_gbits": _node_gigabits(cells),
        "schedule": text(cells, "schedule").lower() or None,
        "tuning": text(cells, "tuning").lower() or None,
        "lora_targets": _targets(cells),
        "tokens": number(cells, "total_tokens"),
        "dp": None if text(cells, "n_gpus") else whole(cells, "dp"),
        **{option: whole(cells, column) for column, option in _COLUMNS.items()},
    }
    if options["recompute"] is None and options["framework"] is not None:
        options["recompute"] = recompute_of(options["framework"].usual_recompute or "")
    given = {name: value for name, value in options.items() if value is not None}
    return {**_as_most_do(given), **given, **_split_by_stages(given)}


def _split_by_stages(given: Mapping[str, Any]) -> dict[str, int]:
    """Micro-batches of a program that cuts a rank's batch into as many as its pipeline has stages: tables call that
    batch the micro-batch, or state none.
    """
    pp, batch, devices = given.get("pp", 1), given.get("global_batch"), given.get("gpus")
    framework = given.get("framework")
    if framework is None or not framework.splits_by_stages or pp == 1 or batch is None or devices is None:
        return {}
    local = batch * given.get("tp", 1) * given.get("cp", 1) * pp // devices
    whole_batch = given.get("micro_batch", local) == local and local % pp == 0
    return {"micro_batch": local // pp} if whole_batch else {}


def _program(cells: Cells) -> str:
    """The cell, with what notes say of how the program ran that has a profile of its own."""
    name, notes = text(cells, "framework"), text(cells, "notes").lower()
    words = next((words for mark, words in _RAN.items() if mark in notes), "")
    return ", ".join([name, *(word for word in words.split(", ") if word not in name)])


def _targets(cells: Cells) -> str | None:
    """The column, else the words of the notes."""
    notes = text(cells, "notes").lower()
    if text(cells, "tuning").lower() in {"", "full"}:
        return None
    return text(cells, "lora_targets") or next((targets for words, targets in _ON.items() if words in notes), None)


def _as_most_do(given: Mapping[str, Any]) -> dict[str, Any]:
    """Runs whose source does not say it: the default schedule, ZeRO 1, nothing offloaded, micro-batches of 1 sequence;
    sequence parallel, without context parallelism, where tensor parallelism is stated. Who ran it had measured it, so
    that the estimate alone decides on what is left open.
    """
    sizes = {"cp": 1, "sequence_parallel": given["tp"] > 1} if "tp" in given else {}
    return {"schedule": schedule_names()[0], "zero": 1, "offload": "none", "micro_batch": 1, "confidence": 0.5, **sizes}


def recompute_of(word: str) -> Recompute | None:
    """By llmplan's own labels; ``selective`` is that of attention compute (Korthikanti et al. 2022, section 5)."""
    if not word:
        return None
    modes = {mode.label: mode for mode in Recompute} | {_SELECTIVE: Recompute.ATTENTION_COMPUTE}
    if word not in modes:
        raise BadInputError(f"recompute: {word!r} is none of {', '.join(modes)}")
    return modes[word]


def hardware_of(cells: Cells) -> HardwareProfile:
    """The accelerator of that name or alias; its scale-up domain no wider than a node of the row."""
    found = called(text(cells, "accelerator"), [profile for _, _, profile in registry().gpus.entries()])
    node = whole(cells, "gpus_per_node")
    if node is None or node >= found.scale_up_domain or _RACK in text(cells, "notes"):
        return found
    if found.cluster.levels[0].topology in ROUND:  # a torus goes on from host to host
        return found
    return evolve(found, cluster=found.cluster.with_first(node))


def _node_gigabits(cells: Cells) -> float | None:
    """Of a node's network: the column ``nic_gbits``, else what notes say; None where neither does, which leaves that
    of the accelerator's usual cluster.
    """
    stated = number(cells, "nic_gbits")
    noted = re.search(r"(\d+) Gb/s inter-node per node", text(cells, "notes"))
    return float(noted[1]) if stated is None and noted else stated


def called(cell: str, profiles: Iterable[HardwareProfile]) -> HardwareProfile:
    """By name or alias, in any case; a remark may follow after a space: ``A100-SXM4-80GB (type not stated)``."""
    names = {name.lower(): profile for profile in profiles for name in (profile.name, *profile.aliases)}
    words = cell.lower().split()
    beginnings = (" ".join(words[:end]) for end in range(len(words), 0, -1))
    found = next((names[beginning] for beginning in beginnings if beginning in names), None)
    if found is None:
        raise BadInputError(f"accelerator: {cell!r} is neither a name nor an alias of a registered one")
    return found


def default_of(profiles: Iterable[Profile], architecture: str) -> Profile | None:
    """The usual program of an architecture, else the default."""
    profiles = list(profiles)
    usual = (profile for profile in profiles if architecture in profile.usual_on)
    return next(usual, None) or next((profile for profile in profiles if profile.default), None)


def framework_of(cell: str, hardware: HardwareProfile, profiles: Iterable[FrameworkProfile]) -> FrameworkProfile | None:
    """The profile whose longest alias occurs in the cell, one meant for this architecture first; else None."""
    best: tuple[int, int, FrameworkProfile] | None = None
    for profile in profiles:
        if profile.architectures and hardware.architecture not in profile.architectures:
            continue
        length = max((len(alias) for alias in profile.aliases if alias.lower() in cell.lower()), default=0)
        if length and (best is None or (length, len(profile.architectures)) > best[:2]):
            best = (length, len(profile.architectures), profile)
    return None if best is None else best[2]


def _framework(cell: str, hardware: HardwareProfile) -> FrameworkProfile | None:
    """A program that no profile knows is priced with the default one, under its own name; None where none is named."""
    profiles = [framework for _, _, framework in registry().frameworks.entries()]
    found = framework_of(cell, hardware, profiles)
    default = default_of(profiles, hardware.architecture)
    if found is not None or not cell or default is None:
        return found
    described = f"{cell}: not known, priced as {default.name}"
    return evolve(default, name=lookup_name_of(cell), default=False, aliases=(), description=described)


def _dtype(cell: str) -> DTypeRule | None:
    return registry().dtypes[cell] if cell else None
