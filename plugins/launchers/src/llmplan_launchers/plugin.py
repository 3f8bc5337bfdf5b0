"""The hooks that this package implements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import LazyRecord
    from llmplan.estimate import Asking, CommandOption, Estimate

LLMPLAN_API = 1

_SERVING = ("vllm", "sglang", "tensorrt-llm", "llama-cpp", "kubernetes")
"""The others train."""


@hookimpl
def llmplan_launchers() -> Iterable[LazyRecord]:
    """Contribute the launchers, each of which is a module."""
    from llmplan.catalogues import LazyRecord
    from llmplan_launchers.programs import PROGRAMS

    for name, programs in PROGRAMS.items():
        yield LazyRecord(name, partial(_launcher, name), programs)


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


def _launcher(name: str) -> Any:
    home = f"{'serving' if name in _SERVING else 'training'}.{name.replace('-', '_')}"
    return import_module(f"llmplan_launchers.{home}").LAUNCHER
