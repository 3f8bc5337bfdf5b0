"""What a user may ask for: every option of a command, once, for the command line, plan files and Python alike.

A request holds only what was given; the rest is filled in, and it is said what was assumed.
"""

from typing import TYPE_CHECKING

from llmplan.lazily import lazily
from llmplan.request.options import (
    check_names as check_names,
    given_options as given_options,
    options_of as options_of,
)
from llmplan.request.plans import PlanRequest as PlanRequest, TrainRequest as TrainRequest
from llmplan.request.values import option_name as option_name

if TYPE_CHECKING:
    from llmplan.request.searches import InferSearchRequest as InferSearchRequest, SearchRequest as SearchRequest
    from llmplan.request.serving import (
        LOADS as LOADS,
        SERVER_OPTIONS as SERVER_OPTIONS,
        InferRequest as InferRequest,
        of_server as of_server,
    )

__getattr__, __all__ = lazily(
    __name__,
    {"searches": "InferSearchRequest SearchRequest", "serving": "LOADS SERVER_OPTIONS InferRequest of_server"},
)
