"""What to do next: commands to paste, each of which runs as it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.text import Text

from llmplan.catalogues import LAUNCHERS, registry
from llmplan.catalogues.guard import Guard
from llmplan.errors import LlmplanError
from llmplan.estimate import TrainingEstimate
from llmplan_report.commands import command_line, command_options, search_of
from llmplan_report.terminal.console import INDENT, heading

if TYPE_CHECKING:
    from llmplan.estimate import Comparison, Estimate, Launcher

_PICTURE = "plan.svg"

Step = tuple[str, Sequence[str]]
"""What a command is for, and the command."""


def next_steps(of: Any, console: Console) -> Iterator[RenderableType]:
    """The section of a report; nothing where what was asked has no words of a command line."""
    steps = list(_of_comparison(of) if hasattr(of, "variants") else _of_search(of) if _is_search(of) else _of(of))
    if steps:
        yield heading("Next")
        for words, command in steps:
            yield Text(f"  {words}:", style="dim")
            yield Text("\n".join(_pasted(command, console.width - INDENT)))


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
    from llmplan.estimate.comparison import best_of

    fitting = [variant for variant in comparison.variants if variant.feasible]
    ranked = best_of(fitting)
    if ranked is None:
        return
    estimate: Any = ranked.estimate
    options = command_options(estimate.request)
    if options is not None:
        yield f"the best of them, {ranked.label}", command_line((comparison.command,), options)
        yield "the best layout of it", search_of(estimate, estimate.request)


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
    """Whether this package can draw a picture here: every report asks, and looks at no other exporter for it."""
    return find_spec("matplotlib") is not None


def _pasted(words: Sequence[str], width: int) -> list[str]:
    """A command on lines of that width, which a shell reads as one."""
    lines = [f"  {words[0]}"]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 <= width + INDENT:
            lines[-1] += f" {word}"
        else:
            lines[-1] += " \\"
            lines.append(f"      {word}")
    return lines
