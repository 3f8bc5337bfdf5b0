"""A site as its TOML file says it: a table for each accelerator and phase, in it a line for each rate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmplan.catalogues.forms import plain

if TYPE_CHECKING:
    from llmplan_calibration.site import MeasuredSite


def site_text(site: MeasuredSite) -> str:
    """The text of the file, which ``--site`` reads."""
    values = plain(site)
    gpus = values.pop("gpus")
    return "\n".join([*_lines(values), *_tables(gpus)]) + "\n"


def _tables(gpus: Mapping[str, Any]) -> Iterator[str]:
    for gpu, phases in gpus.items():
        for phase, fitted in phases.items():
            yield f"\n[gpus.{json.dumps(gpu)}.{phase}]"
            yield from _lines(fitted)


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name} = {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    """A number, a text, a list or a table on one line, as TOML writes it."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_lines(value))} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
