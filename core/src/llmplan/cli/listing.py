"""``llmplan list``: what the installed plugins offer."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from llmplan.catalogues import GPUS, KINDS, MODELS, Catalogue, registry
from llmplan.cli.options import completer
from llmplan.cli.tables import print_table
from llmplan.errors import BadInputError
from llmplan.output.words import count
from llmplan.records import HardwareProfile, ModelArchitecture
from llmplan.units import GIB

_LISTED = {kind.plural: kind for kind in KINDS}
_WORDS = ", ".join(_LISTED)


def add_list(app: typer.Typer, summary: str) -> None:
    """Add the command."""

    @app.command("list", help=summary)
    def list_records(
        kind: Annotated[str, typer.Argument(help=_WORDS, autocompletion=completer(lambda: list(_LISTED)))],
        json_: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    ) -> None:
        if kind not in _LISTED:
            raise BadInputError(f"list: {kind!r} is none of {_WORDS}")
        catalogue = registry().catalogue(_LISTED[kind])
        rows = [
            {"name": _said(name, provider, catalogue), **_COLUMNS.get(kind, _described)(record)}
            for name, provider, record in catalogue.entries()
        ]
        if json_:
            entries = [{"name": name, "provider": provider} for name, provider, _ in catalogue.entries()]
            print(json.dumps(entries, indent=2))
        elif rows:
            print_table(list(rows[0]), [list(row.values()) for row in rows])
        else:
            print(f"no plugin that offers {catalogue.kind.plural} is installed")


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
    """Rates in T(FL)OP/s, empty where the device has no units for the format."""
    peaks = {name: f"{peak / 1e12:,.4g}" for name, peak in record.peak_flops.items()}
    return {
        ">GiB": f"{record.memory_bytes / GIB:,.4g}",
        ">GB/s": f"{record.memory_bytes_per_second / 1e9:,.4g}",
        ">16-bit": peaks.get("fp16", peaks.get("bf16", "")),
        **{f">{name}": peaks.get(name, "") for name in ("fp8", "int8", "int4")},
        ">scale-up": f"{record.scale_up_domain} x {record.scale_up_bytes_per_second / 1e9:,.4g}",
    }


def _described(record: Any) -> dict[str, str]:
    default = getattr(record, "default", False)
    return {"description": f"default: {record.description}" if default else record.description}


_COLUMNS: dict[str, Callable[[Any], dict[str, str]]] = {MODELS.plural: _model, GPUS.plural: _gpu}
