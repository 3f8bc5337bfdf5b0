"""The core names no model, GPU, dtype, cost model, framework, optimizer, schedule or engine: plugins do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import llmplan
from llmplan import registry
from llmplan.catalogues import COST_MODELS, DTYPES, ENGINES, FRAMEWORKS, GPUS, MODELS, OPTIMIZERS, SCHEDULES

SOURCES = sorted(Path(llmplan.__file__).parent.rglob("*.py"))
KINDS = (MODELS, GPUS, DTYPES, COST_MODELS, FRAMEWORKS, OPTIMIZERS, SCHEDULES, ENGINES)


def plugins_names():
    """What plugins contribute, but for number formats: fp16 is a word of datasheets, whatever dtypes are called."""
    contributed = {name for kind in KINDS for name in registry().catalogue(kind)}
    timed = [gpu.kernels for gpu in registry().gpus.values() if gpu.kernels is not None]
    contributed |= {kernel for curves in timed for kernel in curves.attention}
    return contributed - {name for gpu in registry().gpus.values() for name in gpu.peak_flops}


def mentions(text):
    """The names in a text, as words; an identifier writes a dash or a dot as an underscore."""
    text = text.lower()
    return [name for name in NAMES if name in text and re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", text)]


def docstrings(tree):
    """The nodes that document a module, a class, a function or a field: strings that stand alone."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def words(tree):
    """Identifiers and strings that are no documentation, each with its line."""
    documentation = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value
        for field in ("id", "attr", "arg", "name", "asname", "module"):
            if isinstance(word := getattr(node, field, None), str):
                yield getattr(node, "lineno", 0), word.replace("_", "-")


NAMES = sorted(plugins_names())


def test_there_are_names_to_look_for():
    """If it fails, the test below looks for nothing."""
    assert {
        "llama-65b",
        "h100-sxm-80gb",
        "w8a8e16",
        "roofline",
        "megatron-core",
        "adam",
        "zero-bubble",
        "flash-3",
    } <= set(NAMES)
    assert mentions("try llama-65b.") == ["llama-65b"]
    assert mentions("llama-65bis") == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_core_names_nothing_that_plugins_contribute(path):
    """If it fails, the core knows a record by name, and would behave otherwise without its plugin."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [f"{path.name}:{line}: {name}" for line, word in words(tree) for name in mentions(word)]
    assert found == []
