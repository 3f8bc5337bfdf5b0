"""One table of dimensions: no other source of the core spells the list, and what follows from it agrees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from attrs import fields_dict

from llmplan.cli.options import annotations_of
from llmplan.records import Layout, TrainingPlan
from llmplan.request import InferRequest, TrainRequest
from llmplan.space.dimensions import BY_NAME, COLUMNS, DIMENSIONS, SERVED, TIES
from llmplan.space.inference_space import RANGED as RANGED_OF_SERVERS
from llmplan.space.server_sizes import ReplicaSizes
from llmplan.space.training_space import RANGED
from llmplan_costing import by_column

SOURCES = Path(__file__).parents[1] / "core" / "src" / "llmplan"
HOME = SOURCES / "space" / "dimensions.py"
NAMES = {*BY_NAME, *COLUMNS, *SERVED} - {"tp", "pp", "dp"}  # which any formula of sizes names together
SEVERAL = 4
"""Names of dimensions in one literal that are a list of them."""


def spelled(path):
    """The names of dimensions in each literal of a source."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
            parts = [*node.keys, *node.values] if isinstance(node, ast.Dict) else node.elts
            words = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
            yield {word.removeprefix("layout.").replace("-", "_") for word in words} & NAMES


def test_no_other_source_lists_them():
    """If it fails, a new dimension has to be added in a second place, and is forgotten there."""
    listed = {
        path.relative_to(SOURCES).as_posix(): sorted(names)
        for path in SOURCES.rglob("*.py")
        for names in spelled(path)
        if len(names) >= SEVERAL and path != HOME
    }
    assert listed == {}


def test_arrays_are_priced_by_all_of_them():
    """If it fails, plans that differ in a dimension are priced as if they did not."""
    held = {name.removeprefix("layout.").partition(".")[0] for name in by_column._FIELDS}  # noqa: SLF001 - no one else needs it
    assert held == {*COLUMNS, "seq_len"}


@pytest.mark.parametrize("name", SERVED)
def test_a_dimension_of_servers_is_an_option(name):
    """If it fails, a value that a search chooses cannot be asked for, or only one value of it."""
    assert name in fields_dict(InferRequest)
    assert name in RANGED_OF_SERVERS
    assert SERVED[name].decides not in ("replica", "group") or name in fields_dict(ReplicaSizes)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda one: one.name)
def test_a_dimension_is_an_option_and_fields_of_the_plan(dimension):
    """If it fails, a value that is chosen cannot be asked for, or does not reach the plan."""
    assert dimension.name in fields_dict(TrainRequest)
    assert all(column in fields_dict(Layout) or column in fields_dict(TrainingPlan) for column in dimension.columns)
    assert dimension.name in annotations_of(TrainRequest, RANGED)


def test_equal_plans_are_told_apart():
    """If it fails, which of two equal plans is shown depends on how the work is cut."""
    tied = [column for one in DIMENSIONS if one.tie is not None for column in one.columns]
    assert set(tied) == set(TIES) - {"worded", "case", "model_parallel"}
    follows = set(COLUMNS) - set(tied)
    assert follows == {"tp", "dp"}  # model_parallel / (pp x cp) and gpus / model_parallel
