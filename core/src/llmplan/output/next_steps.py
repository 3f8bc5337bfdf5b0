"""What to do next: commands to paste, each of which runs as it is printed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmplan.catalogues import LAUNCHERS, registry
from llmplan.catalogues.guard import Guard
from llmplan.errors import LlmplanError
from llmplan.estimate import TrainingEstimate
from llmplan.output.blocks import Text
from llmplan.output.console import INDENT, heading
from llmplan.output.files import painter_of
from llmplan.request import given_options, option_name, options_of
from llmplan.request.latencies import LIMITED
from llmplan.space.dimensions import NAMES

if TYPE_CHECKING:
    from llmplan.estimate import Comparison, Estimate, Launcher, Variant
    from llmplan.output.console import Block, Console

_ARGUMENT = "model"
_OPEN = (*NAMES, "gradient_accumulation", "max_micro_batch")
"""What a search is free to choose; how many accelerators there are stays."""
_REPLICAS = ("gpus", "tp", "pp", "dp", "ep")
_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
_PICTURE = "plan.svg"

Step = tuple[str, Sequence[str]]
"""What a command is for, and the command."""


def next_steps(of: Any, console: Console) -> Iterator[Block]:
    """The section of a report; nothing where what was asked has no words of a command line."""
    steps = list(_of_comparison(of) if hasattr(of, "variants") else _of_search(of) if _is_search(of) else _of(of))
    if steps:
        yield heading("Next")
        for words, command in steps:
            yield Text(f"  {words}:", "dim")
            yield Text("\n".join(pasted(command, console.width - INDENT)))


def _is_search(of: Any) -> bool:
    return hasattr(of, "requests")


def _of(estimate: Estimate) -> Iterator[Step]:
    """Of one plan: the best of its kind, a picture, the file that starts it."""
    options = command_options(estimate.request)
    if options is None:
        return
    name = "train" if isinstance(estimate, TrainingEstimate) else "infer"
    yield (
        "the best plans, and why they are" if name == "train" else "the best servers, and why",
        search_of(estimate, estimate.request),
    )
    if not estimate.feasible:
        return
    if _draws():
        yield "a picture", command_line((name,), {**options, "picture": _PICTURE})
    launcher = launcher_of(estimate)
    if launcher is not None:
        file = f"{launcher.name}:{launcher.file_name}"
        yield f"the launch file, for {launcher.name}", command_line((name,), {**options, "export": file})


def search_of(estimate: Estimate, request: Any) -> list[str]:
    """The same question with the layout left open, of training on as many accelerators."""
    command = "train" if isinstance(estimate, TrainingEstimate) else "infer"
    kept = without_layout(given_options(request), command)
    gpus = {"gpus": int(estimate.plan.layout.gpus)} if command == "train" else {}
    return command_line(("search", command), {**kept, **gpus})


def without_layout(options: Mapping[str, Any], command: str) -> dict[str, Any]:
    """What is given beside a layout, which a search chooses; of serving a batch means nothing to it either."""
    if command == "train":
        chosen = tuple(name for name in _OPEN if name != "gpus")
    else:
        from llmplan.request.searches import NOT_OF_SERVERS

        chosen = (*NOT_OF_SERVERS, *_REPLICAS)
    return {name: value for name, value in options.items() if name not in chosen}


def _of_search(result: Any) -> Iterator[Step]:
    """Of a search: its best plan by itself, other figures, the file that starts the best plan."""
    if not result.best:
        return
    best, name = result.best[0], result.command
    options, asked = command_options(result.requests[0]), dict(result.asked)
    if options is None or any(isinstance(value, Mapping) for value in asked.values()):
        return
    yield "the best plan by itself", command_line((name,), options)
    if not result.pareto_of and name == "train":
        figures = f"time,{'memory' if best.cost is None else 'cost'}"
        yield (
            f"the frontier of {figures.replace(',', ' and ')}",
            command_line(("search", name), {**asked, "pareto": figures}),
        )
    launcher = launcher_of(best)
    if launcher is not None:
        file = f"{launcher.name}:{launcher.file_name}"
        yield f"its launch file, for {launcher.name}", command_line((name,), {**options, "export": file})


def _of_comparison(comparison: Comparison) -> Iterator[Step]:
    """Of several plans: the one that has the best of the figure that plans are ranked by."""
    fitting = [variant for variant in comparison.variants if variant.feasible]
    ranked = ranking(fitting)
    if ranked is None:
        return
    estimate: Any = ranked.estimate
    options = command_options(estimate.request)
    if options is not None:
        yield f"the best of them, {ranked.label}", command_line((comparison.command,), options)
        yield "the best layout of it", search_of(estimate, estimate.request)


def ranking(variants: Sequence[Variant]) -> Variant | None:
    """The plan with the least price of what it makes, where prices are known, else with the most of it by one GPU."""
    if not variants:
        return None
    costs = [_cost(variant.estimate) for variant in variants]
    if None not in costs:
        return min(zip(costs, variants, strict=True), key=lambda one: one[0])[1]
    return max(variants, key=lambda one: _speed(one.estimate))


def _cost(estimate: Any) -> Any:
    return estimate.cost if isinstance(estimate, TrainingEstimate) else estimate.cost_per_million_tokens


def _speed(estimate: Any) -> float:
    return estimate.tokens_per_second_per_gpu or 0.0


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


def pasted(words: Sequence[str], width: int) -> list[str]:
    """A command on lines of that width, which a shell reads as one."""
    lines = [f"  {words[0]}"]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 <= width + INDENT:
            lines[-1] += f" {word}"
        else:
            lines[-1] += " \\"
            lines.append(f"      {word}")
    return lines


def launcher_of(estimate: Estimate) -> Launcher | None:
    """The first that writes a file of this plan, those of its own framework or engine before others; no other's for a
    program that is meant for some accelerators alone.
    """
    plan: Any = estimate.plan
    record = plan.framework if isinstance(estimate, TrainingEstimate) else plan.engine
    program, alone = record.name, bool(record.architectures)
    command = "train" if isinstance(estimate, TrainingEstimate) else "infer"
    for launcher in _launchers(program, others=not alone):
        if launcher.command != command:
            continue
        try:
            with Guard(LAUNCHERS, launcher.name):
                launcher.write(estimate)
        except LlmplanError:
            continue
        return launcher
    return None


def _launchers(program: str, *, others: bool) -> Iterator[Launcher]:
    """Those of this program, then those of others, which are made where none of its own takes the plan."""
    entries = registry().launchers.entries
    yield from (one for _, _, one in entries(program.lower()) if program in one.programs)
    if others:
        yield from (one for _, _, one in entries() if program not in one.programs)


def _draws() -> bool:
    """Whether a picture can be drawn here."""
    try:
        painter_of(_PICTURE)
    except LlmplanError:
        return False
    return True
