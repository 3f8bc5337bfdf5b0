"""``llmplan show NAME``: a record with its sources, for people, as JSON, or as the file that would make it."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import attrs
import typer
from attrs import frozen

from llmplan.catalogues import COST_MODELS, DTYPES, ENGINES, FRAMEWORKS, GPUS, MODELS, OPTIMIZERS, Kind, registry
from llmplan.cli.options import completer
from llmplan.cli.tables import print_table
from llmplan.errors import BadInputError, UnknownNameError
from llmplan.output.words import gib
from llmplan.records import ModelArchitecture
from llmplan.units import GIGA, TERA

_SHOWN = (MODELS, GPUS, DTYPES, COST_MODELS, FRAMEWORKS, ENGINES, OPTIMIZERS)


def _names() -> list[str]:
    return [name for kind in _SHOWN for name in registry().catalogue(kind)]


def add_show(app: typer.Typer, summary: str) -> None:
    """Add the command."""

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
        found = _of_file(name) if name.endswith(".toml") else _of_name(name)
        if toml:
            from llmplan.catalogues.record_file import record_text

            print(record_text(found.kind, found.record), end="")
        elif json_:
            print(json.dumps(describe(found), indent=2))
        else:
            _print(describe(found))


@frozen
class Found:
    """A record, and where it is from."""

    kind: Kind
    provider: str
    record: Any


def _of_name(name: str) -> Found:
    """The record of that name, or else of that alias, of the first kind that has one."""
    catalogues = [registry().catalogue(kind) for kind in _SHOWN]
    plain = name.rpartition(":")[2]
    named = [catalogue for catalogue in catalogues if plain in dict(catalogue.offers())]
    for catalogue in named or catalogues:
        try:
            record = catalogue[name]
        except UnknownNameError:
            continue
        provider = name.rpartition(":")[0] or catalogue.providers(record.name)[0]
        return Found(catalogue.kind, provider, record)
    near = [word for catalogue in catalogues for word in catalogue.near(name)]
    hint = f"did you mean {', '.join(near)}?" if near else "llmplan list models, gpus, dtypes or cost-models shows all"
    raise UnknownNameError(f"show: {name!r} is unknown; {hint}")


def _of_file(path: str) -> Found:
    """The record of a file, of the kind that most of its keys are of."""
    from llmplan.catalogues.record_file import kind_of, read_record

    kind = kind_of(path, [kind for kind in _SHOWN if kind.in_files])
    return Found(kind, path, read_record(path, kind))


def describe(found: Found) -> dict[str, Any]:
    """A record as plain values, with its kind, provider and sources."""
    record = found.record
    fields = attrs.asdict(record, value_serializer=_plain) if attrs.has(type(record)) else {"name": record.name}
    sources = fields.pop("sources", {})
    return {
        "schema": "llmplan.show/1",
        "kind": found.kind.singular,
        "provider": found.provider,
        **fields,
        **(_model_facts(record) if found.kind is MODELS else {}),
        "sources": sources,
    }


def _model_facts(model: ModelArchitecture) -> dict[str, Any]:
    """Parameters by part, FLOPs per token at the sequence length of training, KV cache per token."""
    parts = dict(model.parameters_by_part())
    seq_len = model.training_seq_len or model.max_seq_len or 2048
    forward = model.lower(1, seq_len).flops / seq_len
    return {
        "parameters": sum(parts.values()),
        "parameters_by_part": parts,
        "flops_per_token": {"seq_len": seq_len, "forward": forward, "training": 3 * forward},
        "kv_cache_elements_per_token": model.kv_cache(1, 1).elements,
    }


def _plain(_record: Any, _field: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value


def _print(shown: dict[str, Any]) -> None:
    """Each number with the mark of its source; the sources below."""
    sources = shown.pop("sources")
    marks = {source: f"[{number}]" for number, source in enumerate(dict.fromkeys(sources.values()), 1)}
    rows = [(key, marks.get(sources.get(key, ""), ""), _words(key, value)) for key, value in _flat(shown)]
    print_table(("", "", ""), rows)
    if marks:
        print("\nSources")
        print_table(("", ""), [(mark, source) for source, mark in marks.items()])


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows.extend(_flat(value, f"{before}{key}."))
        elif value not in ("", None) and key != "schema":
            rows.append((f"{before}{key}", value))
    return rows


def _words(key: str, value: Any) -> str:
    if key == "gemm_formats":
        return ", else ".join(" or ".join(formats) for formats in value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return _number_words(key, value) if is_number else str(value)


def _number_words(key: str, value: float) -> str:
    if key.startswith("peak_flops."):
        return f"{value / TERA:,.5g} T(FL)OP/s"
    if key.endswith("_bytes_per_second"):
        return f"{value / GIGA:,.5g} GB/s"
    if key.endswith("_bytes"):
        return gib(value)
    if key.endswith("_year"):
        return str(value)
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
