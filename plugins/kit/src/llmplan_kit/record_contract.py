"""Contracts of what does something when it is asked: readers, kinds of layers, advisers, executors, options."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from typing import Any

from attrs import fields, has

from llmplan import records
from llmplan.catalogues import ADVISERS, COMMAND_OPTIONS, EXECUTORS, LAYER_KINDS, MODEL_READERS, PLAN_OPTIONS
from llmplan.errors import BadInputError
from llmplan.estimate import Advice, Adviser, CommandOption, PlanOptions
from llmplan.request import InferRequest, TrainRequest, option_name
from llmplan_kit.contracts import ContractError, checked_name, require

_NOBODYS = ("no-such-model", "a model, in words", "7")
"""References that are no file, folder or name on a hub."""
_MEMBERS = {
    "mixer": ("part", "parameters", "cache_width", "cache_ways", "operators"),
    "mlp": ("parameters", "active_parameters", "routed_parameters", "operators"),
}


def check_model_reader(reader: records.ModelReader) -> None:
    """It claims what is of its kind, and nothing that is of no kind."""
    name = checked_name(MODEL_READERS, reader)
    for reference in _NOBODYS:
        claimed = reader.claims(reference)
        require(isinstance(claimed, bool), f"{name}: claims: returned a {type(claimed).__name__}, not a bool")
        require(not claimed, f"{name}: claims {reference!r}: a reference is to be of one reader alone")


def check_layer_kind(kind: records.LayerKind) -> None:
    """Its class is one of attrs, and lowers itself."""
    name = checked_name(LAYER_KINDS, kind)
    require(has(kind.cls), f"{name}: cls: {kind.cls.__name__} is no class of attrs")
    stated = {field.name for field in fields(kind.cls)}
    missing = [member for member in _MEMBERS[kind.role] if member not in stated and not hasattr(kind.cls, member)]
    require(not missing, f"{name}: cls: {kind.cls.__name__} has no {', '.join(missing)}, which a {kind.role} has")


def check_adviser(adviser: Adviser, estimates: Iterable[Any] = ()) -> None:
    """It gives advice, or none."""
    name = checked_name(ADVISERS, adviser)
    asked: list[tuple[str, Any]] = []
    if adviser.refused is not None:
        refusal = BadInputError("gpu: 'h1000' is unknown")
        asked.append(("refused", adviser.refused(refusal, ("train", "llama-7b", "--gpu", "h1000"))))
    if adviser.infeasible is not None:
        asked += [("infeasible", adviser.infeasible(estimate)) for estimate in estimates]
    require(asked or estimates, f"{name}: has neither refused nor infeasible")
    for field, advice in asked:
        right = advice is None or (isinstance(advice, Advice) and "\n" not in advice.line)
        require(right, f"{name}: {field}: returned {advice!r}, neither None nor Advice of one line")


def check_executor(executor: records.SearchExecutor) -> None:
    """It opens a pool, works on what is sent to it, and closes the pool."""
    name = checked_name(EXECUTORS, executor)
    if executor.takes_scheduler:  # that of somebody
        return
    try:
        with executor.open(1, None) as pool:
            require(isinstance(pool, Executor), f"{name}: open: gives a {type(pool).__name__}, not an Executor")
            found = pool.submit(max, 1, 2).result()
    except (TypeError, AttributeError) as error:
        raise ContractError(f"{name}: open: is no context manager: {error}") from error
    require(found == max(1, 2), f"{name}: open: what is submitted comes to {found!r}")


def check_command_option(option: CommandOption) -> None:
    """Its name is free, and it does something."""
    name = checked_name(COMMAND_OPTIONS, option)
    require(option.help, f"{name}: help: is empty")
    require(option.read or option.begin, f"{name}: has neither read nor begin, and does nothing")
    require(name not in _taken(), f"{name}: llmplan has --{name} itself")


def check_plan_options(options: PlanOptions) -> None:
    """Names of options are free."""
    name = checked_name(PLAN_OPTIONS, options)
    taken = _taken()
    for field in (*options.options, *options.train, *options.infer):
        require(option_name(field) not in taken, f"{name}: llmplan has --{option_name(field)} itself")


def _taken() -> set[str]:
    return {option_name(field.name) for request in (TrainRequest, InferRequest) for field in fields(request)}
