"""A kind of layer that lowers itself to nothing."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_layer_kinds():
    from attrs import frozen

    from llmplan.records import LayerKind

    @frozen
    class Planted:
        """Nothing but a width."""

        hidden: int = 1

    return [LayerKind(name="planted", cls=Planted)]
