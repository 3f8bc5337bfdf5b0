"""``llmplan show NAME``: a record with its sources, for people, as JSON, or as the file that would make it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import attrs
import typer

from llmplan.catalogues import (
    CLUSTERS,
    COST_MODELS,
    DTYPES,
    ENGINES,
    FRAMEWORKS,
    GPUS,
    MODELS,
    OPTIMIZERS,
    SCHEDULES,
    Kind,
    registry,
)
from llmplan.cli.options import completer
from llmplan.cli.tables import print_table
from llmplan.errors import BadInputError, UnknownNameError
from llmplan.output.words import gib
from llmplan.records import Block, LoweredModel, ModelArchitecture, Phase
from llmplan.records.cluster import is_plain
from llmplan.records.hardware import LINKS
from llmplan.space.read_model import read_model
from llmplan.units import GIGA, rate

_STEP, _IN = re.compile(r"\.(?![\d])|(?<=[a-z_])\.(?=\d)"), "  "
_OURS = (MODELS, GPUS, CLUSTERS, DTYPES, COST_MODELS, FRAMEWORKS, ENGINES, OPTIMIZERS, SCHEDULES)


def _shown() -> tuple[Kind, ...]:
    """Kinds whose records are named: of plugins' own those that say so."""
    return (*_OURS, *(kind for kind in registry().kinds if kind.is_shown))


def _names() -> list[str]:
    return [name for kind in _shown() for name in registry().catalogue(kind)]


def add_show(app: typer.Typer, summary: str) -> None:
    """Add ``llmplan show`` to the app."""

    @app.command("show", help=summary)
    def show(
        name: Annotated[
            str,
            typer.Argument(
                help="Of a model, gpu, dtype, …: llmplan list; or a TOML file of one.", autocompletion=completer(_names)
            ),
        ],
        json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
        toml: Annotated[bool, typer.Option("--toml", help="Print the file that --gpu, --model, … read.")] = False,
    ) -> None:
        if toml and json_:
            raise BadInputError("toml: contradicts --json")
        record, kind, provider = find(name)
        if toml:
            if not kind.in_files:
                raise BadInputError(_no_file(name, kind))
            from llmplan_listing.record_text import record_text

            print(record_text(kind, record), end="")
        elif json_:
            print(json.dumps(describe(record, kind, provider), indent=2))
        else:
            _print(describe(record, kind, provider))


def _no_file(name: str, kind: Kind) -> str:
    """That records of a kind have no form as files, and which kinds have."""
    *kinds, last = (of.plural for of in _shown() if of.in_files)
    article = "an" if kind.singular[0] in "aeiou" else "a"
    return f"toml: {name} is {article} {kind.singular}, which has no form as a file; {', '.join(kinds)} and {last} have"


def find(name: str) -> tuple[Any, Kind, str]:
    """The record of a name, of a file, or of what a reader of models takes, with its kind and who provides it."""
    if name.endswith(".toml"):
        from llmplan.catalogues.record_file import read_record

        kind = _kind_of(name, [kind for kind in _shown() if kind.in_files])
        return read_record(name, kind), kind, name
    catalogues = [registry().catalogue(kind) for kind in _shown()]
    named = [catalogue for catalogue in catalogues if name.rpartition(":")[2] in dict(catalogue.offers())]
    for catalogue in named or catalogues:
        try:
            record = catalogue[name]
        except UnknownNameError:
            continue
        distribution = name.rpartition(":")[0]
        return record, catalogue.kind, distribution or next(iter(catalogue.providers(record.name)), "")
    model = read_model(name)
    if model is not None:
        return model, MODELS, name
    near = [word for catalogue in catalogues for word in catalogue.near(name)]
    hint = f"did you mean {', '.join(near)}?" if near else "llmplan list models, gpus, dtypes or cost-models shows all"
    raise UnknownNameError(f"show: {name!r} is unknown; {hint}")


def _kind_of(path: str, kinds: Sequence[Kind]) -> Kind:
    """The kind that has most of the keys of a file; of several, the one that has the record that it is like."""
    from llmplan.catalogues.record_file import form_of
    from llmplan.catalogues.toml_source import TomlSource

    values = TomlSource.read(path).values
    like = values.get("like")

    def fitting(kind: Kind) -> tuple[int, bool]:
        return len(values.keys() & form_of(kind, path).keys()), isinstance(like, str) and like in registry().catalogue(
            kind
        )

    return max(kinds, key=fitting)


def describe(record: Any, kind: Kind, provider: str) -> dict[str, Any]:
    """A record as plain values, with its kind, provider and sources."""
    fields = {"name": record.name}
    if attrs.has(type(record)):
        fields = attrs.asdict(record, value_serializer=_plain, filter=lambda attribute, _value: bool(attribute.repr))
    sources = fields.pop("sources", {})
    if kind is GPUS and is_plain(record.cluster):
        del fields["cluster"]  # two levels: what they are made of says it all
    return {
        "schema": "llmplan.show/1",
        "kind": kind.singular,
        "provider": provider,
        **fields,
        **(_model_facts(record) if kind is MODELS else {}),
        **({name: getattr(record, name) for name in LINKS} if kind is GPUS else {}),
        "sources": sources,
    }


def _model_facts(model: ModelArchitecture) -> dict[str, Any]:
    """Parameters by part, FLOPs per token at the sequence length of training, KV cache per token."""
    parts = dict(model.parameters_by_part())
    seq_len = model.training_seq_len or model.max_seq_len or 2048
    lowered = model.lower(1, seq_len, phase=Phase.PREFILL)
    forward = lowered.flops / seq_len
    return {
        "layers": model.layers,
        "kinds_of_layers": [f"{block.count} x {_parts(block)}" for block in lowered.layers],
        "parameters": sum(parts.values()),
        "parameters_by_part": parts,
        "flops_per_token": {"seq_len": seq_len, "forward": forward, "training": 3 * forward},
        "kv_cache_elements_per_token": model.kv_cache(1, 1).elements,
        **_states(lowered),
    }


def _states(lowered: LoweredModel) -> dict[str, float]:
    """What recurrent layers keep of a sequence, where there are any."""
    kept = sum(
        block.count * operator.state.elements
        for block in lowered.layers
        for operator in block.operators
        if operator.state is not None
    )
    return {"state_elements_per_sequence": kept} if kept else {}


def _parts(block: Block) -> str:
    """The lines of the breakdown that a layer's operators belong to."""
    parts = dict.fromkeys(operator.part for operator in block.operators)
    return ", ".join(part for part in parts if part != "layernorm") or "norms"


def _plain(_record: Any, _field: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value


def _print(shown: dict[str, Any]) -> None:
    """Each number with the mark of its source; the sources below."""
    sources = shown.pop("sources")
    marks = {source: f"[{number}]" for number, source in enumerate(dict.fromkeys(sources.values()), 1)}
    print_table(
        ("", "", ""),
        _tree((key, marks.get(sources.get(key, ""), ""), _words(key, value)) for key, value in _flat(shown)),
    )
    if marks:
        print("\nSources")
        print_table(("", ""), [(mark, source) for source, mark in marks.items()])


def _tree(rows: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """``kernels.gemm.bf16`` as steps, each further in: names side by side with their values would take all the room."""
    above: list[str] = []
    for key, mark, words in rows:
        *path, leaf = _STEP.split(key)
        same = next(
            (at for at, (one, other) in enumerate(zip(path, above, strict=False)) if one != other),
            min(len(path), len(above)),
        )
        for depth in range(same, len(path)):
            yield f"{_IN * depth}{path[depth]}", "", ""
        above = path
        yield f"{_IN * len(path)}{leaf}", mark, words


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows.extend(_flat(value, f"{before}{key}."))
        elif isinstance(value, tuple) and value and all(isinstance(one, dict) for one in value):
            for place, one in enumerate(value):
                rows.extend(_flat({name: inner for name, inner in one.items() if inner}, f"{before}{key}[{place}]."))
        elif value not in ("", None, ()) and key != "schema":
            rows.append((f"{before}{key}", value))
    return rows


def _words(key: str, value: Any) -> str:
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value) and value:
        return ", ".join(value)
    if key == "gemm_formats":
        return ", else ".join(" or ".join(formats) for formats in value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return _number_words(key, value) if is_number else str(value)


def _number_words(key: str, value: float) -> str:
    if key.startswith("peak_flops."):
        return rate(value, key.removeprefix("peak_flops."))
    if key.endswith("bytes_per_second"):
        return f"{value / GIGA:,.5g} GB/s"
    if key.endswith("_bytes"):
        return gib(value)
    if key.endswith("_year"):
        return str(value)
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
