"""One kind of layer in TOML: a table for its mixer of tokens and one for its MLP, by the kinds that plugins offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_args

from attrs import evolve, field, fields, frozen, has, make_class

from llmplan.catalogues import registry
from llmplan.catalogues.structure import type_of
from llmplan.errors import BadInputError
from llmplan.records import LayerKind, Works
from llmplan.records.checks import one_of
from llmplan_layers.attention import Mask
from llmplan_layers.layer import Layer
from llmplan_layers.mixture_of_experts import MixtureOfExperts, SparseMlp
from llmplan_layers.mlp import DenseMlp
from llmplan_layers.residual import BlockResidual, HyperConnections

_PLAIN = ("window", "norms", "parallel", "again")


@frozen(kw_only=True)
class KindFile:
    """What any kind of layer may say beside the tables of its parts."""

    moe: MixtureOfExperts | None = None
    """Experts in place of the MLP, each like it but for its width."""
    hyper_connections: HyperConnections | None = None
    block_residual: BlockResidual | None = None
    window: int | None = None
    mask: str = field(default="causal", validator=one_of(*(mask.value for mask in Mask)))
    norms: int = 2
    parallel: bool = False
    again: bool = False
    works: str = field(
        default="all", validator=one_of(*(works.value for works in (Works.ALL, Works.PROMPT, Works.ANSWER)))
    )

    def layer(self, name: str) -> Layer:
        """The layer; BadInputError where it has two mixers or MLPs, or experts like no MLP."""
        mixer, mlp = (self._part(role, name) for role in ("mixer", "mlp"))
        if self.moe is not None:
            if not isinstance(mlp, DenseMlp):
                raise BadInputError(
                    f"kinds.{name}: moe: experts are like the mlp but for their width, and there is none"
                )
            mlp = SparseMlp(moe=self.moe, dense=mlp)
        plain = {of: getattr(self, of) for of in _PLAIN}
        plain["residual"] = self.hyper_connections or self.block_residual
        return Layer(mixer=mixer, mlp=mlp, mask=Mask(self.mask), works=Works(self.works), **plain)

    def _part(self, role: str, name: str) -> Any:
        given = {kind.key: part for kind in _kinds(role) if (part := getattr(self, kind.key)) is not None}
        if len(given) > 1:
            raise BadInputError(f"kinds.{name}: {' and '.join(given)} are both given")
        return next(iter(given.values()), None)


def kind_file(kinds: Iterable[LayerKind]) -> type[KindFile]:
    """The class whose fields are the keys of a kind of layer."""
    types: dict[str, Any] = {kind.key: kind.cls | None for kind in kinds}
    tables = {key: field(default=None, type=kind) for key, kind in types.items()}
    of_layers: type[KindFile] = make_class(
        "KindOfLayer", tables, bases=(KindFile,), frozen=True, kw_only=True, slots=True
    )
    return of_layers


def file_of(cls: type[KindFile], layer: Layer) -> KindFile:
    """The table that would describe a layer."""
    given: dict[str, Any] = {of: getattr(layer, of) for of in _PLAIN}
    mixer, mlp = layer.mixer, layer.mlp
    if isinstance(mlp, SparseMlp):
        # which layers have experts is said by the order
        given["moe"] = evolve(mlp.moe, first_dense_layers=0, moe_layer_step=1)
        mlp = mlp.dense
    if layer.residual is not None:
        streams = isinstance(layer.residual, HyperConnections)
        given["hyper_connections" if streams else "block_residual"] = layer.residual
    for role, part in (("mixer", mixer), ("mlp", mlp)):
        key = next((kind.key for kind in _kinds(role) if type(part) is kind.cls), None)
        if part is not None and key is None:
            raise BadInputError(f"a {type(part).__name__} is not written in TOML")
        if key is not None:
            given[key] = part
    return cls(mask=layer.mask.value, works=layer.works.value, **given)


def _kinds(role: str) -> Iterator[LayerKind]:
    return (kind for kind in registry().layer_kinds.values() if kind.role == role)


def told(cls: Any, table: Any, hidden: Any) -> Any:
    """The values of a table with what follows: the width of the states, and KV heads as many as heads."""
    if not isinstance(table, Mapping):
        return table
    inner = _tables(cls)
    given = {key: told(inner[key], value, hidden) if key in inner else value for key, value in table.items()}
    names = {of.name for of in fields(cls)}
    follows = {"hidden": hidden} if "hidden" in names else {}
    if "kv_heads" in names and "heads" in table:
        follows["kv_heads"] = table["heads"]
    return {**follows, **given}


@cache
def _tables(cls: Any) -> Mapping[str, Any]:
    """The keys that are tables, and the classes of these."""
    kinds = {of.name: type_of(of.type, cls) for of in fields(cls)}
    found = {name: next(filter(_is_table, (kind, *get_args(kind))), None) for name, kind in kinds.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and has(kind)
