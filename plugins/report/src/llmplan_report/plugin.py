"""The hook that this package implements; matplotlib is imported only when something is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.estimate import Exporter

LLMPLAN_API = 1
_SUFFIXES = (".svg", ".png", ".pdf")


@hookimpl
def llmplan_exporters() -> Iterable[Exporter]:
    """``.svg``, ``.png`` and ``.pdf``."""
    from llmplan.estimate import Exporter

    for suffix in _SUFFIXES:
        yield Exporter(
            name=f"picture-{suffix[1:]}",
            suffix=suffix,
            export=_drawn("plan", suffix),
            export_comparison=_drawn("comparison", suffix),
            export_search=_drawn("frontier", suffix),
            check=_check,
            description="a picture",
        )


def _drawn(module: str, suffix: str) -> Callable[[Any], bytes]:
    def draw(of: Any) -> bytes:
        contents: bytes = import_module(f"llmplan_report.{module}").draw(of, suffix)
        return contents

    return draw


def _check() -> None:
    from llmplan_report.drawing import check

    check()
