"""The hooks that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues.forms import Form, ModelForm
    from llmplan.records import RunReader

LLMPLAN_API = 1


@hookimpl
def llmplan_model_forms() -> Iterable[ModelForm]:
    """How a site is written in TOML."""
    from llmplan.catalogues.forms import ModelForm

    yield ModelForm(name="site", description="factors on rates, with what is known of each", make=_of_sites, of="site")


def _of_sites() -> Form:
    from llmplan.catalogues.forms import Form
    from llmplan_calibration.site import MeasuredSite

    return Form(MeasuredSite)


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """Contribute the command ``llmplan calibrate`` to the app."""
    from llmplan_calibration.command import add_calibrate

    add_calibrate(app, "Own runs made a site: what its rates are, and how surely, for --site.")


@hookimpl
def llmplan_run_readers() -> Iterable[RunReader]:
    """Logs of programs that train, results of benchmarks of servers, timings of kernels and links."""
    from llmplan_calibration.formats.gemms import GemmTable
    from llmplan_calibration.formats.megatron import MegatronLog
    from llmplan_calibration.formats.nccl import NcclTests
    from llmplan_calibration.formats.nemo import NemoLog
    from llmplan_calibration.formats.serving import SGLANG, VLLM
    from llmplan_calibration.formats.torchtitan import TorchtitanLog
    from llmplan_calibration.formats.trainer import TrainerLog

    yield from (MegatronLog(), TorchtitanLog(), NemoLog(), TrainerLog(), VLLM, SGLANG, NcclTests(), GemmTable())
