"""docs/records.md: every record of every hook, every field with what it means."""

import re
import sys
from pathlib import Path

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


def test_every_record_that_a_hook_returns_is_there():
    """A hook would ask for a record that no page describes."""
    hooks = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    returned = set(re.findall(r"^Returns (?:[a-z ]+)?`([A-Z]\w+)`", hooks, re.MULTILINE))
    assert {"HardwareProfile", "Cluster", "DTypeRule", "EngineProfile"} <= returned
    assert returned <= {kind.__name__ for *_, kind in records.classes()}
