"""``llmplan list``: what the installed plugins offer."""

import json
from collections.abc import Callable
from operator import itemgetter
from typing import Annotated, Any

import typer

from llmplan.catalogues import GPUS, MODELS, Catalogue, registry
from llmplan.cli.options import completer
from llmplan.cli.tables import print_table
from llmplan.errors import BadInputError
from llmplan.output.words import count, digits
from llmplan.records import HardwareProfile, ModelArchitecture
from llmplan.units import GIB

_EXAMPLES = 3
_FORMATS = ("fp8", "fp4", "int8", "int4")
_SPARE = {">int4": 1, ">tf32": 1, ">int8": 2, ">fp4": 3, ">training tokens": 1}
"""Columns that go first where a terminal is too narrow for all: those of 1, then of 2, then of 3."""


def _plurals() -> list[str]:
    return [kind.plural for kind in registry().kinds]


def _words() -> str:
    return ", ".join(_plurals())


def add_list(app: typer.Typer, summary: str) -> None:
    """Add ``llmplan list`` to the app."""

    @app.command("list", help=summary)
    def list_records(
        kind: Annotated[str | None, typer.Argument(help=_words(), autocompletion=completer(_plurals))] = None,
        json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        catalogues = [registry().catalogue(one) for one in registry().kinds] if kind is None else [_catalogue(kind)]
        if json_:
            entries = {catalogue.kind.plural: _entries(catalogue) for catalogue in catalogues}
            print(json.dumps(entries if kind is None else entries.popitem()[1], indent=2))
        elif kind is None:
            print_table(("llmplan list", ">number", "for example"), [_summary(catalogue) for catalogue in catalogues])
        else:
            _print(catalogues[0])


def _catalogue(word: str) -> Catalogue[Any]:
    for kind in registry().kinds:
        if word in (kind.plural, kind.singular):
            return registry().catalogue(kind)
    raise BadInputError(f"list: {word!r} is none of {_words()}")


def _entries(catalogue: Catalogue[Any]) -> list[dict[str, str]]:
    return [{"name": name, "provider": provider} for name, provider in catalogue.offers()]


def _summary(catalogue: Catalogue[Any]) -> tuple[str, str, str]:
    names = catalogue.names()
    more = ", …" if len(names) > _EXAMPLES else ""
    return catalogue.kind.plural, str(len(names)), ", ".join(names[:_EXAMPLES]) + more


def _print(catalogue: Catalogue[Any]) -> None:
    columns = catalogue.kind.columns or _COLUMNS.get(catalogue.kind.plural, _described)
    rows = [
        {"name": _said(name, provider, catalogue), **columns(record)} for name, provider, record in catalogue.entries()
    ]
    if not rows:
        print(f"no plugin that offers {catalogue.kind.plural} is installed")
    elif _SPARE.keys() & rows[0].keys():
        from llmplan.output.console import rendered, wide_console
        from llmplan.output.table import Column, fitted

        columns = [Column(head.lstrip(">"), itemgetter(head), head != "name", _SPARE.get(head, 0)) for head in rows[0]]
        print(rendered(console := wide_console(), fitted(columns, rows, console, 0)), end="")
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])


def _said(name: str, provider: str, catalogue: Catalogue[Any]) -> str:
    """A name as it has to be written: with its distribution where two offer it."""
    return name if len(catalogue.providers(name)) == 1 else f"{provider}:{name}"


def _model(record: ModelArchitecture) -> dict[str, str]:
    context = record.max_seq_len
    return {
        ">parameters": count(sum(record.parameters_by_part().values())),
        ">layers": str(record.layers),
        ">context": "" if context is None else f"{context:,}",
        ">training tokens": "" if record.training_tokens is None else count(record.training_tokens),
    }


def _gpu(record: HardwareProfile) -> dict[str, str]:
    """Rates in TFLOP/s, of integers TOP/s, empty where the device has no units for the format."""
    peaks = {name: digits(peak / 1e12) for name, peak in record.peak_flops.items()}
    return {
        ">GiB": f"{record.memory_bytes / GIB:,.4g}",
        ">GB/s": f"{record.memory_bytes_per_second / 1e9:,.4g}",
        ">tf32": peaks.get("tf32", ""),
        ">16bit": peaks.get("fp16", peaks.get("bf16", "")),
        **{f">{name}": peaks.get(name, "") for name in _FORMATS},
        ">scale-up": f"{record.scale_up_domain}x{record.scale_up_bytes_per_second / 1e9:,.4g}",
    }


def _described(record: Any) -> dict[str, str]:
    default = getattr(record, "default", False)
    return {"description": f"default: {record.description}" if default else record.description}


_COLUMNS: dict[str, Callable[[Any], dict[str, str]]] = {
    MODELS.plural: _model,
    GPUS.plural: _gpu,
}
