"""The options of ``llmplan train`` that a row of a table of measurements stands for.

An empty cell is left out: the planner then chooses, and says what it assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.records import FrameworkProfile, HardwareProfile, Recompute
from llmplan.validation.cells import whole
from llmplan.validation.models import model_of

_COLUMNS = {
    "n_gpus": "gpus",
    "tp": "tp",
    "cp": "cp",
    "pp": "pp",
    "vpp": "vpp",
    "ep": "ep",
    "zero_stage": "zero",
    "micro_batch": "micro_batch",
    "global_batch": "global_batch",
    "seq_len": "seq_len",
    "total_tokens": "tokens",
}
"""Columns that hold an option as it is."""
_SELECTIVE = "selective"
_RACK = "NVL72"
"""In the notes: the scale-up domain is the rack, however many accelerators a node holds."""


def options_of_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """Records and numbers; BadInputError where a cell makes no sense."""
    hardware = hardware_of(cells)
    options: dict[str, Any] = {
        "model": model_of(cells),
        "gpu": hardware,
        "dtype": registry().dtypes[cells["dtype"].lower()] if cells.get("dtype") else None,
        "framework": framework_of(cells.get("framework", ""), hardware, registry().frameworks.values()),
        "recompute": recompute_of(cells.get("recompute", "")),
        "sequence_parallel": {"0": False, "1": True}.get(cells.get("sp", "")),
        **{option: whole(cells, column) for column, option in _COLUMNS.items()},
    }
    return {name: value for name, value in options.items() if value is not None}


def recompute_of(word: str) -> Recompute | None:
    """By llmplan's own labels; ``selective`` is that of attention compute (Korthikanti et al. 2022, section 5)."""
    if not word:
        return None
    modes = {mode.label: mode for mode in Recompute} | {_SELECTIVE: Recompute.ATTENTION_COMPUTE}
    if word not in modes:
        raise BadInputError(f"recompute: {word!r} is none of {', '.join(modes)}")
    return modes[word]


def hardware_of(cells: Mapping[str, str]) -> HardwareProfile:
    """The accelerator of that name or alias, else the one whose alias begins the cell; its node as the row has it."""
    wanted = cells["accelerator"].lower()
    names = {
        name.lower(): record for _, _, record in registry().gpus.entries() for name in (record.name, *record.aliases)
    }
    beginning = [name for name in names if wanted.startswith(name)]
    found = names.get(wanted) or (names[max(beginning, key=len)] if beginning else None)
    if found is None:
        raise BadInputError(f"accelerator: {cells['accelerator']!r} is neither a name nor an alias of a registered one")
    node = whole(cells, "gpus_per_node")
    if node is None or node >= found.scale_up_domain or _RACK in cells.get("notes", ""):
        return found
    return evolve(found, scale_up_domain=node)


def framework_of(cell: str, hardware: HardwareProfile, profiles: Iterable[FrameworkProfile]) -> FrameworkProfile | None:
    """The profile whose longest alias occurs in the cell, one meant for this architecture first; None where none does."""
    best: tuple[int, int, FrameworkProfile] | None = None
    for profile in profiles:
        if profile.architectures and hardware.architecture not in profile.architectures:
            continue
        length = max((len(alias) for alias in profile.aliases if alias.lower() in cell.lower()), default=0)
        if length and (best is None or (length, len(profile.architectures)) > best[:2]):
            best = (length, len(profile.architectures), profile)
    return None if best is None else best[2]
