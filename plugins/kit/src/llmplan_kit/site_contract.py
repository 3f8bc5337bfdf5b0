"""Contracts of what is measured: readers of runs, and sites, which are put to work on a plan."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from llmplan.catalogues import RUN_READERS, SITES, registry
from llmplan.estimate import TrainingEstimate
from llmplan.records import RunReader, Site
from llmplan_kit.contracts import ContractError, checked_name, require

_FAR = 10.0
"""Times as long, or short, as elsewhere: no place differs so much."""


def check_run_reader(reader: RunReader) -> None:
    """It says which files are its own, and an empty one is none of them."""
    name = checked_name(RUN_READERS, reader)
    require(isinstance(reader.description, str), f"{name}: description: {reader.description!r} is no text")
    require(callable(reader.rows), f"{name}: rows: is no function")
    for text in ("", "one line\n", '{"a": 1}\n'):
        found = reader.recognises(text)
        require(isinstance(found, bool), f"{name}: recognises: returned a {type(found).__name__}, not a bool")
        require(not found or text, f"{name}: recognises an empty file as one of its own")


def check_site(site: Site, estimates: Sequence[Any]) -> None:
    """A cost model at the site prices the same plans, and the reader is told so."""
    name = checked_name(SITES, site)
    cost_model = next((one for one in registry().cost_models.values() if one.default), None)
    if cost_model is None:
        return
    for estimate in estimates:
        plan = estimate.plan
        training = isinstance(estimate, TrainingEstimate)
        said = site.said(plan.hardware, "train" if training else "infer")
        require(isinstance(said, str) and said, f"{name}: said: returned {said!r}, not what the reader has to know")
        there = site.at(cost_model)
        try:
            priced = there.train(plan) if training else there.infer(plan)
        except Exception as error:
            raise ContractError(f"{name}: at: prices no plan: {type(error).__name__}: {error}") from error
        require(priced.plan.layout is plan.layout, f"{name}: at: prices another plan")
        seconds, usual = (
            _seconds(one) for one in (priced, cost_model.train(plan) if training else cost_model.infer(plan))
        )
        require(isfinite(seconds) and seconds > 0, f"{name}: at: a plan takes {seconds} s")
        near = 1.0 / _FAR <= seconds / usual <= _FAR
        require(
            near, f"{name}: at: a plan takes {seconds / usual:.3g} times as long as elsewhere: are factors fractions?"
        )


def _seconds(priced: Any) -> float:
    return float(priced.iteration_seconds if isinstance(priced, TrainingEstimate) else priced.total_seconds)
