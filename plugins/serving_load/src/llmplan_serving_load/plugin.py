"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.estimate import ServerModel

LLMPLAN_API = 1


@hookimpl
def llmplan_server_models() -> Iterable[ServerModel]:
    """Contribute the server model ``continuous-batching``, which answers for servers under a load."""
    from llmplan_serving_load.model import ContinuousBatching

    return [ContinuousBatching()]
