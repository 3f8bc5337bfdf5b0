"""A site that makes no cost model of one."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("--site", "broken")
CODE = 1
SAID = "site: broken of site-at-nothing at or said: returned no cost model, or no text"


class Broken:
    name = "broken"

    def at(self, cost_model):
        return None

    def said(self, hardware, phase):
        return "as published"


@hookimpl
def llmplan_sites():
    return [Broken()]
