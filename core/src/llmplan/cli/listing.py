"""``llmplan list``: what the installed plugins offer."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from llmplan.catalogues import COST_MODELS, DTYPES, GPUS, MODELS, Kind, registry
from llmplan.cli.options import completer
from llmplan.cli.tables import print_table
from llmplan.errors import BadInputError
from llmplan.output.words import count, gib, rate
from llmplan.records import CostModel, DTypeRule, HardwareProfile, ModelArchitecture

_LISTED = {kind.plural: kind for kind in (MODELS, GPUS, DTYPES, COST_MODELS)}
_WORDS = ", ".join(_LISTED)


def add_list(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", help=f"What is there to choose from: {_WORDS}.")
    def list_records(
        kind: Annotated[str, typer.Argument(help=_WORDS, autocompletion=completer(lambda: list(_LISTED)))],
        json_: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    ) -> None:
        if kind not in _LISTED:
            raise BadInputError(f"list: {kind!r} is none of {_WORDS}")
        chosen = _LISTED[kind]
        rows = [
            {"name": name, **_COLUMNS[chosen](record), "provider": provider}
            for name, provider, record in registry().catalogue(chosen).entries()
        ]
        if json_:
            print(json.dumps(rows, indent=2))
        elif rows:
            print_table(list(rows[0]), [[str(cell) for cell in row.values()] for row in rows])
        else:
            print(f"no plugin that offers {chosen.plural} is installed")


def _model(record: ModelArchitecture) -> dict[str, str]:
    context = record.max_seq_len
    return {
        "parameters": count(sum(record.parameters_by_part().values())),
        "layers": str(record.layers),
        "context": "" if context is None else f"{context:,}",
        "trained on": "" if record.training_tokens is None else f"{count(record.training_tokens)} tokens",
    }


def _gpu(record: HardwareProfile) -> dict[str, str]:
    peaks = record.peak_flops
    floating = max((peaks[name] for name in ("fp16", "bf16") if name in peaks), default=None)
    narrow = [f"{name} {peaks[name] / 1e12:,.4g}" for name in ("fp8", "int8", "int4") if name in peaks]
    return {
        "memory": gib(record.memory_bytes),
        "bandwidth": rate(record.memory_bytes_per_second / 1e9, "GB/s"),
        "16-bit TFLOP/s": "" if floating is None else f"{floating / 1e12:,.4g}",
        "other T(FL)OP/s": ", ".join(narrow),
        "scale-up": f"{record.scale_up_domain} x {rate(record.scale_up_bytes_per_second / 1e9, 'GB/s')}",
    }


def _described(record: DTypeRule | CostModel) -> dict[str, str]:
    return {"": "default" if record.default else "", "description": record.description}


_COLUMNS: dict[Kind, Callable[[Any], dict[str, str]]] = {
    MODELS: _model,
    GPUS: _gpu,
    DTYPES: _described,
    COST_MODELS: _described,
}
