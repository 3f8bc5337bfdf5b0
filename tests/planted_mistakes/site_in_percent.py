"""Rates of a site in percent of the published ones."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl


class Slower:
    """Another cost model, at rates in percent."""

    def __init__(self, cost_model):
        self.cost_model = cost_model

    def __getattr__(self, name):
        return getattr(self.cost_model, name)

    def train(self, plan):
        estimate = self.cost_model.train(plan)
        return evolve(estimate, time_breakdown={line: 94 * value for line, value in estimate.time_breakdown.items()})


class Planted:
    """One site."""

    name = "planted"

    def at(self, cost_model):
        return Slower(cost_model)

    def said(self, hardware, phase):
        return "94 % of the published rates"


@hookimpl
def llmplan_sites():
    return [Planted()]
