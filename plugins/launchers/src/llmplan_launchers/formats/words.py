"""What a launch file says about itself, and where it finds its model."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from llmplan.estimate import TrainingEstimate

if TYPE_CHECKING:
    from llmplan.estimate import Estimate
    from llmplan.records import ModelArchitecture

_CACHED = r"models--([\w.-]+?)--([\w.-]+)/snapshots/"
"""Of the hub's cache on this machine."""
_REPOSITORY = r"(?:config\.json of |huggingface\.co/)([\w.-]+/[\w.-]+)"


def headline(program: str, estimate: Estimate) -> list[str]:
    """The plan and what is expected of it, in two lines."""
    plan = estimate.plan
    gpus = int(plan.layout.gpus)
    on = f"{gpus} x {plan.hardware.name}" if gpus > 1 else plan.hardware.name
    return [f"{plan.model.name} on {on}, for {program}, planned by llmplan", f"expected: {_expected(estimate)}"]


def _expected(estimate: Estimate) -> str:
    if isinstance(estimate, TrainingEstimate):
        return (
            f"{estimate.iteration_seconds:.4g} s an iteration of {int(estimate.plan.global_batch):,} sequences, "
            f"{estimate.memory_bytes_per_gpu / 2**30:.4g} GiB on the fullest GPU"
        )
    first, each, speed = estimate.first_token_seconds, estimate.next_token_seconds, estimate.tokens_per_second
    figures = {
        "first token {:.4g} ms": None if first is None else 1e3 * first,
        "each further token {:.4g} ms": None if each is None else 1e3 * each,
        "{:,.4g} output tokens/s": speed,
        "{:.4g} GiB on the fullest GPU": estimate.memory_bytes_per_gpu / 2**30,
    }
    return ", ".join(words.format(float(value)) for words, value in figures.items() if value is not None)


def priced_as(option: str, name: str, own: str) -> list[str]:
    """What is said where the plan's figures are those of another program; `own` begins the names of this one."""
    if own and name.startswith(own):
        return []
    another = f"; --{option} {own} prices this one" if own else ""
    return [f"the figures of the plan are those of {option} {name}{another}"]


def repository(model: ModelArchitecture) -> str | None:
    """Its name on Hugging Face, or the folder that its config.json was read in; None where it has neither."""
    sources: Any = getattr(model, "sources", {})
    for text in sources.values():
        if found := re.search(_REPOSITORY, text) or re.search(_CACHED, text):
            return "/".join(found.groups()).removesuffix(".")
        if PurePath(text).name == "config.json":
            return str(PurePath(text).parent)
    return None


def comments(lines: list[str], mark: str = "#") -> str:
    """Write these lines as comments of a shell, TOML or YAML file."""
    return "".join(f"{mark} {line}\n" for line in lines)
