"""What a user may ask for: every option of a command, once, for the command line, plan files and Python alike.

A request holds only what was given; the rest is filled in, and it is said what was assumed.
"""

from llmplan.request.options import given_options, options_of
from llmplan.request.plans import LOADS, OFFLOADS, SERVER_OPTIONS, InferRequest, TrainRequest, of_server
from llmplan.request.searches import InferSearchRequest, SearchRequest
from llmplan.request.values import option_name

__all__ = [
    "LOADS",
    "OFFLOADS",
    "SERVER_OPTIONS",
    "InferRequest",
    "InferSearchRequest",
    "SearchRequest",
    "TrainRequest",
    "given_options",
    "of_server",
    "option_name",
    "options_of",
]
