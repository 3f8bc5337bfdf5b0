"""A model of layers in TOML: its kinds of layers, each a table, and the order in which they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import groupby
from typing import Any

from attrs import field, fields, frozen, make_class

from llmplan.catalogues import registry
from llmplan.catalogues.forms import Form
from llmplan.errors import BadInputError, shown
from llmplan.records import LayerKind, StoredWeights
from llmplan.records.checks import whole
from llmplan_layers.kind_file import KindFile, file_of, kind_file, told
from llmplan_layers.layer import Layer
from llmplan_layers.layered_model import LayeredModel
from llmplan_layers.transformer_checks import MOST_LAYERS, few_enough

_DIGITS = 9
_OF_MODEL = tuple(of.name for of in fields(LayeredModel) if of.name not in ("order", "drafts"))


@frozen(kw_only=True)
class LayeredFile:
    """The keys of a file that describes a model layer by layer."""

    name: str
    family: str = ""
    layers: int = field(validator=[whole, few_enough])
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
    mtp_layers: int = 0
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
    def of(cls, kind: type[KindFile], model: LayeredModel) -> LayeredFile:
        """The file of a model, its kinds called by what they are."""
        names: dict[Layer, str] = {}
        for layer in model.kinds:
            names[layer] = _name(layer, [*names.values()])
        period = _period([names[layer] for layer in model.order])
        order = [_times(name, len(list(run))) for name, run in groupby(period)]
        kinds = {name: file_of(kind, layer) for layer, name in names.items()}
        given = {name: getattr(model, name) for name in _OF_MODEL}
        return cls(layers=model.layers, order=tuple(order), kinds=kinds, **given)


_REPEATED = re.compile(r"(\d+) x (.+)")


def _repeated(entry: str) -> list[str]:
    repeated = _REPEATED.fullmatch(entry)
    if repeated is None:
        return [entry]
    times = int(repeated[1][:_DIGITS])
    if len(repeated[1]) > _DIGITS or times > MOST_LAYERS:
        raise BadInputError(f"order: {shown(entry)} is more than {MOST_LAYERS:,} layers")
    return [repeated[2]] * times


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


def form() -> Form:
    """How it is written, with the kinds of layers of all plugins that are installed."""
    return _form(*registry().layer_kinds.values())


@lru_cache(maxsize=1)
def _form(*kinds_of_layers: LayerKind) -> Form:
    kind = kind_file(kinds_of_layers)
    kinds = {"kinds": field(type=Mapping[str, kind])}  # type: ignore[valid-type]
    cls: type[LayeredFile] = make_class(
        "ModelOfLayers", kinds, bases=(LayeredFile,), frozen=True, kw_only=True, slots=True
    )
    return Form(
        cls,
        LayeredFile.record,
        partial(cls.of, kind),
        completed=partial(_with_widths, kind),
        shortened=_without_widths,
        makes=LayeredModel,
    )


def _with_widths(kind: type[KindFile], values: dict[str, Any]) -> dict[str, Any]:
    kinds = values.get("kinds")
    if not isinstance(kinds, Mapping):
        return values
    return {**values, "kinds": {name: told(kind, table, values.get("hidden")) for name, table in kinds.items()}}


def _without_widths(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "kinds": {name: _untold(table) for name, table in values["kinds"].items()}}


def _untold(table: Mapping[str, Any]) -> dict[str, Any]:
    left = {key: _untold(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    left.pop("hidden", None)
    return left
