"""The contracts find each mistake that is planted in a sound plugin, and none in the sound one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from planted_mistakes.sound import Sound, accelerator

from llmplan import hookimpl
from llmplan.testing import ContractError, check_plugin

FOLDER = Path(__file__).parent / "planted_mistakes"
MISTAKES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "sound"))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_is_found(mistake):
    """If it fails, a plugin with this mistake passes the contracts, and its figures are believed."""
    with pytest.raises(ContractError, match="planted"):
        check_plugin(import_module(f"planted_mistakes.{mistake}"))


def test_a_sound_plugin_passes():
    """If it fails, the contracts refuse what is right."""
    module = ModuleType("sound_plugin")

    @hookimpl
    def llmplan_parallelism_models():
        return [Sound()]

    @hookimpl
    def llmplan_hardware_profiles():
        return [accelerator()]

    module.llmplan_parallelism_models = llmplan_parallelism_models
    module.llmplan_hardware_profiles = llmplan_hardware_profiles
    check_plugin(module)
