"""A complete package of a plugin, with its tests, to start from: ``llmplan plugins new NAME --kind KIND``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.output.files import beside, said_of
from llmplan_kit.record_fields import record_fields

_TEMPLATES = Path(__file__).with_name("templates")
FOUND: Mapping[str, str] = {
    "gpu": 'assert "@NAME@" in registry().gpus',
    "model": 'assert "@NAME@" in registry().models',
    "dtype": 'assert "@NAME@" in registry().dtypes',
    "cost-model": 'assert "@NAME@" in registry().cost_models',
    "framework": 'assert "@NAME@" in registry().frameworks',
    "engine": 'assert "@NAME@" in registry().engines',
    "reporter": 'assert "@NAME@" in registry().reporters',
    "exporter": 'assert "@NAME@" in registry().exporters',
    "cluster": 'assert "@NAME@" in registry().clusters',
    "optimizer": 'assert "@NAME@" in registry().optimizers',
    "schedule": 'assert "@NAME@" in registry().schedules',
    "launcher": 'assert "@NAME@" in registry().launchers',
    "validation-set": 'assert "@NAME@" in registry().validation_sets',
    "run-reader": 'assert "@NAME@" in registry().run_readers',
    "site": 'assert "@NAME@" in registry().sites',
    "price": 'assert "@NAME@" in registry().catalogue("prices")',
    "grid": 'assert "@NAME@" in registry().catalogue("grids")',
    "command": 'assert any("llmplan_commands" in plugin.hooks for plugin in registry().plugins.loaded)',
}
"""The kinds of plugins, and what a test asks of each."""
_PRICES = '"llmplan-prices>=0.1,<0.2"'
_NEEDS = {
    "model": '"llmplan-layers>=0.1,<0.2"',
    "cost-model": '"attrs>=24.1"',
    "site": '"llmplan-calibration>=0.1,<0.2"',
    "price": _PRICES,
    "grid": _PRICES,
}
_HOMES = {
    "Transformer": "llmplan_layers",
    "Price": "llmplan_prices.records",
    "Grid": "llmplan_prices.records",
    "Launcher": "llmplan.estimate",
}
_LONGEST = 64
"""Letters of a name."""
_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_FIELDS = re.compile(r"^@FIELDS:(\w+)@\n( *)", re.MULTILINE)
_WIDTH = 110


def package(name: str, kind: str) -> dict[str, str]:
    """The files of the package, by their paths in it."""
    if kind not in FOUND:
        raise BadInputError(f"kind: {kind!r} is none of {', '.join(FOUND)}")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise BadInputError(f"name: {name!r} is to be of small letters, digits and hyphens, like acme-x1")
    if f"llmplan-{name.removeprefix('llmplan-')}" in registry().plugins.own:
        raise BadInputError(f"name: {name!r} is a package of llmplan itself")
    distribution = f"llmplan-{name.removeprefix('llmplan-')}"
    module = distribution.replace("-", "_")
    needs = ['"llmplan-core>=0.1,<0.2"', *([_NEEDS[kind]] if kind in _NEEDS else [])]
    words = {"NAME": name, "KIND": kind, "DISTRIBUTION": distribution, "MODULE": module,
             "DEPENDENCIES": ", ".join(sorted(needs)), "FOUND": FOUND[kind].replace("@NAME@", name)}  # fmt: skip
    files = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        ".github/workflows/test.yml": "test.yml",
        f"src/{module}/__init__.py": f"{kind}.py",
        f"tests/test_{module}.py": "test_plugin.py",
    }
    return {path: _filled(template, words) for path, template in files.items()}


def write_package(name: str, kind: str, place: Path) -> Path:
    """The folder of the package, which must not be there yet; whole or not at all."""
    folder = place / f"llmplan-{name.removeprefix('llmplan-')}"
    files = package(name, kind)
    with beside(str(folder), "folder") as unfinished, said_of(str(place), "folder"):
        if folder.exists() or folder.is_symlink():
            raise BadInputError(f"name: {folder} is there already")
        for path, text in files.items():
            file = unfinished / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        unfinished.rename(folder)
    return folder


def _filled(template: str, words: Mapping[str, str]) -> str:
    text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    text = _FIELDS.sub(lambda found: _optional(found[1], text, found[2]) + found[2], text)
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def _optional(record: str, text: str, margin: str) -> str:
    """A comment for each field that the template leaves out: its name, its default, its meaning."""
    indent = f"{margin}    # "
    kind = getattr(import_module(_HOMES.get(record, "llmplan.records")), record)
    lines = []
    for field in record_fields(kind):
        if re.search(rf"^ +{field.name}=", text, re.MULTILINE):
            continue
        lines += textwrap.wrap(
            f"{field.name}={field.default},  {field.type}. {field.meaning}",
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}    ",
            break_long_words=False,
        )
    return "\n".join(line.rstrip() for line in lines) + "\n"
