"""What a user may ask for: every option of a command, once, for the command line, plan files and Python alike.

A request holds only what was given; the rest is filled in, and it is said what was assumed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmplan.request.options import check_names, given_options, options_of
from llmplan.request.plans import OFFLOADS, PlanRequest, TrainRequest
from llmplan.request.values import option_name

if TYPE_CHECKING:
    from llmplan.request.searches import InferSearchRequest, SearchRequest
    from llmplan.request.serving import LOADS, SERVER_OPTIONS, InferRequest, of_server

__all__ = [
    "LOADS",
    "OFFLOADS",
    "SERVER_OPTIONS",
    "InferRequest",
    "InferSearchRequest",
    "PlanRequest",
    "SearchRequest",
    "TrainRequest",
    "check_names",
    "given_options",
    "of_server",
    "option_name",
    "options_of",
]


def __getattr__(name: str) -> Any:
    """What training does not need is built when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{'searches' if 'Search' in name else 'serving'}"), name)
    globals()[name] = value
    return value
