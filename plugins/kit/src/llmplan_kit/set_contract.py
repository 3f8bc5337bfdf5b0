"""The contract of sets of published figures: their rows are plans that can be asked for, and their figures figures."""

from __future__ import annotations

from typing import Any

from llmplan.catalogues import VALIDATION_SETS
from llmplan.catalogues.guard import words_of
from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError
from llmplan.records import ValidationRow, ValidationSet
from llmplan.request import InferRequest, TrainRequest
from llmplan.request.plan_file import plan_options
from llmplan.search.infer import infer
from llmplan.search.train import train
from llmplan_kit.contracts import ContractError, checked_name, require
from llmplan_kit.cost_contract import PLAINEST

_MOST_ROWS = 3
"""Of a set, that are looked at."""
_FAR = 50.0
"""Times what is measured: a prediction beyond it is in another unit."""

_LAYOUT = ("cp", "ep", "vpp", "zero", "recompute", "schedule", "sequence_parallel", "offload")


def check_validation_set(published: ValidationSet) -> None:
    """It has rows or a table that is there; a row's figure is one, and its prediction is called."""
    name = checked_name(VALIDATION_SETS, published)
    require((published.rows is None) != (published.table is None), f"{name}: has rows and a table, or neither")
    if published.table is not None:
        require(published.table.is_file(), f"{name}: table: {published.table} is no file")
        return
    rows = list(published.rows() if published.rows is not None else ())
    require(rows, f"{name}: has no row")
    require(len({row.id for row in rows}) == len(rows), f"{name}: two rows have one id")
    for row in rows[:_MOST_ROWS]:
        require(row.command in ("train", "infer"), f"{name}: {row.id}: command: {row.command!r}")
        require(row.measured == row.measured and row.measured > 0, f"{name}: {row.id}: measured: {row.measured!r}")
        _check_options(f"{name}: {row.id}", row)
    _check_prediction(f"{name}: {rows[0].id}", rows[0])


def _check_options(where: str, row: ValidationRow) -> None:
    plain = {key: value for key, value in row.options.items() if isinstance(value, (str, int, float, bool))}
    try:
        plan_options(TomlSource("options", "", plain), TrainRequest if row.command == "train" else InferRequest)
    except BadInputError as error:
        raise ContractError(f"{where}: {error}") from error


def _check_prediction(where: str, row: ValidationRow) -> None:
    """Of the same size as what is measured, where the plan can be priced here."""
    price: Any = train if row.command == "train" else infer
    layout = {name: word for name, word in PLAINEST.items() if name in _LAYOUT} if row.command == "train" else {}
    plain = {**layout, "tp": 1, "pp": 1}
    try:
        estimate = price(**{**plain, **row.options})  # nothing is searched for
    except BadInputError:  # of a model or an accelerator that is not installed
        return
    try:
        predicted = float(row.shown(row.predict(estimate)))
    except Exception as error:
        raise ContractError(f"{where}: predict: {words_of(error)}") from error
    near = predicted > 0 and 1.0 / _FAR <= predicted / row.measured <= _FAR
    require(near, f"{where}: measured: {row.measured:g}, where {predicted:g} is predicted: are both in one unit?")
