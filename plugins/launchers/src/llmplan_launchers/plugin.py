"""The hooks that this package implements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.estimate import Asking, CommandOption, Estimate, Launcher

LLMPLAN_API = 1

_TRAINING = ("megatron", "megatron_bridge", "torchtitan", "deepspeed", "accelerate", "axolotl", "trl")
_SERVING = ("vllm", "sglang", "tensorrt_llm", "llama_cpp", "kubernetes")


@hookimpl
def llmplan_launchers() -> Iterable[Launcher]:
    """Contribute the launchers, each of which is a module."""
    for name in _TRAINING:
        yield import_module(f"llmplan_launchers.training.{name}").LAUNCHER
    for name in _SERVING:
        yield import_module(f"llmplan_launchers.serving.{name}").LAUNCHER


@hookimpl
def llmplan_command_options() -> Iterable[CommandOption]:
    """Contribute ``--export`` and ``--from``; what they do is imported where they are given."""
    from llmplan.estimate import CommandOption

    yield CommandOption(
        name="export",
        metavar="NAME[:FILE]",
        help="Write the launch file of a program that runs the plan; without FILE it is printed in place of the "
        "report. Again for each program; llmplan list launchers shows them.",
        repeated=True,
        names="launchers",
        begin=_begin,
    )
    yield CommandOption(
        name="from",
        metavar="[NAME:]FILE",
        help="Options from a launch file; what is given beside it wins over it.",
        read=_read,
    )


def _begin(value: Iterable[str], asking: Asking) -> Callable[[Estimate | None], Callable[[], str]]:
    from llmplan_launchers.writing import exporting

    return exporting(value, asking)


def _read(value: str, asking: Asking) -> Mapping[str, Any]:
    from llmplan_launchers.reading import options_of

    return options_of(value, asking)
