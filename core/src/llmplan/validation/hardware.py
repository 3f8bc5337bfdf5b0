"""The accelerator of a row, by its name or as tables of measurements call it."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.records import HardwareProfile
from llmplan.validation.cells import Cells, text, whole

_RACK = "nvl72"
"""In the notes of rows whose scale-up domain is wider than a node."""


def hardware_of(cells: Cells) -> HardwareProfile:
    """With the scale-up domain of the row's nodes, where these are smaller than usual."""
    profiles = [profile for _, _, profile in registry().gpus.entries()]
    found = called(text(cells, "accelerator"), profiles)
    node = whole(cells, "gpus_per_node")
    if node is None or node >= found.scale_up_domain or _RACK in text(cells, "notes").lower():
        return found
    return evolve(found, scale_up_domain=node)


def called(value: str, profiles: Iterable[HardwareProfile]) -> HardwareProfile:
    """The profile of this name or alias, in any case; a remark may follow it: ``A100-SXM4-80GB (type not stated)``."""
    profiles = list(profiles)
    words = value.lower().split("(")[0].split()
    for end in range(len(words), 0, -1):
        wanted = " ".join(words[:end])
        found = [profile for profile in profiles if wanted in _names(profile)]
        if len(found) > 1:
            names = " and ".join(profile.name for profile in found)
            raise BadInputError(f"accelerator: {value!r} is {names}")
        if found:
            return found[0]
    raise BadInputError(f"accelerator: {value!r} is unknown" if value else "accelerator: empty")


def _names(profile: HardwareProfile) -> set[str]:
    return {name.lower() for name in (profile.name, *profile.aliases)}
