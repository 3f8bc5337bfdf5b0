"""Command lines, as people paste them: what was asked, or the same with other options."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmplan.catalogues import registry
from llmplan.estimate import TrainingEstimate
from llmplan.request import given_options, option_name, options_of
from llmplan.request.latencies import LIMITED
from llmplan.space.dimensions import without_layout

if TYPE_CHECKING:
    from llmplan.estimate import Estimate

_ARGUMENT = "model"
_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def search_of(estimate: Estimate, request: Any) -> list[str]:
    """The same question with the layout left open, of training on as many accelerators."""
    command = "train" if isinstance(estimate, TrainingEstimate) else "infer"
    kept = without_layout(given_options(request), command)
    gpus = {"gpus": int(estimate.plan.layout.gpus)} if command == "train" else {}
    return command_line(("search", command), {**kept, **gpus})


def command_options(request: Any) -> dict[str, Any] | None:
    """What was given, as options; None where a record has no name that a command line would find it by."""
    if request is None:
        return None
    found = given_options(request)
    for name, option in options_of(type(request)).items():
        given, kind = getattr(request, name), option["names"]
        if hasattr(given, "table"):
            return None
        if given is None or isinstance(given, str) or not isinstance(kind, str):
            continue
        catalogue = getattr(registry(), kind.replace("-", "_"))
        if found[name] not in catalogue or catalogue[found[name]] is not given:
            return None
    return found


def command_line(command: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """``llmplan train llama-65b --gpu h100-sxm-80gb``: the words, an option and its value in one."""
    model = [shlex.quote(_word(options[_ARGUMENT]))] if _ARGUMENT in options else []
    pairs = (_pair(name, value) for name, value in options.items() if name != _ARGUMENT and value is not None)
    return [" ".join(("llmplan", *command, *model)), *pairs, *registry().plugins.options]


def _pair(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{'' if value else 'no-'}{option_name(name)}"
    if name in LIMITED and isinstance(value, float):
        return f"--{option_name(name)} {value!r}s"
    return f"--{option_name(name)} {shlex.quote(_word(value))}"


def _word(value: Any) -> str:
    """A value as people type it: 1.4T for 1400000000000."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(_word, value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    for unit, suffix in _SUFFIXES:
        if value >= unit and float(f"{value / unit:.4g}") * unit == value:
            return f"{value / unit:.4g}{suffix}"
    return str(int(value)) if value == int(value) else repr(float(value))
