"""A model of layers in TOML: its kinds of layers, each a table, and the order in which they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from attrs import evolve, field, fields, frozen

from llmplan.errors import BadInputError
from llmplan.records import (
    CrossAttention,
    DeltaAttention,
    DenseMlp,
    GroupedAttention,
    LatentAttentionLayer,
    Layer,
    LayeredModel,
    Mamba1,
    Mamba2,
    Mask,
    MixtureOfExperts,
    SparseMlp,
    StoredWeights,
    Works,
)
from llmplan.records.checks import one_of, whole


@frozen(kw_only=True)
class KindFile:
    """One kind of layer; a mixer of tokens and an MLP, either of which may be missing."""

    attention: GroupedAttention | None = None
    latent_attention: LatentAttentionLayer | None = None
    cross_attention: CrossAttention | None = None
    delta: DeltaAttention | None = None
    mamba: Mamba1 | None = None
    mamba2: Mamba2 | None = None
    mlp: DenseMlp | None = None
    moe: MixtureOfExperts | None = None
    """Experts in place of the MLP, each like it but for its width."""
    window: int | None = None
    mask: str = field(default="causal", validator=one_of(*(mask.value for mask in Mask)))
    norms: int = 2
    parallel: bool = False
    again: bool = False
    works: str = field(default="all", validator=one_of(*(works.value for works in Works)))

    def layer(self, name: str) -> Layer:
        """The layer; BadInputError where it has two mixers, or experts like no MLP."""
        mixers = {of: mixer for of in _MIXERS if (mixer := getattr(self, of)) is not None}
        if len(mixers) > 1:
            raise BadInputError(f"kinds.{name}: {' and '.join(mixers)} are both given")
        if self.moe is not None and self.mlp is None:
            raise BadInputError(f"kinds.{name}: moe: experts are like the mlp but for their width, and there is none")
        return Layer(
            mixer=next(iter(mixers.values()), None),
            mlp=self.mlp if self.moe is None or self.mlp is None else SparseMlp(moe=self.moe, dense=self.mlp),
            mask=Mask(self.mask),
            works=Works(self.works),
            **{of: getattr(self, of) for of in _PLAIN},
        )

    @classmethod
    def of(cls, layer: Layer) -> KindFile:
        """The table of a layer."""
        mixer, mlp = layer.mixer, layer.mlp
        given: dict[str, Any] = {of: getattr(layer, of) for of in _PLAIN}
        name = next((of for of, kind in _MIXERS.items() if isinstance(mixer, kind)), None)
        if mixer is not None and name is None:
            raise BadInputError(f"a {type(mixer).__name__} is not written in TOML")
        if isinstance(mlp, SparseMlp):
            # which layers have experts is said by the order
            given |= {"mlp": mlp.dense, "moe": evolve(mlp.moe, first_dense_layers=0, moe_layer_step=1)}
        elif isinstance(mlp, DenseMlp):
            given["mlp"] = mlp
        elif mlp is not None:
            raise BadInputError(f"a {type(mlp).__name__} is not written in TOML")
        if name is not None:
            given[name] = mixer
        return cls(mask=layer.mask.value, works=layer.works.value, **given)


_MIXERS: Mapping[str, type] = {
    "attention": GroupedAttention,
    "latent_attention": LatentAttentionLayer,
    "cross_attention": CrossAttention,
    "delta": DeltaAttention,
    "mamba": Mamba1,
    "mamba2": Mamba2,
}
_PLAIN = ("window", "norms", "parallel", "again")
_OF_MODEL = tuple(of.name for of in fields(LayeredModel) if of.name != "order")


@frozen(kw_only=True)
class LayeredFile:
    """The keys of the file."""

    name: str
    family: str = ""
    layers: int = field(validator=whole)
    """In all: the order starts anew until there are as many."""
    order: tuple[str, ...]
    """Names of kinds; ``3 x full`` is one three times."""
    kinds: Mapping[str, KindFile]
    hidden: int
    vocab: int
    tied_embeddings: bool = False
    norm_bias: bool = False
    embedding_norm: bool = False
    final_norm: bool = True
    positions_are_wide: bool = False
    position_rows: int = 0
    embedding_width: int | None = None
    head_parameters: int = 0
    lm_head_bias: bool = False
    beside: Mapping[str, int] = field(factory=dict)
    generates: bool = True
    max_seq_len: int | None = None
    training_seq_len: int | None = None
    training_tokens: float | None = None
    aliases: tuple[str, ...] = ()
    stored: StoredWeights | None = None
    assumed: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(factory=dict)
    note: str = ""

    def record(self) -> LayeredModel:
        """The model; BadInputError where the order names a kind that is not there."""
        names = [name for entry in self.order for name in _repeated(entry)]
        if not names:
            raise BadInputError("order: names no layer")
        for name in names:
            if name not in self.kinds:
                raise BadInputError(f"order: {name!r} is none of {', '.join(self.kinds)}")
        made = {name: kind.layer(name) for name, kind in self.kinds.items()}
        order = tuple(made[names[number % len(names)]] for number in range(self.layers))
        return LayeredModel(order=order, **{name: getattr(self, name) for name in _OF_MODEL})

    @classmethod
    def of(cls, model: LayeredModel) -> LayeredFile:
        """The file of a model, its kinds called by what they are."""
        names: dict[Layer, str] = {}
        for layer in model.kinds:
            names[layer] = _name(layer, [*names.values()])
        period = _period([names[layer] for layer in model.order])
        order = [_times(name, len(list(run))) for name, run in groupby(period)]
        kinds = {name: KindFile.of(layer) for layer, name in names.items()}
        given = {name: getattr(model, name) for name in _OF_MODEL}
        return cls(layers=model.layers, order=tuple(order), kinds=kinds, **given)


_REPEATED = re.compile(r"(\d+) x (.+)")


def _repeated(entry: str) -> list[str]:
    repeated = _REPEATED.fullmatch(entry)
    return [entry] if repeated is None else [repeated[2]] * int(repeated[1])


def _times(name: str, times: int) -> str:
    return name if times == 1 else f"{times} x {name}"


def _name(layer: Layer, taken: Sequence[str]) -> str:
    part = "mlp" if layer.mixer is None else layer.mixer.part
    kind = "windowed" if layer.window is not None and part == "attention" else part
    word = f"{kind}_experts" if layer.routed_parameters else kind
    return word if word not in taken else f"{word}_{sum(name.startswith(word) for name in taken) + 1}"


def _period(names: Sequence[str]) -> Sequence[str]:
    """The shortest beginning that gives all, repeated."""
    for length in range(1, len(names)):
        if all(name == names[number % length] for number, name in enumerate(names)):
            return names[:length]
    return names


def with_widths(values: dict[str, Any]) -> dict[str, Any]:
    """The width of the states in every table that needs it; KV heads as many as heads where left out."""
    kinds = values.get("kinds")
    if not isinstance(kinds, Mapping):
        return values
    return {**values, "kinds": {name: _wide(kind, values.get("hidden")) for name, kind in kinds.items()}}


def _wide(kind: Any, hidden: Any) -> Any:
    if not isinstance(kind, Mapping):
        return kind
    told = {key: _told(key, value, hidden) for key, value in kind.items()}
    both = kind.get("cross_attention")
    if isinstance(both, Mapping):
        told["cross_attention"] = {key: _told("attention", value, hidden) for key, value in both.items()}
    return told


def _told(key: str, table: Any, hidden: Any) -> Any:
    if not isinstance(table, Mapping) or key not in (*_MIXERS, "mlp"):
        return table
    heads = {"kv_heads": table["heads"]} if key == "attention" and "heads" in table else {}
    return {"hidden": hidden, **heads, **table}


def without_widths(values: dict[str, Any]) -> dict[str, Any]:
    """The same without what follows from the rest."""
    kinds = {
        name: {key: _untold(value) if isinstance(value, Mapping) else value for key, value in kind.items()}
        for name, kind in values["kinds"].items()
    }
    return {**values, "kinds": kinds}


def _untold(table: Mapping[str, Any]) -> dict[str, Any]:
    left = {key: _untold(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    left.pop("hidden", None)
    return left
