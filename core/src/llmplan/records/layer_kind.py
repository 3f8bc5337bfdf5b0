"""Kinds of layers: classes that a model in TOML is made of."""

from __future__ import annotations

from attrs import field, frozen

from llmplan.records.checks import lookup_name, one_of


@frozen(kw_only=True, eq=False, repr=False)
class LayerKind:
    """A class of layers, or of one part of them, under the key of its table in a model of layers."""

    name: str = field(validator=lookup_name)
    """Its table in TOML is called the same, with underscores for dashes."""
    description: str = ""
    cls: type
    """An attrs class whose fields are the keys of the table; ``hidden`` follows from the model."""
    role: str = field(default="mixer", validator=one_of("mixer", "mlp"))
    """``mixer`` mixes the tokens of a sequence, ``mlp`` works on each of them."""

    @property
    def key(self) -> str:
        """The key of the table that describes such a layer in TOML."""
        return self.name.replace("-", "_")
