"""docs/records.md: every record of every hook, every field with what it means."""

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

from llmplan.catalogues import registry
from llmplan_kit.record_fields import record_fields

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import records  # noqa: E402 - a script beside the others

sys.path.remove(str(ROOT / "tools"))


def test_no_field_is_without_its_meaning():
    """An author would have to read the sources; words for it go under the field, or into the kit's field_words.py."""
    silent = [f"{kind.__name__}.{field.name}" for *_, kind in records.classes() for field in record_fields(kind)
              if not field.meaning]  # fmt: skip
    assert silent == []


def test_every_record_that_a_hook_takes_is_there():
    """A hook would ask for a record that no page describes."""
    taken = {cls.__name__ for kind in registry().kinds for cls in kind.classes}
    assert {"HardwareProfile", "CostModel", "PriceSource"} <= taken
    assert taken - {kind.__name__ for *_, kind in records.classes()} == set()


def test_every_class_that_the_page_of_hooks_names_is_there():
    """It would send its reader to the sources."""
    named = set(re.findall(r"`([A-Z]\w+)`", (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")))
    modules = {import_module(module) for _, module, _ in records.classes()}
    found = {name: getattr(module, name) for module in modules for name in named if hasattr(module, name)}
    classes = {name for name, one in found.items() if inspect.isclass(one) and not issubclass(one, Exception)}
    assert classes - {kind.__name__ for *_, kind in records.classes()} == set()
